import csv
import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skdeepcluster import DeepClusterCategorizer, _files
from skdeepcluster._lock import locked
from skdeepcluster._results import _EXTENSION as EXTENSION
from skdeepcluster._results import Results
from skdeepcluster.cli import main

QUICK = ["-k", "6", "--epochs", "0"]
N = 60  # images of the fit
UNTOUCHED = {".lock", EXTENSION}


def run(*arguments):
    return main([str(argument) for argument in arguments])


def read_csv(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def clusters_of(folder):
    return read_csv(folder / "clusters.csv")


def column(rows, name):
    return [row[name] for row in rows]


def contents(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name not in UNTOUCHED
    }


def data_of(folder):
    """What the page says."""
    page = (folder / "report.html").read_text()
    found = re.search(r'<script[^>]* id="data"[^>]*>(.*?)</script>', page)
    return json.loads(found[1])


def boards(n, seed=0):
    """Images of a kind that no digit is of: noisy chessboards."""
    noise = np.random.default_rng(seed).integers(0, 40, (n, 8, 8))
    return (np.indices((8, 8)).sum(0) % 2 * 200 + noise).astype(np.uint8)


def save(folder, images, start=0):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images, start):
        Image.fromarray(image).save(folder / f"{number:03}.png")


@pytest.fixture(scope="module")
def pictures(digits):
    return digits[0] * 15


@pytest.fixture(scope="module")
def of_a_folder(pictures, tmp_path_factory):
    """A folder of pictures, and what categorize and name make of it."""
    root = tmp_path_factory.mktemp("folder")
    save(root / "archive", pictures[:N])
    assert run("categorize", root / "archive", *QUICK, "-o", root / "out") == 0
    clusters = column(clusters_of(root / "out"), "cluster")
    (root / "names.csv").write_text(
        f"cluster,category,excluded\n0,=1+1,{clusters.index('0')}\n1,a/b,\n2,a/b,\n"
        f"3,01,\n4,NA,\n5,,{clusters.index('5')}\n"
    )
    assert run("name", root / "out", root / "names.csv") == 0
    return root


@pytest.fixture
def root(of_a_folder, tmp_path):
    """The same, to be changed: the folder is the one that OUT was made from."""
    shutil.copytree(
        of_a_folder, tmp_path, dirs_exist_ok=True, copy_function=shutil.copy2
    )
    sources = tmp_path / "out" / "sources.csv"
    text = sources.read_text().replace(str(of_a_folder), str(tmp_path))
    sources.write_text(text)
    return tmp_path


def test_images_of_a_new_kind_become_clusters(root, pictures, capsys):
    out, new = root / "out", root / "new"
    before = clusters_of(out)
    n_clusters = 1 + max(map(int, column(before, "cluster")))
    save(new, [*pictures[N : N + 20], *boards(12)])
    capsys.readouterr()
    assert run("extend", out, new) == 0
    printed = capsys.readouterr().out
    assert "32 new images beside 60 old ones" in printed

    rows = clusters_of(out)
    assert column(rows, "source") == ["0"] * N + ["1"] * 32
    names = [f"{number:03}.png" for number in range(32)]
    assert column(rows[N:], "image") == names  # as in the other folder
    for old, now in zip(before, rows, strict=False):
        assert now["image"] == old["image"]
        if old["cluster"] == now["cluster"]:
            assert now["category"] == old["category"]
        else:
            assert int(now["cluster"]) >= n_clusters
            assert now["category"] == ""
    kinds = {row["cluster"] for row in rows[N + 20 :]}
    assert all(int(kind) >= n_clusters for kind in kinds)
    assert {row["category"] for row in rows[N + 20 :]} == {""}
    assert {row["category"] for row in rows[N : N + 20]} <= {
        *("=1+1", "a/b", "01", "NA", "")
    }

    est = DeepClusterCategorizer.load(out / "model.safetensors")
    assert est.names_ == {0: "=1+1", 1: "a/b", 2: "a/b", 3: "01", 4: "NA"}
    images = np.load(out / "images.npy")
    assert est.predict(images).tolist() == [
        int(each) for each in column(rows, "cluster")
    ]
    doubt = est.decision_function(images) < 0
    assert column(rows, "doubt") == [str(each) for each in doubt]
    changes = read_csv(out / "changes.csv")
    moved = [row for row in range(N) if rows[row]["cluster"] != before[row]["cluster"]]
    assert column(changes, "row") == [str(row) for row in [*moved, *range(N, N + 32)]]
    assert column(changes, "change") == ["moved"] * len(moved) + ["new"] * 32
    assert {row["is_new_cluster"] for row in changes[-12:]} == {"True"}
    index = read_csv(out / "index.csv")
    assert column(index, "path") == column(rows, "image")
    sources = read_csv(out / "sources.csv")
    assert column(sources, "path") == [str(root / "archive"), str(new)]
    assert column(sources, "images") == ["60", "32"]
    assert not (out / EXTENSION).exists()


def test_the_page_shows_new_clusters_and_what_a_person_has_done(root):
    out = root / "out"
    before = column(clusters_of(out), "cluster")
    n_clusters = 1 + max(map(int, before))
    save(root / "new", boards(12))
    assert run("extend", out, root / "new") == 0
    data = data_of(out)
    assert data["names"] == {"0": "=1+1", "1": "a/b", "2": "a/b", "3": "01", "4": "NA"}
    # Also in a cluster without a name.
    marked = [[number, [before.index(str(number))]] for number in (0, 5)]
    assert data["excluded"] == marked
    new = [card["number"] for card in data["clusters"] if card.get("isNew")]
    assert new == list(range(n_clusters, data["nClusters"]))
    assert new


def test_marks_stay_until_the_image_is_in_another_cluster(root, pictures):
    out = root / "out"
    marked = column(clusters_of(out), "excluded")
    assert marked.count("True") == 2
    for number in range(2):  # from extension to extension
        save(root / f"{number}", pictures[N + number : N + number + 1])
        assert run("extend", out, root / f"{number}") == 0
        rows = clusters_of(out)
        assert column(rows, "excluded") == marked + ["False"] * (number + 1)
        assert {row["category"] for row in rows if row["excluded"] == "True"} == {""}
    # An image of another kind was marked; more of its kind come.
    save(root / "odd", boards(1))
    assert run("extend", out, root / "odd") == 0
    cluster = clusters_of(out)[-1]["cluster"]
    (root / "names.csv").write_text(f"cluster,category,excluded\n{cluster},x,{N + 2}\n")
    assert run("name", out, root / "names.csv", "--replace") == 0
    assert column(clusters_of(out), "excluded").count("True") == 1
    save(root / "more", boards(12, seed=1))
    assert run("extend", out, root / "more") == 0
    assert clusters_of(out)[N + 2]["cluster"] != cluster
    assert data_of(out)["excluded"] == []


def test_afterwards_all_commands_work_as_ever(root, pictures, capsys):
    out, new = root / "out", root / "new"
    n_clusters = DeepClusterCategorizer.load(out / "model.safetensors").n_clusters_
    save(new, boards(12))
    assert run("extend", out, new) == 0
    labels = column(clusters_of(out), "cluster")
    # New clusters are named.
    (root / "names.csv").write_text(f"cluster,category\n0,x\n{n_clusters},board\n")
    assert run("name", out, root / "names.csv", "--replace") == 0
    named = clusters_of(out)
    assert column(named, "cluster") == labels
    assert {row["category"] for row in named if row["cluster"] == str(n_clusters)} == {
        "board"
    }
    # Others are assigned to them.
    save(root / "other", boards(3, seed=1))
    assert run("assign", out, root / "other", "-o", root / "assigned") == 0
    assert {row["category"] for row in clusters_of(root / "assigned")} == {"board"}
    # And come in themselves, beside another kind.
    save(root / "other", np.zeros((12, 8, 8), np.uint8), start=3)
    assert run("extend", out, root / "other") == 0
    rows = clusters_of(out)
    assert column(rows, "cluster")[: len(labels)] == labels
    assert column(rows, "source")[-15:] == ["2"] * 15
    assert {row["category"] for row in rows[-15:-12]} == {"board"}
    assert {row["cluster"] for row in rows[-12:]}.isdisjoint(labels)
    assert "board" in capsys.readouterr().out


def test_files_of_the_same_folder_are_counted_once(root, capsys):
    out, archive = root / "out", root / "archive"
    for path in archive.iterdir():  # a copy: other times, and numbers of the files
        os.utime(path, (1, 1))
    save(archive, boards(12), start=900)
    (archive / "000.jpg").write_bytes((archive / "000.png").read_bytes())
    assert run("extend", out, archive) == 0
    rows = clusters_of(out)
    assert "source" not in rows[0]
    assert column(rows, "image")[:N] == [f"{number:03}.png" for number in range(N)]
    assert column(rows, "image")[N:] == [
        "000.jpg",
        *(f"{n}.png" for n in range(900, 912)),
    ]
    assert "60 files have changed since they were read" in capsys.readouterr().out
    copies = read_csv(out / "duplicates.csv")
    assert {row["image"] for row in copies} >= {"000.png", "000.jpg"}
    before = contents(out)
    assert run("extend", out, archive) == 0
    assert "No image is new" in capsys.readouterr().out
    assert contents(out) == before


@pytest.mark.parametrize("key", [False, True], ids=["paths", "numbers"])
def test_names_of_two_folders_whose_files_are_called_alike(tmp_path, pictures, key):
    months, out, new = tmp_path / "months", tmp_path / "out", tmp_path / "new"
    months.mkdir()
    for month, images in (("jan", pictures[:40]), ("feb", boards(40))):
        save(months / month, images)
    numbered = ["--anonymous-paths", tmp_path / "key.csv"] if key else []
    command = ["categorize", months / "jan", *QUICK, *numbered]
    assert run(*command, "-o", out) == 0
    assert run("extend", out, months / "feb", *numbered) == 0
    rows = clusters_of(out)
    lines = (f"{n},{n}\n" for n in set(column(rows, "cluster")))
    (tmp_path / "names.csv").write_text("cluster,category\n" + "".join(lines))
    assert run("name", out, tmp_path / "names.csv", "--replace") == 0
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    jan = np.array(column(clusters_of(out), "category"), dtype=object)[:40]
    assert run(*command, "--names-from", out, "-o", new) == 0
    # The same images and the same seed make the same clusters.
    assert column(clusters_of(new), "category") == jan.tolist()
    if not key:
        both = ["categorize", months, *QUICK, "--names-from", out]
        assert run(*both, "-o", tmp_path / "both") == 0
        found = DeepClusterCategorizer.load(tmp_path / "both" / "model.safetensors")
        assert set(found.names_.values()) <= set(est.names_.values())
        assert found.names_


def test_a_folder_that_was_moved_is_recognised(root):
    # Its files keep their times, as they do not in a copy.
    (root / "out" / "model.safetensors").unlink()  # whose names are not missed
    assert run("categorize", root / "archive", *QUICK, "-o", root / "out") == 0
    (root / "archive").rename(root / "moved")
    save(root / "moved", boards(6), start=900)
    assert run("extend", root / "out", root / "moved") == 0
    assert len(clusters_of(root / "out")) == N + 6
    (source,) = read_csv(root / "out" / "sources.csv")
    assert (source["path"], source["images"]) == (str(root / "moved"), str(N + 6))


def test_nothing_unlike_the_others_makes_no_cluster(root):
    out = root / "out"
    before = DeepClusterCategorizer.load(out / "model.safetensors")
    save(root / "new", [boards(1)[0]])
    assert run("extend", out, root / "new") == 0
    after = DeepClusterCategorizer.load(out / "model.safetensors")
    assert after.n_clusters_ == before.n_clusters_
    assert clusters_of(out)[-1]["doubt"] == "True"  # it stays marked
    # Others of its kind come, and it joins them.
    save(root / "more", boards(12, seed=1))
    assert run("extend", out, root / "more") == 0
    rows = clusters_of(out)
    assert int(rows[N]["cluster"]) >= before.n_clusters_
    assert rows[N]["cluster"] in column(rows[N + 1 :], "cluster")


class Killed(BaseException):
    """As SIGKILL, nothing of the program handles it."""


@pytest.mark.parametrize(
    "step", ["write_images", "write_clusters", "write_page", "draw"]
)
def test_killed_while_writing_all_is_as_it_was(root, monkeypatch, step):
    out, new = root / "out", root / "new"
    save(new, boards(12))
    before = contents(out)
    shutil.copytree(out, root / "same")

    def killed(*given, **more):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Results, step, killed)
        patch.setattr(_files.shutil, "rmtree", lambda *given, **more: None)
        with pytest.raises(Killed):
            run("extend", out, new)
    assert (out / _files.BEGUN).is_dir()
    assert {name: (out / name).read_bytes() for name in before} == before
    assert run("name", out, root / "names.csv", "--replace") == 0
    assert run("extend", out, new) == 0
    assert not (out / _files.BEGUN).exists()
    assert len(clusters_of(out)) == N + 12
    assert run("extend", root / "same", new) == 0
    assert clusters_of(root / "same") == clusters_of(out)


@pytest.mark.parametrize("n_moved", [0, 1, 5])
@pytest.mark.parametrize("command", ["extend", "name", "assign"])
def test_killed_between_two_files(root, stop_between_moves, capsys, n_moved, command):
    out, new = root / "out", root / "new"
    save(new, boards(12))
    stop_between_moves(lambda: run("extend", out, new), n_moved, Killed)
    arguments = {
        "extend": [out, new],
        "name": [out, root / "names.csv"],
        "assign": [out, new, "-o", root / "assigned"],
    }
    capsys.readouterr()
    assert run(command, *arguments[command]) == 0
    if command == "extend":
        assert "No image is new" in capsys.readouterr().out
        assert not (out / EXTENSION).exists()
    assert not (out / _files.READY).exists()
    rows = clusters_of(out)
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    found = est.predict(np.load(out / "images.npy")).tolist()
    assert found == [int(each) for each in column(rows, "cluster")]
    assert len(rows) == len(read_csv(out / "index.csv")) == N + 12


COMMANDS = {
    "categorize": ["archive", *QUICK, "-o", "out"],
    "demo": ["--epochs", "0", "-o", "out"],
    "name": ["out", "names.csv"],
    "extend": ["out", "new"],
    "assign": ["model.safetensors", "archive", "-o", "tables"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_two_at_once(root, monkeypatch, capsys, command):
    monkeypatch.chdir(root)
    save(root / "new", boards(6))
    shutil.copy("out/model.safetensors", ".")
    before = contents(root / "out")
    output = "tables" if command == "assign" else "out"
    with locked(root / output):
        assert run(command, *COMMANDS[command]) == 2
    assert f"Another run is writing to {output}: wait for" in capsys.readouterr().err
    assert contents(root / "out") == before
    assert run("name", "out", "names.csv") == 0


def test_what_cannot_be_added(root, pictures, capsys):
    out, archive = root / "out", root / "archive"
    (archive / "sub").mkdir()
    np.save(root / "new.npy", boards(3))
    before = contents(out)
    for arguments, message in (
        ([root / "missing", archive], "is not a folder; give one that"),
        ([archive, archive], "There is no model"),
        ([out, root / "new.npy"], "was made from a folder, but"),
        ([out, root], "lies in"),
        ([out, archive / "sub"], "lie within each other"),
        ([out, archive, "--anonymous-paths"], "has paths of files"),
        ([out, archive, "--images", root / "new.npy"], "keeps the images"),
    ):
        assert run("extend", *arguments) == 2
        assert message in capsys.readouterr().err
    assert contents(out) == before
    lines = (out / "index.csv").read_text().splitlines()
    (out / "index.csv").write_text("\n".join(lines[:-1]))
    assert run("extend", out, archive) == 2
    assert "does not have the images of clusters.csv" in capsys.readouterr().err


def test_awkward_names(tmp_path, pictures):
    archive, out = tmp_path / "archive", tmp_path / "out"
    awkward = ['"q",\nx.png', "=cmd()", "NA", "01", "a\rb", os.fsdecode(b"\xff")]
    archive.mkdir()
    for name, image in zip(awkward, pictures, strict=False):
        Image.fromarray(image).save(archive / name, "PNG")
    save(archive, pictures[:N])
    assert run("categorize", archive, *QUICK, "-o", out) == 0
    before = clusters_of(out)
    Image.fromarray(boards(1)[0]).save(archive / "<script>", "PNG")
    assert run("extend", out, archive) == 0
    rows = clusters_of(out)
    assert column(rows, "image") == [*column(before, "image"), "<script>"]
    assert run("extend", out, archive) == 0
    assert clusters_of(out) == rows


def test_numbers_instead_of_paths(tmp_path, pictures, capfd):
    archive, out, key = (
        tmp_path / name for name in ("SECRET1", "out", "out-paths.csv")
    )
    save(archive, pictures[:N])
    hidden = ["--anonymous-paths"]
    assert run("categorize", archive, *QUICK, "-o", out, *hidden) == 0
    path_of = {row["number"]: row["path"] for row in read_csv(key)}
    before = column(clusters_of(out), "image")
    save(tmp_path / "SECRET2", boards(6))
    save(archive, boards(6), start=900)
    assert run("extend", out, archive) == 2
    assert "give --anonymous-paths too" in capfd.readouterr().err
    other = ["--anonymous-paths", tmp_path / "other.csv"]
    assert run("extend", out, archive, *other) == 2
    assert "does not say which paths" in capfd.readouterr().err
    assert run("extend", out, archive, *hidden) == 0
    assert run("extend", out, tmp_path / "SECRET2", *hidden) == 0
    told = "".join(capfd.readouterr())
    now = {row["number"]: row["path"] for row in read_csv(key)}
    assert now.items() >= path_of.items()
    rows = clusters_of(out)
    assert column(rows, "image")[:N] == before
    assert [now[number] for number in column(rows, "image")[N:]] == [
        *(f"{number}.png" for number in range(900, 906)),
        *(f"{number:03}.png" for number in range(6)),
    ]
    assert column(rows, "source")[N:] == ["0"] * 6 + ["1"] * 6
    assert [now[each] for each in column(read_csv(out / "sources.csv"), "path")] == [
        str(archive),
        str(tmp_path / "SECRET2"),
    ]
    for content in [told.encode(), *contents(out).values()]:
        assert b"SECRET" not in content
        assert b"900.png" not in content


def test_a_series_that_grows(tmp_path, pictures, write_dicom):
    """New slices get the number of their series, and its window."""

    def write(folder, number, series, brightness=1):
        write_dicom(
            f"{folder}/{series}-{number:02}",
            pictures[number].astype(np.uint16) * brightness,
            SeriesInstanceUID=f"1.2.{series}",
            ImagePositionPatient=[0, 0, number],
        )

    for number in range(20):
        write("archive", number, 5)
        write("archive", number, 6)
    archive, out = tmp_path / "archive", tmp_path / "out"
    assert run("categorize", archive, *QUICK, "-o", out) == 0
    before = pd.read_csv(out / "index.csv")
    for number in range(20, 26):
        write("archive", number, 6, brightness=40)
        write("archive", number, 7)
    assert run("extend", out, archive) == 0
    index = pd.read_csv(out / "index.csv")
    pd.testing.assert_frame_equal(index[:40], before)
    new = index[40:]
    assert new["series"].tolist() == [1] * 6 + [2] * 6
    assert set(new["white"][:6]) == set(before["white"][before["series"] == 1])
    (out / "names.csv").write_text("cluster,category\n0,x\n1,y\n")
    assert run("name", out, out / "names.csv", "--replace") == 0
    votes = read_csv(out / "series.csv")
    assert set(column(votes, "series")) <= {"0", "1", "2"}


@pytest.fixture
def of_an_array(tmp_path, pictures):
    np.save(tmp_path / "old.npy", pictures[:N])
    np.savez(tmp_path / "new.npz", images=boards(12))
    out = tmp_path / "out"
    assert run("categorize", tmp_path / "old.npy", *QUICK, "-o", out) == 0
    return tmp_path


def test_an_array_grows(of_an_array, pictures, capsys):
    out, old, new = (of_an_array / name for name in ("out", "old.npy", "new.npz"))
    before = clusters_of(out)
    assert run("extend", out, new) == 2
    assert (
        "does not keep its images; give the files of its 60 images with --images"
        in (capsys.readouterr().err)
    )
    for given in ([new], [old, new]):
        assert run("extend", out, new, "--images", *given) == 2
        assert "are not the 60 images" in capsys.readouterr().err
    assert clusters_of(out) == before
    assert run("extend", out, new, "--images", old) == 0
    rows = clusters_of(out)
    assert column(rows, "image") == [str(row) for row in range(N + 12)]
    assert {int(row["cluster"]) for row in rows[N:]}.isdisjoint(
        int(row["cluster"]) for row in before
    )
    assert not (out / "images.npy").exists()
    # The same once more adds nothing.
    now = contents(out)
    assert run("extend", out, new, "--images", old, new) == 0
    assert "No image is new" in capsys.readouterr().out
    assert contents(out) == now
    np.save(of_an_array / "last.npy", pictures[N : N + 7])
    last = of_an_array / "last.npy"
    assert run("extend", out, last, "--images", new, old) == 2
    assert run("extend", out, last, "--images", old, new) == 0
    assert len(clusters_of(out)) == N + 12 + 7
    np.save(last, np.zeros((3, 9, 9)))
    assert run("extend", out, last, "--images", old, new, last) == 2
    assert run("extend", out, of_an_array) == 2
    assert "was made from an array file, but" in capsys.readouterr().err


def test_the_command_repeated_after_a_kill_adds_an_array_once(
    of_an_array, monkeypatch, capsys
):
    out, old, new = (of_an_array / name for name in ("out", "old.npy", "new.npz"))

    def killed(*given):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("skdeepcluster.cli._extending._say", killed)
        with pytest.raises(Killed):
            run("extend", out, new, "--images", old)
    assert run("extend", out, new, "--images", old) == 0
    assert "No image is new" in capsys.readouterr().out
    assert len(clusters_of(out)) == N + 12


def test_embeddings_follow(of_an_array):
    out, old, new = (of_an_array / name for name in ("out", "old.npy", "new.npz"))
    assert run("extend", out, new, "--images", old, "--embeddings") == 0
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    images = np.concatenate([np.load(old), np.load(new)["images"]])
    found = np.load(out / "embeddings.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, est.transform(images), atol=1e-5)
    np.save(old.with_name("last.npy"), boards(2, seed=1))
    last = old.with_name("last.npy")
    assert run("extend", out, last, "--images", old, new) == 0
    assert len(np.load(out / "embeddings.npy")) == len(clusters_of(out))


def test_an_array_that_begins_with_what_is_there(of_an_array, pictures, capsys):
    out, old = of_an_array / "out", of_an_array / "old.npy"
    np.save(of_an_array / "grown.npy", np.concatenate([pictures[:N], boards(12)]))
    grown = of_an_array / "grown.npy"
    assert run("extend", out, grown, "--images", old) == 2
    assert "begins with 60 images that" in capsys.readouterr().err
    assert len(clusters_of(out)) == N


def test_names_are_not_taken_from_an_array_for_files(root, pictures, capsys):
    folder, array, of_array = (root / name for name in ("archive", "a.npy", "of-array"))
    np.save(array, pictures[:N])
    assert run("categorize", array, *QUICK, "-o", of_array) == 0
    (root / "all.csv").write_text("cluster,category\n0,x\n")
    for out in (root / "out", of_array):
        assert run("name", out, root / "all.csv", "--replace") == 0
    for given, old, was in (
        (folder, of_array, "an array file"),
        (array, root / "out", "a folder"),
    ):
        again = ["categorize", given, *QUICK, "--names-from", old]
        assert run(*again, "-o", root / "again") == 2
        assert f"was made from {was}, so that its names" in capsys.readouterr().err


def test_names_of_a_folder_that_is_elsewhere_are_taken_with_a_warning(root):
    out = root / "out"
    (root / "all.csv").write_text("cluster,category\n0,x\n1,x\n")
    assert run("name", out, root / "all.csv", "--replace") == 0
    shutil.copytree(root / "archive", root / "copy")
    again = ["categorize", root / "copy", *QUICK, "--names-from", out]
    with pytest.warns(UserWarning, match="told by their paths within it"):
        assert run(*again, "-o", root / "again") == 0
    est = DeepClusterCategorizer.load(root / "again" / "model.safetensors")
    assert set(est.names_.values()) == {"x"}


@pytest.mark.parametrize("n_moved", [0, 1, 5])
def test_names_from_an_extend_that_was_killed(root, stop_between_moves, n_moved):
    out = root / "out"
    (root / "all.csv").write_text("cluster,category\n0,x\n1,x\n")
    assert run("name", out, root / "all.csv", "--replace") == 0
    save(root / "new", boards(12))
    stop_between_moves(lambda: run("extend", out, root / "new"), n_moved, Killed)
    again = ["categorize", root / "archive", *QUICK, "--names-from", out]
    assert run(*again, "-o", root / "again") == 0
    assert not (out / _files.READY).exists()
    assert len(clusters_of(out)) == N + 12
