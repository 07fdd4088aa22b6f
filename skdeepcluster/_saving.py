"""A fitted estimator on disk: as one safetensors file, or as a pickle."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepcluster import _model_file, _names, _parameters
from skdeepcluster._engine import runtime
from skdeepcluster._engine.state import below

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from skdeepcluster._engine.model import Model
else:
    BaseEstimator = object

_ARRAYS = ("labels_", "last_epoch_labels_")
_ARRAYS_OF_EXTEND = ("new_labels_", "new_outliers_")
OF_EXTEND = (*_ARRAYS_OF_EXTEND, "n_new_clusters_", "new_embedding_")
"""Attributes that only `extend` sets."""
_READER = {"image_size": "auto", "channels": 1, "frames": "first", "window": "series"}


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_sum(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def _is_reader(value: Any) -> bool:
    """Whether it is None or settings; ValueError if one has a wrong value."""
    if not isinstance(value, dict):
        return value is None
    from skdeepcluster.archive._options import check_options

    check_options(**_READER | value)
    return True


# What is saved as JSON, and whether a value can be one of it.
_VALUES: dict[str, Callable[[Any], bool]] = {
    "inertia_": _is_sum,
    "n_epochs_": _is_count,
    "n_fit_clusters_": _is_count,
    "n_features_in_": _is_count,
    "reader_": _is_reader,
}


class SavingMixin(BaseEstimator):
    """Save, load and pickle an estimator that has a `model_`."""

    model_: Model
    embedding_: NDArray[np.float32] | None
    new_embedding_: NDArray[np.float32] | None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one safetensors file, without pickle or code.

        It holds the network, the centroids, the labels and history of the fit, and
        the parameters, but no images. Left out are callbacks, `checkpoint`, `weights`
        (training has replaced them), an `objective`, `augmentation` or `stopping` of
        your own class, and a `random_state` that is not an int. :meth:`load` reads the
        file on any machine.

        Parameters
        ----------
        path : str or path
            The file, conventionally ``*.safetensors``. An existing file is replaced
            once the new one is complete.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError
            If `backbone` is a callable, whose code cannot be saved, or `names_` has an
            invalid name.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from skdeepcluster import DeepClusterCategorizer
        >>> images = np.random.default_rng(0).random((20, 16, 16))
        >>> est = DeepClusterCategorizer(n_clusters=2, n_epochs=1)
        >>> labels = est.fit_predict(images)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     est.save(f"{folder}/model.safetensors")
        ...     loaded = DeepClusterCategorizer.load(f"{folder}/model.safetensors")
        >>> bool((loaded.predict(images) == labels).all())
        True
        """
        check_is_fitted(self)
        for backbone in (self.model_.architecture.backbone, self.backbone):
            if callable(backbone):
                raise ValueError(
                    f"backbone={backbone!r} is code, which a model file cannot hold; "
                    "use pickle or joblib for this estimator, or choose a backbone by "
                    "name."
                )
        attributes = {name: getattr(self, name) for name in _VALUES}
        try:
            attributes["names_"] = _names.to_json(self.names_, self.n_clusters_)
        except ValueError as error:
            raise ValueError(f"names_ cannot be saved. {error}") from error
        if hasattr(self, "feature_names_in_"):
            attributes["feature_names_in_"] = list(self.feature_names_in_)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if hasattr(self, "n_new_clusters_"):
            attributes["n_new_clusters_"] = self.n_new_clusters_
            arrays |= {name: getattr(self, name) for name in _ARRAYS_OF_EXTEND}
        arrays |= {f"history_.{name}": row for name, row in self.history_.items()}
        parameters = _parameters.to_json(self.get_params(deep=False))
        document = {"parameters": parameters, "attributes": attributes}
        _model_file.write(path, self.model_, arrays, document)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that :meth:`save` wrote. Nothing in the file is executed.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        DeepClusterCategorizer
            The fitted estimator, on the device of its parameter `device`, or, with a
            warning, on the CPU if this machine lacks that device.

        Raises
        ------
        ValueError
            If the file is not such a model, is damaged, or has another version.
        OSError
            If it cannot be read.
        """
        stored = _model_file.read(path)
        try:
            est = cls(**_parameters.from_json(stored.document["parameters"]))
            est._validate_params()
            _parameters.check_parts(est)
            est.model_ = stored.model
            # Models of version 2 were never extended.
            first = {"n_fit_clusters_": est.n_clusters_}
            est._restore(stored.arrays, first | stored.document["attributes"])
        except _model_file.DAMAGED as error:
            raise _model_file.damaged(path, error) from error
        est.model_ = est.model_.to(runtime.device_or_cpu(est.device))
        return est

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any]
    ) -> None:
        """Take the attributes that :meth:`save` wrote beside the model."""
        for name, is_possible in _VALUES.items():
            if not is_possible(attributes[name]):
                raise ValueError(f"{name} cannot be {attributes[name]!r:.50}")
            setattr(self, name, attributes[name])
        for name in _ARRAYS:
            labels = arrays[name]
            if labels.ndim != 1 or labels.dtype != np.int64 or (labels < 0).any():
                raise ValueError(f"{name} does not hold labels")
            setattr(self, name, labels)
        if (self.labels_ >= self.n_clusters_).any():
            raise ValueError("labels_ has clusters that do not exist")
        if not 1 <= self.n_fit_clusters_ <= self.n_clusters_:
            raise ValueError("n_fit_clusters_ does not fit the clusters")
        if "n_new_clusters_" in attributes:
            self._restore_extended(arrays, attributes["n_new_clusters_"])
        if self.n_features_in_ != math.prod(self.image_shape_):
            raise ValueError("n_features_in_ does not fit the images")
        if "feature_names_in_" in attributes:
            names = attributes["feature_names_in_"]
            if type(names) is not list or {type(name) for name in names} != {str}:
                raise ValueError("feature_names_in_ are not names")
            if len(names) != self.n_features_in_:
                raise ValueError("feature_names_in_ do not fit the images")
            self.feature_names_in_ = np.array(names, dtype=object)
        self.names_ = _names.from_json(attributes["names_"], self.n_clusters_)
        self.history_ = below("history_.", arrays)
        if any(row.shape != (self.n_epochs_,) for row in self.history_.values()):
            raise ValueError("history_ does not have a value for each of n_epochs_")
        self.embedding_ = None

    def _restore_extended(
        self, arrays: Mapping[str, NDArray[Any]], n_new_clusters: Any
    ) -> None:
        """Take the attributes that :meth:`extend` set."""
        labels, outliers = (arrays[name] for name in _ARRAYS_OF_EXTEND)
        made_later = self.n_clusters_ - self.n_fit_clusters_
        if not _is_count(n_new_clusters) or n_new_clusters > made_later:
            raise ValueError(f"n_new_clusters_ cannot be {n_new_clusters!r:.50}")
        if labels.ndim != 1 or labels.dtype != np.int64:
            raise ValueError("new_labels_ does not hold labels")
        if (labels < 0).any() or (labels >= self.n_clusters_).any():
            raise ValueError("new_labels_ has clusters that do not exist")
        if outliers.shape != labels.shape or outliers.dtype != np.bool_:
            raise ValueError("new_outliers_ does not fit new_labels_")
        self.n_new_clusters_ = n_new_clusters
        self.new_labels_, self.new_outliers_ = labels, outliers
        self.new_embedding_ = None

    def __getstate__(self) -> dict[str, Any]:
        """The state on the CPU, for machines without a GPU."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = self.model_.to(torch.device("cpu"))
            state["embedding_"] = None  # as large as the set
            if "new_embedding_" in state:
                state["new_embedding_"] = None
            state["checkpoint"] = None  # of the machine and of learning
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            device = runtime.device_or_cpu(self.device)
            self.model_ = self.model_.to(device)
