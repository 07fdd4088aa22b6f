import numpy as np
import pytest
from sklearn.base import clone

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    SwappedClassification,
    SwappedPrediction,
    TwoStages,
)


@pytest.mark.parametrize(
    ("n_epochs", "share", "n_first"),
    [(20, 0.6, 12), (1, 0.6, 1), (1, 0.1, 1), (2, 0.6, 1), (3, 0.9, 3), (5, 0.1, 1)],
)
def test_epochs_are_shared_and_the_first_stage_has_one_at_least(
    n_epochs, share, n_first
):
    objective = TwoStages(share=share)
    stages = [objective.stage(epoch, n_epochs) for epoch in range(n_epochs)]
    found = [stage.objective for stage in stages]
    expected = [objective.first] * n_first + [objective.second] * (n_epochs - n_first)
    assert found == expected
    spans = {stage.epochs for stage in stages}
    assert spans == {(0, n_first), (n_first, n_epochs)} - {(n_epochs, n_epochs)}


def test_the_rate_falls_in_each_stage_anew(quick, digits):
    objective = TwoStages(share=0.5, rate_factor=0.5, n_clusters=8)
    quick.set_params(objective=objective, n_epochs=4, lr_schedule="cosine")
    rates = quick.fit(digits[0]).history_["learning_rate"]
    whole = quick.learning_rate
    np.testing.assert_allclose(rates, [whole, whole / 2, whole / 2, whole / 4])


def test_the_defaults_find_one_cluster_for_ten_images_in_the_second_stage(digits):
    X, _ = digits
    est = DeepClusterCategorizer(4, n_epochs=3, random_state=0).fit(X)
    assert est.n_clusters_ == 4
    assert 10 < len(set(est.last_epoch_labels_)) <= 20
    np.testing.assert_allclose(np.linalg.norm(est.cluster_centers_, axis=1), 1, 1e-5)
    np.testing.assert_array_equal(est.predict(X), est.labels_)


def test_the_number_of_clusters_does_not_change_the_network(digits):
    X, _ = digits
    few, many = (
        DeepClusterCategorizer(k, n_epochs=2, random_state=0).fit(X) for k in (3, 9)
    )
    np.testing.assert_array_equal(few.embedding_, many.embedding_)


def test_parameters_of_stages_are_set_by_a_path():
    est = DeepClusterCategorizer.from_recipe(
        "fast", objective__first__n_prototypes=64, objective__n_clusters=None
    )
    assert est.objective.first.n_prototypes == 64
    assert est.objective.n_clusters is None
    again = clone(est).set_params(objective__second=CentroidClassification(0.2))
    assert again.objective.second.temperature == 0.2
    assert isinstance(est.objective.second, SwappedClassification)
    assert TwoStages().first is not TwoStages().first


@pytest.mark.parametrize(
    "wrong",
    [{"share": 1.0}, {"share": 0}, {"rate_factor": 0}, {"n_clusters": 0}, {"first": 1}],
)
def test_a_wrong_parameter_is_named(quick, digits, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        quick.set_params(objective=TwoStages(**wrong)).fit(digits[0])


def test_stages_come_back_from_disk_but_for_those_of_a_users_class(
    quick, digits, tmp_path
):
    class Own(ClusterClassification):
        pass

    for first, kept in ((SwappedPrediction(32), True), (Own(), False)):
        objective = TwoStages(first, CentroidClassification(0.3), share=0.5)
        quick.set_params(objective=objective, n_epochs=2).fit(digits[0])
        quick.save(tmp_path / "model.safetensors")
        loaded = DeepClusterCategorizer.load(tmp_path / "model.safetensors")
        assert repr(loaded.objective) == (repr(objective) if kept else "None")
        np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)


def test_principal_components_are_no_space_for_the_second_stage(quick, digits):
    quick.set_params(objective=None, pca_components=4)
    with pytest.raises(ValueError, match="the default has this one as its second"):
        quick.fit(digits[0])
    quick.set_params(objective=SwappedPrediction()).fit(digits[0])


def test_stages_within_stages(quick, digits):
    inner = TwoStages(share=0.5, rate_factor=0.5, n_clusters=7)
    whole = TwoStages(second=inner, share=0.5, rate_factor=0.5, n_clusters=9)
    stages = [whole.stage(epoch, 8) for epoch in range(8)]
    expected = [whole.first] * 4 + [inner.first] * 2 + [inner.second] * 2
    assert [stage.objective for stage in stages] == expected
    spans = [(0, 4)] * 4 + [(4, 6)] * 2 + [(6, 8)] * 2
    assert [stage.epochs for stage in stages] == spans
    assert [stage.rate_factor for stage in stages] == [1] * 4 + [0.5] * 2 + [0.25] * 2
    assert [stage.n_clusters for stage in stages] == [None] * 4 + [9] * 2 + [7] * 2
    first = TwoStages(first=inner, share=0.5).stage(3, 8)
    assert (first.objective, first.epochs) == (inner.second, (2, 4))
    quick.set_params(objective=whole, n_epochs=4)
    assert quick.fit(digits[0][:60]).n_epochs_ == 4
