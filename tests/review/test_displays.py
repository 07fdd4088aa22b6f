import numpy as np
import pytest

from skdeepcluster.review import plot_history, plot_montage


def sheet_of(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def test_a_row_a_cluster_the_most_typical_first():
    images = np.arange(60, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    labels = np.array([0] * 10 + [1] * 50)
    scores = np.random.default_rng(0).permutation(60).astype(float)
    figure = plot_montage(images, labels, scores, n_columns=4)
    sheet = sheet_of(figure)[32::64, 32::64, 0].astype(float)
    low, high = 0, 59
    for row, members in enumerate((np.arange(10), np.arange(10, 60))):
        best = members[np.argsort(-scores[members])][:4]
        shown = sheet[row] / 255 * (high - low)
        assert (np.diff(shown[np.argsort(best)]) >= 0).all()
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["0  (n = 10)", "1  (n = 50)"]


def test_small_clusters_leave_white():
    sheet = sheet_of(plot_montage(np.zeros((3, 8, 8)), [0, 1, 1], [0, 0, 0]))
    assert (sheet[:64, 64:] == 255).all()


@pytest.mark.parametrize("shape", [(9, 9), (5, 30), (30, 5, 1), (9, 9, 3), (1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16, np.bool_])
def test_any_images(shape, dtype, tmp_path):
    images = np.random.default_rng(0).normal(0, 99, (6, *shape)).astype(dtype)
    figure = plot_montage(images, [0, 0, 0, 1, 1, 1], np.zeros(6))
    figure.savefig(tmp_path / "montage.png")


def test_a_thousand_clusters_can_be_drawn(tmp_path):
    figure = plot_montage(np.zeros((1000, 4, 4)), np.arange(1000), np.zeros(1000))
    figure.savefig(tmp_path / "montage.png")


def test_history(fitted, tmp_path):
    figure = plot_history(fitted)
    loss, nmi, sizes = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), fitted.history_["loss"])
    assert nmi.get_ylim() == (0, 1)
    assert len(sizes.lines) == 3
    figure.savefig(tmp_path / "history.png")


def test_history_with_known_classes_is_the_papers_figure(fitted, tmp_path):
    figure = plot_history(fitted, nmi=[0.1, 0.2], purity=[0.5, 0.6])
    _, agreement, purity, sizes = figure.axes
    np.testing.assert_array_equal(agreement.lines[1].get_ydata(), [0.1, 0.2])
    np.testing.assert_array_equal(purity.lines[0].get_ydata(), [0.5, 0.6])
    assert len(sizes.lines) == 3
    figure.savefig(tmp_path / "history.png")


def test_history_needs_a_value_for_each_epoch(fitted):
    with pytest.raises(ValueError, match=r"purity has shape \(3,\), and 2 epochs"):
        plot_history(fitted, purity=[1, 2, 3])
