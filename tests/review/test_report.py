import copy
import json
import os
import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import cluster_table, write_report
from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._report import write_page

HOSTILE = "</script><script>alert(1)</script><!--<b>&amp;\"'\\"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)<', text)
    return json.loads(data)


def sheets_of(path):
    found = re.findall(r'class="sheet">(.*?)<', path.read_text(encoding="utf-8"))
    return [Image.open(BytesIO(b64decode(each))) for each in found]


def test_what_a_card_says_and_shows(tmp_path):
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 3, 7])
    distances = random.permutation(50).astype(np.float32) / 50
    margins = random.permutation(50).astype(np.float32) / 50
    centers = np.eye(3, 8, dtype=np.float32)
    images = np.repeat(np.arange(50, dtype=np.uint8) * 5, 64).reshape(50, 8, 8)
    assignment = Assignment(
        centers[labels], labels, distances, (labels + 1) % 3, margins
    )
    path = tmp_path / "report.html"
    write_page(path, images, assignment, centers, names={1: "one"})
    data = data_of(path)
    assert data["nImages"] == 50
    assert data["nClusters"] == 3
    assert data["names"] == {"1": "one"}
    assert sorted(data["order"]) == [0, 1, 2]
    typical_of_all = np.concatenate(
        [np.take(card["rows"], card["views"]["typical"]) for card in data["clusters"]]
    )
    for card, sheet in zip(data["clusters"], sheets_of(path), strict=True):
        members = np.flatnonzero(labels == card["number"])
        assert card["size"] == len(members)
        assert card["distance"] == pytest.approx(distances[members].mean(), abs=1e-4)
        assert set(card["views"]) == {"typical", "diverse", "doubtful", "borderline"}
        shown = {name: np.take(card["rows"], v) for name, v in card["views"].items()}
        typical = members[np.argsort(distances[members])]
        assert shown["typical"].tolist() == typical[:12].tolist()
        assert shown["doubtful"].tolist() == typical[::-1][:12].tolist()
        border = members[np.argsort(margins[members])]
        assert shown["borderline"].tolist() == border[:12].tolist()
        assert card["others"] == [(card["number"] + 1) % 3] * len(border[:12])
        assert len(card["rows"]) == len(set(card["rows"]))
        pixels = np.asarray(sheet)[32::64, 32::64].ravel()[: len(card["rows"])]
        expected = images[card["rows"], 0, 0].astype(float)
        low, high = np.percentile(images[typical_of_all], (1, 99))
        expected = np.clip((expected - low) / (high - low), 0, 1) * 255
        np.testing.assert_allclose(pixels, expected, atol=3)


def test_of_an_estimator(fitted, digits, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, fitted, digits[0], title="Digits & <more>")
    assert data_of(path)["names"] == {}
    named = copy.copy(fitted)
    named.names_ = {2: "two"}
    write_report(path, named, digits[0], title="Digits & <more>")
    assert data_of(path)["names"] == {"2": "two"}
    write_report(path, named, digits[0], title="Digits & <more>", names={})
    assert data_of(path)["names"] == {}
    text = path.read_text()
    assert "<h1>Digits &amp; &lt;more&gt;</h1>" in text
    sizes = [card["size"] for card in data_of(path)["clusters"]]
    assert sizes == np.bincount(fitted.labels_).tolist()
    assert "imageNames" not in data_of(path)["clusters"][0]
    assert "and their names" not in text


def test_rows_of_pixels_and_of_features(digits, tmp_path):
    rows = digits[0].reshape(200, -1)
    path = tmp_path / "report.html"
    parameters = {"n_clusters": 3, "n_epochs": 0, "random_state": 0}
    est = DeepClusterCategorizer.from_recipe("fast", image_shape=(8, 8), **parameters)
    write_report(path, est.fit(rows), rows)
    assert len(sheets_of(path)) == 3
    path.unlink()
    est = DeepClusterCategorizer.from_recipe("fast", **parameters).fit(rows)
    with pytest.raises(ValueError, match="rows of 64 features, which cannot be shown"):
        write_report(path, est, rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 1), (9, 30), (30, 9, 1), (9, 9, 3)])
@pytest.mark.parametrize("n_clusters", [1, 2, 7])
def test_any_images(page_of, shape, n_clusters):
    path = page_of(n_clusters, 3, shape)
    assert len(sheets_of(path)) == n_clusters
    assert sheets_of(path)[0].mode == ("RGB" if shape[-1] == 3 else "L")


def test_colours_stay_apart(clustered, tmp_path):
    _, assignment, centers = clustered(1, 3)
    images = np.zeros((3, 8, 8, 3), np.uint8)
    images[np.arange(3), :, :, np.arange(3)] = 255
    path = tmp_path / "report.html"
    write_page(path, images, assignment, centers)
    (sheet,) = sheets_of(path)
    for place, row in enumerate(data_of(path)["clusters"][0]["rows"]):
        assert np.asarray(sheet)[32, 64 * place + 32].argmax() == row


def test_a_cluster_without_images_has_no_card_and_keeps_its_name(clustered, tmp_path):
    images, assignment, centers = clustered(3, 4)
    path = tmp_path / "report.html"
    write_page(
        path, images, assignment, np.vstack([centers, -centers[:1]]), names={3: "x"}
    )
    data = data_of(path)
    assert [card["number"] for card in data["clusters"]] == [0, 1, 2]
    assert data["nClusters"] == 4
    assert data["names"] == {"3": "x"}


def test_pages_of_different_work_are_told_apart(page_of):
    digests = [
        data_of(page_of(**options))["digest"]
        for options in (
            {"n_clusters": 5},
            {"n_clusters": 6},
            {"n_clusters": 5, "n_each": 9},
            {"n_clusters": 5, "names": {0: "x"}},
            {"n_clusters": 5, "excluded": [3]},
            {"n_clusters": 5, "title": "other"},
        )
    ]
    assert len(set(digests)) == 5
    assert digests[-1] == digests[0]


def test_nothing_is_loaded_or_named(page_of):
    text = re.sub(r'class="sheet">.*?<', "", page_of().read_text())
    assert not re.search(r"https?:|@import|url\((?!\"\$)", text)
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert "unsafe" not in policy
    assert not re.search(r"\son[a-z]+=", text)
    assert "<script src" not in text


def test_captions_are_taken_by_place(page_of):
    captions = pd.Series(list("abcdefghijklmnopqrst"), index=np.arange(20)[::-1])
    cards = data_of(page_of(image_names=captions))["clusters"]
    for card in cards:
        assert card["imageNames"] == [captions.iloc[row] for row in card["rows"]]


def test_hostile_names(page_of):
    captions = [HOSTILE, os.fsdecode(b"\xff.png"), *(["\u2028"] * 18)]
    path = page_of(names={0: HOSTILE, 2: "naïve"}, image_names=captions, title=HOSTILE)
    text = path.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert "<!--" not in text
    data = data_of(path)
    assert data["names"] == {"0": HOSTILE, "2": "naïve"}
    assert set(data["clusters"][0]["imageNames"]) == {*captions}
    assert "and their names" in text


def test_copies_and_outliers(page_of, found):
    data = data_of(page_of(n_clusters=10, n_each=4, **found))
    copies, outliers = data["finds"]
    assert copies["nGroups"] == 15
    assert copies["nImages"] == 34
    assert copies["nExact"] == 6
    assert len(copies["groups"]) == 12
    assert copies["groups"][0] == {"places": [0, 1, 2, 3], "size": 6}
    assert copies["groups"][1] == {"places": [4, 5], "size": 2}
    assert copies["rows"] == [0, 1, 2, 3, *range(6, 28)]
    assert outliers["nImages"] == 30
    assert outliers["rows"] == list(range(16, 40))[::-1]
    assert outliers["clusters"] == [row // 4 for row in outliers["rows"]]
    assert "imageNames" not in copies
    path = page_of(n_clusters=10, n_each=4, image_names=list("ab" * 20), **found)
    assert data_of(path)["finds"][0]["imageNames"][:3] == ["a", "b", "a"]
    assert len(sheets_of(path)) == 12


def test_tables_without_a_row_and_no_tables(page_of, found):
    path = page_of(**{name: table[:0] for name, table in found.items()})
    assert [find["nImages"] for find in data_of(path)["finds"]] == [0, 0]
    assert data_of(page_of())["finds"] == []
    assert 'id="finds"' not in page_of().read_text()


def test_tables_that_are_refused(page_of, found):
    with pytest.raises(ValueError, match="duplicates has no column 'group'"):
        page_of(duplicates=found["outliers"])
    with pytest.raises(ValueError, match="outliers has no column 'cluster'"):
        page_of(outliers=found["duplicates"])
    with pytest.raises(ValueError, match="image 20, but images are numbered from 0"):
        page_of(duplicates=found["duplicates"])
    strange = pd.DataFrame({"image": [5, -1], "cluster": 0, "doubt": True})
    with pytest.raises(ValueError, match="outliers lists image -1, but"):
        page_of(outliers=strange)


def test_new_clusters(page_of):
    path = page_of(new=[3, 1], names={0: "x"})
    cards = data_of(path)["clusters"]
    assert [card["number"] for card in cards if "isNew" in card] == [1, 3]
    assert "new first" in path.read_text()
    assert "new first" not in page_of(names={0: "x"}).read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": {5: "x"}}, "There is no cluster 5 .* from 0 to 4"),
        ({"names": {0: " "}}, "name of cluster 0 is empty"),
        ({"names": {0: 3}}, "name of cluster 0 is 3"),
        ({"names": {0: "a\nb"}}, "name of cluster 0 has control characters"),
        ({"new": [5]}, "There is no cluster 5 to be new: .* from 0 to 4"),
        ({"image_names": ["x"]}, "has 1 names, but there are 20 images"),
    ],
)
def test_names_that_are_refused(page_of, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        page_of(**options)
    assert list(tmp_path.iterdir()) == []


def test_written_whole_or_not_at_all(page_of, clustered, tmp_path, monkeypatch):
    path = page_of()
    before = path.read_bytes()
    assert page_of().read_bytes() == before
    monkeypatch.setattr("skdeepcluster.review._page._hash", lambda text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page_of(title="other")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        write_page(tmp_path / "no" / "r.html", *clustered(1, 1))


class Counted(np.ndarray):
    """Counts the images that are read."""

    n_read = 0

    def __getitem__(self, index):
        row = index[0] if isinstance(index, tuple) else index
        assert isinstance(row, int | np.integer)
        Counted.n_read += 1
        return np.asarray(self)[index]


def test_only_what_is_handed_over_is_not_embedded_again(fitted, digits, tmp_path):
    X, _ = digits
    others = X[::-1].copy()  # of equal shape
    pages = {}
    for name, images, embedding in (
        ("own", X, fitted.embedding_),
        ("own, computed", X, None),
        ("others", others, None),
    ):
        path = tmp_path / f"{name}.html"
        write_report(path, fitted, images, embedding=embedding)
        pages[name] = path.read_text()
    assert pages["own"] == pages["own, computed"]
    table = cluster_table(fitted, others)
    expected = cluster_table(fitted, others, embedding=fitted.transform(others))
    pd.testing.assert_frame_equal(table, expected)
    assert pages["own"] != pages["others"]
    with pytest.raises(ValueError, match=r"embedding has shape \(200, 512\).*\(50, 5"):
        write_report(tmp_path / "x.html", fitted, X[:50], embedding=fitted.embedding_)


def test_a_thousand_clusters_of_two_hundred_thousand_images(tmp_path):
    """Below 30 MB, and only images that are shown are read."""
    n_clusters, n_each = 1000, 200
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(n_clusters), n_each)
    noise = random.integers(0, 256, (64, 64), dtype=np.uint8)
    images = np.broadcast_to(noise, (len(labels), 64, 64)).view(Counted)
    centers = random.normal(size=(n_clusters, 8)).astype(np.float32)
    values = random.random((2, len(labels)), dtype=np.float32)
    assignment = Assignment(
        centers[labels], labels, values[0], (labels + 1) % n_clusters, values[1]
    )
    path = tmp_path / "report.html"
    write_page(path, images, assignment, centers)
    assert path.stat().st_size < 30e6
    cards = data_of(path)["clusters"]
    assert len(cards) == n_clusters
    assert all(len(card["views"]["typical"]) >= 3 for card in cards)
    assert Counted.n_read < 30 * n_clusters
