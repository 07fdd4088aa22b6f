from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.callback import ScoringMonitor
from sklearn.manifold import TSNE

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.metrics import pseudo_label_monitor, purity_scorer
from skdeepcluster.review import (
    ClusterLabelDisplay,
    ClusterMontageDisplay,
    EmbeddingDisplay,
    MergeTreeDisplay,
    TrainingHistoryDisplay,
)


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def montage(images, labels, scores, **options):
    return ClusterMontageDisplay.from_predictions(images, labels, scores, **options)


def test_a_row_a_cluster_the_most_typical_first():
    images = np.arange(60, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    labels = np.array([0] * 10 + [1] * 50)
    scores = np.random.default_rng(0).permutation(60).astype(float)
    display = montage(images, labels, scores, n_columns=4)
    sheet = display.pixels[32::64, 32::64, 0].astype(float)
    best = [
        members[np.argsort(-scores[members])][:4]
        for members in (np.arange(10), np.arange(10, 60))
    ]
    low, high = np.percentile(np.repeat(best, 8 * 8), (1, 99))
    for row, members in zip(sheet, best, strict=True):
        expected = np.clip((members - low) / (high - low), 0, 1) * 255
        np.testing.assert_allclose(row, expected, atol=1)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == ["0  (n = 10)", "1  (n = 50)"]


def test_small_clusters_leave_white():
    display = montage(np.zeros((3, 8, 8)), [0, 1, 1], [0, 0, 0])
    assert (display.pixels[:64, 64:] == 255).all()
    assert (display.pixels[64:, 64 + 2 : 128 - 2] == 0).any()


@pytest.mark.parametrize("shape", [(9, 9), (5, 30), (30, 5, 1), (9, 9, 3), (1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16, np.bool_])
def test_any_images(shape, dtype, tmp_path):
    images = np.random.default_rng(0).normal(0, 99, (6, *shape)).astype(dtype)
    display = montage(images, [0, 0, 0, 1, 1, 1], np.zeros(6))
    display.figure_.savefig(tmp_path / "montage.png")


def test_a_thousand_clusters_can_be_drawn(tmp_path):
    display = montage(np.zeros((1000, 4, 4)), np.arange(1000), np.zeros(1000))
    display.figure_.savefig(tmp_path / "montage.png")


def test_montage_of_an_estimator(fitted, digits):
    display = ClusterMontageDisplay.from_estimator(fitted, digits[0])
    same = montage(digits[0], fitted.labels_, fitted.score_samples(digits[0]))
    np.testing.assert_array_equal(display.pixels, same.pixels)
    axes = plt.figure().add_subplot()
    assert display.plot(ax=axes).ax_ is axes


def test_montage_of_rows(digits):
    rows = digits[0].reshape(200, -1)
    parameters = {"n_clusters": 3, "n_epochs": 0, "random_state": 0}
    flat = DeepClusterCategorizer.from_recipe("fast", **parameters).fit(rows)
    with pytest.raises(ValueError, match="rows of 64 features, which cannot be shown"):
        ClusterMontageDisplay.from_estimator(flat, rows)
    shaped = DeepClusterCategorizer.from_recipe(
        "fast", image_shape=(8, 8), **parameters
    )
    display = ClusterMontageDisplay.from_estimator(shaped.fit(rows), rows)
    images = ClusterMontageDisplay.from_predictions(
        digits[0], shaped.labels_, shaped.score_samples(rows)
    )
    np.testing.assert_array_equal(display.pixels, images.pixels)


def test_history(fitted):
    display = TrainingHistoryDisplay.from_estimator(fitted)
    loss, nmi, sizes = display.axes_
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), fitted.history_["loss"])
    assert nmi.get_ylim() == (0, 1)
    assert len(sizes.lines) == 3
    axes = plt.figure().subplots(1, 3)
    assert display.plot(axes=axes).axes_[0] is axes[0]
    with pytest.raises(ValueError, match=r"requires 3 axes, got shape \(2,\)"):
        display.plot(axes=axes[:2])


def test_history_with_known_classes_is_the_papers_figure(quick, digits):
    monitor = pseudo_label_monitor()
    est = quick.set_callbacks(monitor).fit(*digits)
    display = TrainingHistoryDisplay.from_estimator(est, monitor=monitor)
    _, agreement, purity, sizes = display.axes_
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]
    np.testing.assert_array_equal(agreement.lines[1].get_ydata(), epochs["nmi"])
    np.testing.assert_array_equal(purity.lines[0].get_ydata(), epochs["purity"])
    assert len(sizes.lines) == 3


@pytest.mark.parametrize("layout", [None, "constrained", "own"])
def test_no_legend_covers_a_curve(layout):
    """Curves may go everywhere; legends stand outside, and cover nothing else."""
    corners = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    sizes = ("largest_cluster", "median_cluster", "smallest_cluster")
    history = dict.fromkeys(("loss", "nmi_previous", *sizes), corners)
    display = TrainingHistoryDisplay(history, {"nmi": 1 - corners, "purity": corners})
    axes = None
    if layout != "own":
        axes = plt.figure(figsize=(15, 4), layout=layout).subplots(1, 4)
    figure = display.plot(axes=axes).figure_
    figure.canvas.draw()
    legends = [ax.get_legend() for ax in display.axes_ if ax.get_legend()]
    assert len(legends) == 2
    for legend in legends:
        place, ax = legend.get_window_extent(), legend.axes
        for other in (ax.patch, ax.title, ax.xaxis.label, ax.yaxis.label):
            assert not place.overlaps(other.get_window_extent())
        assert figure.bbox.containsx(place.x0)
        assert figure.bbox.containsx(place.x1)
        assert figure.bbox.containsy(ax.title.get_window_extent().y1)


def test_history_with_another_score(quick, digits):
    monitor = ScoringMonitor(scoring={"mine": purity_scorer})
    est = quick.set_callbacks(monitor).fit(*digits)
    display = TrainingHistoryDisplay.from_estimator(est, monitor=monitor)
    assert [axes.get_title() for axes in display.axes_[2:]] == [
        "mine",
        "Images in a cluster",
    ]


def test_history_of_a_fit_that_went_on_lacks_scores_of_the_epochs_before(
    quick, digits, tmp_path
):
    monitor = pseudo_label_monitor()
    quick.set_params(checkpoint=tmp_path, n_epochs=3)

    class Interrupt:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context):
            if context.task_id == 2:
                raise KeyboardInterrupt

        def on_fit_task_end(self, estimator, context): ...

    with pytest.raises(KeyboardInterrupt):
        quick.set_callbacks(Interrupt()).fit(*digits)
    est = quick.set_callbacks(monitor).fit(*digits)
    display = TrainingHistoryDisplay.from_estimator(est, monitor=monitor)
    purity = display.axes_[2].lines[0]
    assert np.isnan(purity.get_ydata()).tolist() == [True, True, False]
    assert purity.get_xdata().tolist() == [1, 2, 3]


def test_history_needs_the_monitor_of_that_fit(fitted, quick, digits):
    monitor = pseudo_label_monitor()
    quick.set_params(n_epochs=1).set_callbacks(monitor).fit(*digits)
    with pytest.raises(ValueError, match="has 1 epochs, but the estimator did 2"):
        TrainingHistoryDisplay.from_estimator(fitted, monitor=monitor)


def test_merge_tree(fitted):
    display = MergeTreeDisplay.from_estimator(fitted, names={3: "three", 4: "$x_$"})
    display.figure_.savefig(BytesIO())
    texts = {text.get_text() for text in display.ax_.get_yticklabels()}
    sizes = np.bincount(fitted.labels_)
    assert f"3 three (n = {sizes[3]})" in texts
    assert f"2 (n = {sizes[2]})" in texts
    assert len(texts) == fitted.n_clusters_ == len(display.linkage) + 1
    one = DeepClusterCategorizer.from_recipe("fast", n_clusters=1, n_epochs=0)
    with pytest.raises(ValueError, match="one cluster"):
        MergeTreeDisplay.from_estimator(one.fit(np.zeros((5, 8, 8))))


def test_labels_in_clusters(fitted, digits):
    display = ClusterLabelDisplay.from_estimator(fitted, *digits)
    np.testing.assert_allclose(display.shares.sum(1), 1)
    for cluster, shares in zip(display.clusters, display.shares, strict=True):
        members = digits[1][fitted.labels_ == cluster]
        np.testing.assert_allclose(shares[3], np.mean(members == 3))
    assert (np.diff(display.shares.argmax(1)) >= 0).all()
    priced = ClusterLabelDisplay.from_predictions(["$x_$", "b"], [0, 1])
    priced.figure_.savefig(BytesIO())
    with pytest.raises(ValueError, match="inconsistent"):
        ClusterLabelDisplay.from_predictions([1, 2], [0])


def test_embedding(fitted, digits):
    display = EmbeddingDisplay.from_estimator(fitted, digits[0])
    np.testing.assert_array_equal(display.labels, fitted.labels_)
    assert display.points.shape == (200, 2)
    few = EmbeddingDisplay.from_estimator(fitted, *digits, max_images=50)
    assert few.points.shape == (50, 2)
    assert set(few.labels) <= set(digits[1])
    reducer = TSNE(perplexity=5, max_iter=250, init="random", random_state=0)
    other = EmbeddingDisplay.from_estimator(fitted, digits[0][:40], reducer=reducer)
    assert other.points.shape == (40, 2)
    with pytest.raises(ValueError, match="inconsistent"):
        EmbeddingDisplay.from_estimator(fitted, digits[0], digits[1][:5])
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        EmbeddingDisplay.from_estimator(fitted, digits[0][:1])
