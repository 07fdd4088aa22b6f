"""A fitted model, as a person sees it: tables and displays."""

from skdeepcluster._names import names_from
from skdeepcluster.review._copies import near_duplicates
from skdeepcluster.review._embedding_map import EmbeddingDisplay
from skdeepcluster.review._history import TrainingHistoryDisplay
from skdeepcluster.review._label_map import ClusterLabelDisplay
from skdeepcluster.review._merge_tree import MergeTreeDisplay
from skdeepcluster.review._montage import ClusterMontageDisplay
from skdeepcluster.review._outliers import outliers
from skdeepcluster.review._report import write_report
from skdeepcluster.review._summary import cluster_table, representatives
from skdeepcluster.review._tree import merge_clusters
from skdeepcluster.review._votes import series_vote

__all__ = [
    "ClusterLabelDisplay",
    "ClusterMontageDisplay",
    "EmbeddingDisplay",
    "MergeTreeDisplay",
    "TrainingHistoryDisplay",
    "cluster_table",
    "merge_clusters",
    "names_from",
    "near_duplicates",
    "outliers",
    "representatives",
    "series_vote",
    "write_report",
]
