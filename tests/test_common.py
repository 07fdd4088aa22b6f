"""scikit-learn's own checks: none is expected to fail."""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepcluster import Augmentation, DeepClusterCategorizer, Stability
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    SwappedPrediction,
)

ESTIMATORS = [
    DeepClusterCategorizer(backbone=backbone, n_epochs=1)
    for backbone in ("small_cnn", "resnet18")
]
ESTIMATORS.append(DeepClusterCategorizer.from_recipe("fast", n_epochs=1))

# Those that parametrize_with_checks leaves out.
EXTRA = [
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_inplace_ensure_writeable,
    estimator_checks.check_param_validation,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X .* feature names")
@pytest.mark.parametrize("check", EXTRA, ids=lambda check: check.__name__)
def test_checks_that_are_left_out(check):
    check("DeepClusterCategorizer", ESTIMATORS[0])


@pytest.mark.parametrize(
    "part",
    [
        Augmentation(),
        Stability(),
        ClusterClassification(),
        CentroidClassification(),
        SwappedPrediction(),
    ],
    ids=lambda part: type(part).__name__,
)
def test_parameters_with_parameters_of_their_own(part):
    assert set(part._parameter_constraints) == set(part.get_params())
    name = type(part).__name__
    estimator_checks.check_parameters_default_constructible(name, part)
    estimator_checks.check_get_params_invariance(name, part)
    estimator_checks.check_estimator_cloneable(name, part)
    estimator_checks.check_estimator_repr(name, part)
    for constrained in part._parameter_constraints:
        bad = clone(part).set_params(**{constrained: "not a value"})
        with pytest.raises(ValueError, match=f"'{constrained}' parameter of {name}"):
            bad._validate_params()
