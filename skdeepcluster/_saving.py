"""A fitted estimator on disk: as one safetensors file, or as a pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepcluster import _model_file, _names, _parameters
from skdeepcluster._attributes import check_attributes
from skdeepcluster._engine import runtime
from skdeepcluster._engine.state import below
from skdeepcluster._history import FIGURES
from skdeepcluster._rules import Rule, check_all

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from skdeepcluster._engine.model import Model
else:
    BaseEstimator = object

_PARTS = ("parameters", "attributes")
_MAPPING = Rule("a mapping", lambda value: type(value) is dict)
_VALUES = (
    "inertia_",
    "n_epochs_",
    "n_features_in_",
    "n_fit_clusters_",
    "pretrained_",
    "reader_",
)
_ARRAYS = ("labels_", "last_epoch_labels_")
_ARRAYS_OF_EXTEND = ("new_labels_", "new_outliers_")
OF_EXTEND = (*_ARRAYS_OF_EXTEND, "n_new_clusters_", "new_embedding_")
"""Attributes that only `extend` sets."""


class SavingMixin(BaseEstimator):
    """Save, load and pickle an estimator that has a `model_`."""

    model_: Model
    embedding_: NDArray[np.float32] | None
    new_embedding_: NDArray[np.float32] | None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one safetensors file, without pickle or code.

        It holds the network, the centroids, the labels and history of the fit, and
        the parameters, but no images. Left out are callbacks, `checkpoint`, the path of
        weights that it started from, an `objective`, `augmentation` or `stopping` of
        your own class, and a `random_state` that is not an int. :meth:`load` reads the
        file on any machine; with a network of timm, it has to be installed there.

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
            If `backbone` is a callable or an object of your own class, whose code
            cannot be saved, or `names_` has an invalid name.

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
            is_object = not isinstance(backbone, str)
            if is_object and not _parameters.is_ours(backbone):
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
        arrays |= {f"history_.{name}": self.history_[name] for name in FIGURES}
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
        document = stored.document
        try:
            check_all(document, dict.fromkeys(_PARTS, _MAPPING), "part")
            est = cls(**_parameters.from_json(document["parameters"]))
            est._validate_params()
            _parameters.check_each_part(est)  # parts may contradict others since
            est.model_ = stored.model
            est._restore(stored.arrays, document["attributes"])
        except _model_file.DAMAGED as error:
            raise _model_file.damaged(path, error) from error
        est.model_ = est.model_.to(runtime.device_or_cpu(est.device))
        return est

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]
    ) -> None:
        """Take the attributes that :meth:`save` wrote beside the model."""
        check_attributes(values, arrays, self.model_)
        for name, value in values.items():
            setattr(self, name, value)
        self.names_ = _names.from_json(values["names_"], self.n_clusters_)
        if "feature_names_in_" in values:
            names = np.array(values["feature_names_in_"], dtype=object)
            self.feature_names_in_ = names
        history = below("history_.", arrays)
        self.history_ = {name: history[name] for name in FIGURES}
        for name in (*_ARRAYS, *_ARRAYS_OF_EXTEND):
            if name in arrays:
                setattr(self, name, arrays[name])
        self.embedding_ = None
        if "n_new_clusters_" in values:
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
