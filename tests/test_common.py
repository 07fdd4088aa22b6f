"""scikit-learn's own checks: none is expected to fail."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepcluster import Augmentation, DeepClusterCategorizer

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


def test_augmentation_validates_its_parameters():
    assert set(Augmentation._parameter_constraints) == set(Augmentation().get_params())
    estimator_checks.check_parameters_default_constructible(
        "Augmentation", Augmentation()
    )
