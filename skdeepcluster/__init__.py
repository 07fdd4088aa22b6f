"""Label-free image categorisation by deep clustering, in scikit-learn's manner."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "_augmentation",
    "ClusterMajorityClassifier": "_majority",
    "CollapseWarning": "_warnings",
    "DeepClusterCategorizer": "_categorizer",
    "ImageReader": "archive",
    "Pretrained": "_pretrained",
    "Stability": "_stopping",
    "cluster_purity_score": "metrics",
    "load_archive": "archive",
    "remove_checkpoints": "_checkpoint",
}

__all__ = [
    "Augmentation",
    "ClusterMajorityClassifier",
    "CollapseWarning",
    "DeepClusterCategorizer",
    "ImageReader",
    "Pretrained",
    "Stability",
    "cluster_purity_score",
    "load_archive",
    "remove_checkpoints",
]

if TYPE_CHECKING:
    from skdeepcluster._augmentation import Augmentation
    from skdeepcluster._categorizer import DeepClusterCategorizer
    from skdeepcluster._checkpoint import remove_checkpoints
    from skdeepcluster._majority import ClusterMajorityClassifier
    from skdeepcluster._pretrained import Pretrained
    from skdeepcluster._stopping import Stability
    from skdeepcluster._warnings import CollapseWarning
    from skdeepcluster.archive import ImageReader, load_archive
    from skdeepcluster.metrics import cluster_purity_score
else:
    # PEP 562: importing the package costs neither torch nor scikit-learn.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
