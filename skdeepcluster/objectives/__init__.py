"""What the network learns: one file and one paper each.

An objective is a parameter of `DeepClusterCategorizer` that has parameters of its own,
as a kernel is of scikit-learn's Gaussian processes.
"""

from skdeepcluster._engine.objective import Stage
from skdeepcluster.objectives._base import Objective
from skdeepcluster.objectives._centroids import CentroidClassification
from skdeepcluster.objectives._clusters import ClusterClassification
from skdeepcluster.objectives._joint import SwappedClassification
from skdeepcluster.objectives._stages import TwoStages
from skdeepcluster.objectives._swapped import SwappedPrediction

__all__ = [
    "CentroidClassification",
    "ClusterClassification",
    "Objective",
    "Stage",
    "SwappedClassification",
    "SwappedPrediction",
    "TwoStages",
]
