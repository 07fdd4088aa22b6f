import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from skdeepcluster import DeepClusterCategorizer, __version__, load_archive
from skdeepcluster.cli import main
from skdeepcluster.cli._options import default_n_clusters
from skdeepcluster.datasets import make_cardiac_views

QUICK = ["-k", "5", "--epochs", "1"]


@pytest.fixture
def npz(tmp_path, digits):
    np.savez(tmp_path / "set.npz", images=digits[0], labels=digits[1])
    return tmp_path / "set.npz"


def read_csv(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def without_doubt(folder):
    """What assign found, as categorize has it."""
    rows = read_csv(folder / "clusters.csv")
    assert {row.pop("category") for row in rows} == {""}
    assert {row.pop("doubt") for row in rows} <= {"True", "False"}
    return rows


def test_categorize_an_array(npz, tmp_path, capsys, digits):
    out = tmp_path / "new" / "out"
    arguments = ["categorize", npz, *QUICK, "-o", out, "--labels", npz]
    assert main([str(argument) for argument in arguments]) == 0
    assert {file.name for file in out.iterdir()} == {
        ".lock",
        "clusters.csv",
        "duplicates.csv",
        "history.png",
        "model.safetensors",
        "montage.png",
        "outliers.csv",
        "report.html",
        "sources.csv",
    }
    rows = read_csv(out / "clusters.csv")
    assert list(rows[0]) == ["image", "frame", "slice", "cluster", "distance"]
    assert [row["image"] for row in rows] == [str(i) for i in range(200)]
    model = DeepClusterCategorizer.load(out / "model.safetensors")
    assert [int(row["cluster"]) for row in rows] == model.predict(digits[0]).tolist()
    np.testing.assert_allclose(
        [float(row["distance"]) for row in rows],
        -model.score_samples(digits[0]),
        atol=1e-5,
    )
    printed = capsys.readouterr().out
    assert "200 images of 8 × 8 pixels" in printed
    assert "clusters of" in printed
    assert "purity 0." in printed
    assert "NMI 0." in printed
    for name in ("clusters.csv", "montage.png", "history.png", "model.safetensors"):
        assert name in printed
        assert (out / name).stat().st_size > 100


def test_labels_change_nothing_but_the_summary(npz, tmp_path, capsys):
    for name, more in (("with", ["--labels", str(npz)]), ("without", [])):
        out = str(tmp_path / name)
        assert main(["categorize", str(npz), *QUICK, "-o", out, *more]) == 0
    with_, without = (
        (tmp_path / name / "clusters.csv").read_text() for name in ("with", "without")
    )
    assert with_ == without
    assert capsys.readouterr().out.count("purity") == 1
    labels = np.load(npz)["labels"].astype(float)
    labels[7] = np.nan
    np.save(tmp_path / "labels.npy", labels)
    wrong = ["categorize", str(npz), *QUICK, "-o", str(tmp_path / "wrong"), "--labels"]
    assert main([*wrong, str(tmp_path / "labels.npy")]) == 2
    assert "labels.npy has 1 missing values" in capsys.readouterr().err
    assert main([*wrong, str(tmp_path / "gone.npy")]) == 2
    assert "gone.npy is not a file" in capsys.readouterr().err
    assert not (tmp_path / "wrong" / "clusters.csv").exists()


def test_options_for_folders_are_not_for_arrays(npz, tmp_path, capsys):
    arguments = ["categorize", str(npz), *QUICK, "-o", str(tmp_path / "out")]
    assert main([*arguments, "--window=-160,240", "--frames", "all"]) == 2
    assert "--frames, --window is for folders, but" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_parameters_are_found_before_anything_is_read(cine_folder, tmp_path):
    arguments = ["categorize", str(cine_folder), *QUICK, "-o", str(tmp_path / "out")]
    for wrong in (["--seed", "-1"], ["--epochs", "-1"], ["-k", "0"]):
        assert main([*arguments, *wrong]) == 2
        assert not (tmp_path / "out").exists()


def test_categorize_a_folder(tmp_path, digits, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(digits[0][:30]):
        Image.fromarray(image * 15).save(folder / f"{number:02}.png")
    os.rename(os.fsencode(folder / "29.png"), os.fsencode(folder) + b"/29\xff.png")
    (folder / "30.png").write_text("no picture")
    out = tmp_path / "out"
    arguments = ["categorize", str(folder), *QUICK, "-o", str(out)]
    assert main([*arguments, "--image-size", "32", "--seed", "3"]) == 0
    rows = read_csv(out / "clusters.csv")
    names = [f"{i:02}.png" for i in range(29)] + [os.fsdecode(b"29\xff.png")]
    assert [row["image"] for row in rows] == names
    assert read_csv(out / "skipped.csv") == [
        {"path": "30.png", "kind": "not an image", "reason": "A text."}
    ]
    printed = capsys.readouterr().out
    assert "31 files, 1 of them skipped (1 not an image)" in printed
    assert "1 file(s) not read" in printed
    model = DeepClusterCategorizer.load(out / "model.safetensors")
    assert (model.image_size, model.random_state) == (32, 3)
    assert model.image_shape_ == (64, 64, 1)


def bad_inputs(folder):
    (folder / "empty").mkdir()
    (folder / "text.npz").write_text("hello")
    np.save(folder / "none.npy", np.zeros((0, 8, 8)))
    np.save(folder / "two.npy", np.zeros((2, 8, 8)))
    np.save(folder / "axes.npy", np.zeros((9, 3, 8, 8)))
    np.save(folder / "good.npy", np.zeros((9, 8, 8)))
    np.save(folder / "nan.npy", np.full((9, 8, 8), np.nan))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npy"], "missing.npy"),
        (["empty"], "holds no image that can be read (it is empty)"),
        (["text.npz"], "text.npz is not a folder, nor a .npy"),
        (["none.npy"], "holds no image"),
        (["two.npy"], "n_samples=2 should be >= n_clusters=5"),
        (["axes.npy"], "channels on axis 1"),
        (["nan.npy"], "X contains NaN"),
        (
            ["good.npy", "--labels", "two.npy"],
            "shape (2, 8, 8), but there are 9 images",
        ),
        (["good.npy", "--recipe", "slow"], "There is no recipe 'slow'"),
        (["good.npy", "--device", "gpu"], "device='gpu' cannot be used"),
        (["good.npy", "--epochs", "-1"], "'n_epochs' parameter"),
        (["good.npy", "--image-size", "0"], "'image_size' parameter"),
        (["good.npy", "-o", "good.npy"], "good.npy"),
        ([".", "-o", "./out"], "lies in ."),
        (["empty", "--jobs", "0"], "n_jobs"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments, message, tmp_path, monkeypatch, capsys
):
    bad_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["categorize", "-k", "5", "-o", "out", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("skdeepcluster: error: ")
    assert error.count("\n") == 1


def test_arguments_that_are_missing(capsys):
    for arguments in ([], ["categorize"], ["categorize", "x"], ["extend"], ["sort"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_and_version_load_neither_torch_nor_scikit_learn():
    code = (
        "import sys\n"
        "from skdeepcluster.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'sklearn', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    for argument in ("--help", "--version"):
        run = subprocess.run(
            [sys.executable, "-c", code, argument],
            check=True,
            capture_output=True,
            text=True,
        )
        assert "categorize" in run.stdout or __version__ in run.stdout


def test_demo(tmp_path, capsys):
    assert main(["demo", "--epochs", "0", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "2,000 images of 64 × 64 pixels" in printed
    assert "13 known categories" in printed
    assert "one name for all would be right for 43.4%" in printed
    assert (tmp_path / "montage.png").exists()


def test_an_interrupt_is_quiet(npz, tmp_path, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(DeepClusterCategorizer, "fit", interrupted)
    out = str(tmp_path / "out")
    assert main(["categorize", str(npz), *QUICK, "-o", out]) == 130
    assert capsys.readouterr().err == "skdeepcluster: interrupted\n"


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_keeps_what_was_learnt(npz, tmp_path, monkeypatch, capsys, times):
    class Impatient:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "epoch":
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        def on_fit_task_end(self, estimator, context): ...

    monkeypatch.setattr("sklearn.callback.ProgressBar", Impatient)
    before = signal.getsignal(signal.SIGINT)
    out = tmp_path / "out"
    arguments = ["categorize", str(npz), "-k", "5", "--epochs", "4", "-o", str(out)]
    assert main(arguments) == (0 if times == 1 else 130)
    assert signal.getsignal(signal.SIGINT) is before
    printed, errors = capsys.readouterr()
    assert "Stopping after this epoch" in errors
    assert (out / "clusters.csv").exists() == (times == 1)
    assert ("Stopped after 1 of 4 epochs." in printed) == (times == 1)


HEADER = {"PatientID": "SECRET1", "SeriesDescription": "<script>SECRET2"}


@pytest.fixture
def cine_folder(tmp_path, digits, write_dicom):
    """Forty slices at two times as DICOM files, and one file without an image."""
    for number in range(80):
        write_dicom(
            f"DOE_JANE/IM{number:02}",
            digits[0][number // 2].astype(np.uint16),
            SeriesInstanceUID="1.2.999888777",
            TriggerTime=number % 2,
            ImagePositionPatient=[0, 0, number // 2],
            **HEADER,
        )
    folder = tmp_path / "DOE_JANE"
    (folder / "SECRET3.txt").write_text("SECRET4")
    return folder


def test_categorize_and_assign_an_archive(cine_folder, tmp_path, capsys):
    out, new = tmp_path / "out", tmp_path / "new"
    assert main(["categorize", str(cine_folder), *QUICK, "-o", str(out)]) == 0
    rows = read_csv(out / "clusters.csv")
    assert [row["image"] for row in rows] == [f"IM{n:02}" for n in range(0, 80, 2)]
    assert "BurnedInAnnotation: YES for 0 images, not stated for 40" in (
        capsys.readouterr().out
    )
    for model in (out, out / "model.safetensors"):
        assert main(["assign", str(model), str(cine_folder), "-o", str(new)]) == 0
        assert without_doubt(new) == rows
        assert "of 40 images are farther" in capsys.readouterr().out
        assert not (new / "series.csv").exists()


def test_options_of_reading_are_kept_in_the_model(cine_folder, tmp_path):
    out, new = tmp_path / "out", tmp_path / "new"
    options = ["--frames", "all", "--window", "0,10", "--image-size", "70"]
    arguments = ["categorize", str(cine_folder), *QUICK, *options, "-o", str(out)]
    assert main(arguments) == 0
    model = DeepClusterCategorizer.load(out / "model.safetensors")
    assert model.reader_ == {
        "image_size": 70,
        "channels": 1,
        "frames": "all",
        "window": [0.0, 10.0],
    }
    assert main(["assign", str(out), str(cine_folder), "-o", str(new)]) == 0
    assert without_doubt(new) == read_csv(out / "clusters.csv")
    assert len(without_doubt(new)) == 80


@pytest.fixture
def folder_that_runs_over(tmp_path, digits, write_slow_dicom):
    """Ten pictures, a file that is slow to open, and one of 61 million pixels."""
    write_slow_dicom("archive/slow")
    folder = tmp_path / "archive"
    Image.new("RGB", (7800, 7800)).save(folder / "large.png", compress_level=1)
    for number in range(10):
        Image.fromarray(digits[0][number] * 15).save(folder / f"{number}.png")
    return folder


def test_limits_of_time_and_memory(folder_that_runs_over, tmp_path, capsys):
    archive, out, new = str(folder_that_runs_over), tmp_path / "out", tmp_path / "new"
    limits = ["--timeout", "1", "--max-memory", "0.25"]
    arguments = [archive, "-o", str(out), "--jobs", "2"]
    assert main(["categorize", *arguments, *QUICK, *limits]) == 0
    expected = [
        {
            "path": "large.png",
            "kind": "too large",
            "reason": "It took more than 0.25 GiB (max_memory).",
        },
        {
            "path": "slow",
            "kind": "too slow",
            "reason": "It took more than 1 s (timeout).",
        },
    ]
    assert read_csv(out / "skipped.csv") == expected
    printed = capsys.readouterr().out
    assert "12 files, 2 of them skipped (1 too large, 1 too slow)" in printed
    assert "10 images" in printed
    assert main(["assign", str(out), archive, "-o", str(new), *limits]) == 0
    assert read_csv(new / "skipped.csv") == expected


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--timeout", "0"], "timeout=0.0 is not a number of seconds above 0"),
        (["--max-memory", "0.1"], "max_memory=0.1 is not a number of GiB from 0.25"),
    ],
)
def test_limits_that_cannot_be(option, message, tmp_path, capsys):
    (tmp_path / "archive").mkdir()
    arguments = [str(tmp_path / "archive"), *QUICK, "-o", str(tmp_path / "out")]
    assert main(["categorize", *arguments, *option]) == 2
    assert message in capsys.readouterr().err


def test_nothing_that_identifies_is_written_or_printed(cine_folder, tmp_path, capfd):
    out, new = tmp_path / "out", tmp_path / "new"
    archive = str(cine_folder)
    commands = [
        ["categorize", archive, *QUICK, "--anonymous-paths", "-o", str(out)],
        ["assign", str(out), archive, "--anonymous-paths", "-o", str(new)],
    ]
    for command in commands:
        assert main(command) == 0
    (cine_folder / "IM00").write_bytes((cine_folder / "IM00").read_bytes()[:-9])
    assert main([*commands[1], "--strict"]) == 2
    secrets = [b"SECRET", b"Jane", b"999888777"]
    secrets += [f"IM{number:02}".encode() for number in range(20)]
    out_, err = capfd.readouterr()
    assert "Without --strict the others are read, and skipped.csv says which" in err
    for secret in secrets:
        assert secret.decode() not in out_ + err
        for path in [*out.iterdir(), *new.iterdir()]:
            content = path.read_bytes()
            if path.suffix == ".html":  # base64 holds any four letters
                content = re.sub(rb'class="sheet">.*?<', b"", content)
            assert secret not in content, path.name
    assert (tmp_path / "out-paths.csv").read_text().count("IM") == 80


def test_assign_an_array(npz, tmp_path, capsys):
    out, new = str(tmp_path / "out"), str(tmp_path / "new")
    assert main(["categorize", str(npz), *QUICK, "-o", out]) == 0
    assert main(["assign", out, str(npz), "-o", new]) == 0
    assert without_doubt(tmp_path / "new") == read_csv(tmp_path / "out/clusters.csv")
    assert not (tmp_path / "new" / "series.csv").exists()
    capsys.readouterr()
    assert main(["assign", out, str(tmp_path), "-o", new]) == 2
    assert "was fitted to an array" in capsys.readouterr().err


def test_an_array_in_the_folder_of_results_is_not_removed(tmp_path, digits):
    for name in ("categorize", "assign"):
        out = tmp_path / name
        out.mkdir()
        np.save(out / "images.npy", digits[0])
        (out / "index.csv").write_text("mine")
    images = tmp_path / "categorize" / "images.npy"
    out = str(tmp_path / "categorize")
    assert main(["categorize", str(images), *QUICK, "-o", out]) == 0
    images = tmp_path / "assign" / "images.npy"
    assert main(["assign", out, str(images), "-o", str(tmp_path / "assign")]) == 0
    for name in ("categorize", "assign"):
        assert np.load(tmp_path / name / "images.npy").shape == digits[0].shape
        assert (tmp_path / name / "index.csv").read_text() == "mine"


@pytest.fixture
def sorted_cine(cine_folder, tmp_path):
    """What categorize makes of the cine, and names of all clusters but 1."""
    out = tmp_path / "out"
    assert main(["categorize", str(cine_folder), *QUICK, "-o", str(out)]) == 0
    clusters = [row["cluster"] for row in read_csv(out / "clusters.csv")]
    excluded = f"{clusters.index('2')} {39 - clusters[::-1].index('2')}"
    (tmp_path / "names.csv").write_text(
        f"cluster,category,excluded\n0,a/b,\n2,round,{excluded}\n3,a/b,\n4,=1+1,\n"
    )
    return out


def test_names_become_categories(sorted_cine, cine_folder, tmp_path, capsys):
    out, new = sorted_cine, tmp_path / "new"
    before = read_csv(out / "clusters.csv")
    capsys.readouterr()
    assert main(["name", str(out), str(tmp_path / "names.csv")]) == 0
    categories = {"0": "a/b", "1": "", "2": "round", "3": "a/b", "4": "=1+1"}
    rows = read_csv(out / "clusters.csv")
    expected = [categories[row["cluster"]] for row in rows]
    second = [n for n, row in enumerate(rows) if row["cluster"] == "2"]
    expected[second[0]] = expected[second[-1]] = ""
    assert [row.pop("category") for row in rows] == expected
    marked = [str(n in (second[0], second[-1])) for n in range(40)]
    assert [row.pop("excluded") for row in rows] == marked
    assert rows == before
    n_named = sum(map(bool, expected))
    assert f"4 of 5 clusters are named, with {n_named / 40:.1%} of the images" in (
        capsys.readouterr().out
    )
    (vote,) = read_csv(out / "series.csv")
    named = [name for name in expected if name]
    most = max(sorted(set(named)), key=named.count)
    assert (vote["series"], vote["images"], vote["category"]) == ("0", "40", most)
    assert float(vote["share"]) == named.count(most) / 40

    assert main(["assign", str(out), str(cine_folder), "-o", str(new)]) == 0
    found = read_csv(new / "clusters.csv")
    assert [row["category"] for row in found] == [
        categories[row["cluster"]] for row in rows
    ]
    model = DeepClusterCategorizer.load(out / "model.safetensors")
    doubt = model.decision_function(np.load(new / "images.npy")) < 0
    assert [row["doubt"] == "True" for row in found] == doubt.tolist()
    assert len(read_csv(new / "series.csv")) == 1


def test_names_can_be_given_again(sorted_cine, tmp_path, capsys):
    names = tmp_path / "names.csv"
    assert main(["name", str(sorted_cine), str(names)]) == 0
    first = (sorted_cine / "clusters.csv").read_bytes()
    assert main(["name", str(sorted_cine), str(names)]) == 0
    assert (sorted_cine / "clusters.csv").read_bytes() == first
    names.write_text("cluster,category\n1,other\n")
    assert main(["name", str(sorted_cine), str(names)]) == 2
    assert "no name for 4 cluster(s) that have one (0, 2, 3, 4)" in (
        capsys.readouterr().err
    )
    assert (sorted_cine / "clusters.csv").read_bytes() == first
    assert main(["name", str(sorted_cine), str(names), "--replace"]) == 0
    rows = read_csv(sorted_cine / "clusters.csv")
    assert {(row["cluster"] == "1", row["category"]) for row in rows} == {
        (True, "other"),
        (False, ""),
    }


def test_names_of_an_array(npz, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["categorize", str(npz), *QUICK, "-o", str(out)]) == 0
    (out / "index.csv").write_text("mine")
    (tmp_path / "names.csv").write_text("cluster,category\n0,zero\n")
    assert main(["name", str(out), str(tmp_path / "names.csv")]) == 0
    assert not (out / "series.csv").exists()
    rows = read_csv(out / "clusters.csv")
    assert [row["image"] for row in rows] == [str(i) for i in range(200)]
    assert {row["category"] for row in rows} == {"", "zero"}


def test_bad_names_change_nothing(sorted_cine, tmp_path, capsys):
    names = tmp_path / "names.csv"
    names.write_text("cluster,category\n5,x\n")
    before = {path: path.read_bytes() for path in sorted_cine.iterdir()}
    assert main(["name", str(sorted_cine), str(names)]) == 2
    assert "names.csv, line 2: cluster '5' is not a" in capsys.readouterr().err
    assert main(["name", str(sorted_cine), str(tmp_path / "missing.csv")]) == 2
    assert main(["name", str(tmp_path), str(names)]) == 2
    assert "There is no model" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in sorted_cine.iterdir()} == before
    lines = (sorted_cine / "clusters.csv").read_text().splitlines()
    (sorted_cine / "clusters.csv").write_text("\n".join(lines[:-1]))
    assert main(["name", str(sorted_cine), str(names)]) == 2
    assert "does not hold the clusters of the model" in capsys.readouterr().err
    (sorted_cine / "clusters.csv").write_text("a;b")
    assert main(["name", str(sorted_cine), str(names)]) == 2
    assert "does not hold the clusters of the model" in capsys.readouterr().err


def test_files_are_laid_out_by_category(sorted_cine, cine_folder, tmp_path, capsys):
    out, target = sorted_cine, tmp_path / "by category"
    assert main(["name", str(out), str(tmp_path / "names.csv")]) == 0
    before = {path: path.read_bytes() for path in cine_folder.iterdir()}
    arguments = ["assign", str(out), str(cine_folder), "-o", str(tmp_path / "new")]
    arguments += ["--sort-into", str(target)]
    assert main(arguments) == 0
    folders = {"0": "a_b", "1": "cluster 001", "2": "round", "3": "a_b", "4": "=1+1"}
    expected = {
        f"{folders[row['cluster']]}/{row['image']}"
        for row in read_csv(tmp_path / "new" / "clusters.csv")
    }
    made = {path for path in target.rglob("*") if path.is_file()}
    assert {str(path.relative_to(target)) for path in made} == expected
    assert all(path.samefile(cine_folder / path.name) for path in made)
    assert all(path.is_symlink() for path in made)
    assert {path: path.read_bytes() for path in cine_folder.iterdir()} == before
    assert "40 of 81 files are in folders" in (printed := capsys.readouterr().out)
    assert "1 were skipped, and 40 are left out" in printed
    for more, message in (
        ([], "not an empty folder"),
        (["--sort-into", str(cine_folder / "x")], "would be sorted next time"),
        (["--anonymous-paths"], "no --anonymous-paths"),
        (["--sort-into", str(tmp_path / "x"), "-o", str(tmp_path / "x")], "lies in"),
    ):
        assert main([*arguments, *more]) == 2
        assert message in capsys.readouterr().err


def test_what_a_model_was_fitted_to_is_not_replaced(sorted_cine, cine_folder, capsys):
    before = {path: path.read_bytes() for path in sorted_cine.iterdir()}
    for model in (sorted_cine, sorted_cine / "model.safetensors"):
        arguments = ["assign", model, cine_folder, "-o", sorted_cine]
        assert main([str(argument) for argument in arguments]) == 2
        assert "is where a model is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in sorted_cine.iterdir()} == before


def test_results_that_have_a_model_are_not_replaced_by_tables(
    sorted_cine, cine_folder, tmp_path, capsys
):
    shutil.copytree(sorted_cine, tmp_path / "other")
    arguments = ["assign", sorted_cine, cine_folder, "-o", tmp_path / "other"]
    assert main([str(argument) for argument in arguments]) == 2
    assert "is where a model is" in capsys.readouterr().err


def test_clusters_that_have_names_are_not_sorted_anew(npz, tmp_path, capsys):
    out, names = tmp_path / "out", tmp_path / "names.csv"
    command = ["categorize", str(npz), *QUICK, "-o", str(out)]
    assert main(command) == 0
    assert main(command) == 0
    names.write_text("cluster,category,excluded\n0,seven,\n")
    assert main(["name", str(out), str(names)]) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    for arguments in (command, ["demo", "--epochs", "0", "-o", str(out)]):
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert f"The clusters in {out} have names, which would be lost" in told
        assert f"--names-from {out}" in told
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    command[-1] = str(tmp_path / "new")
    assert main([*command, "--names-from", str(out)]) == 0
    assert main([*command, "--names-from", str(out)]) == 0  # the same names again
    assert main(["name", command[-1], str(names)]) == 0  # which the other has not
    assert main([*command, "--names-from", str(out)]) == 2
    assert "have names, which would be lost" in capsys.readouterr().err
    (out / "model.safetensors").unlink()
    command[-1] = str(out)
    assert main(command) == 0


def test_the_page_has_the_names_that_were_given(npz, tmp_path):
    out, names = tmp_path / "out", tmp_path / "names.csv"
    assert main(["categorize", str(npz), *QUICK, "-o", str(out)]) == 0
    before = (out / "report.html").read_bytes()
    of_images = [line["cluster"] for line in read_csv(out / "clusters.csv")]
    row = of_images.index("1")
    name = "</script><b>é"
    names.write_text(f"cluster,category,excluded\n1,{name},{row}\n", "utf-8")
    assert main(["name", str(out), str(names)]) == 0
    after = (out / "report.html").read_bytes()
    start = b'<script type="application/json" id="data">'

    def data(page):
        return json.loads(page.partition(start)[2].partition(b"</script>")[0])

    expected = data(before) | {"names": {"1": name}, "excluded": [[1, [row]]]}
    assert data(after) == expected  # its place in the browser's storage included
    for part in (0, 2):
        around = [page.partition(start)[part] for page in (before, after)]
        if part == 2:
            around = [each.partition(b"</script>")[2] for each in around]
        assert around[0] == around[1]
    (out / "report.html").unlink()
    assert main(["name", str(out), str(names)]) == 0
    (out / "report.html").write_text("something else")
    assert main(["name", str(out), str(names)]) == 2


def test_folders_that_only_look_like_ours_stay(npz, tmp_path):
    out = tmp_path / "study"
    for name in ("extension", "replacement", "unfinished-replacement"):
        (out / name).mkdir(parents=True)
        (out / name / "scan.dcm").write_bytes(b"precious")
    assert main(["categorize", str(npz), *QUICK, "-o", str(out)]) == 0
    for name in ("extension", "replacement", "unfinished-replacement"):
        assert (out / name / "scan.dcm").read_bytes() == b"precious"


def test_a_full_disk_is_an_error(cine_folder, tmp_path, monkeypatch, capsys):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    out = tmp_path / "out"
    assert main(["categorize", str(cine_folder), *QUICK, "-o", str(out)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list(out.glob("images.npy*"))


def test_a_full_gpu_is_an_error(npz, tmp_path, monkeypatch, capsys):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory.\n Tried to allocate 9 GiB")

    monkeypatch.setattr(DeepClusterCategorizer, "fit", full)
    arguments = ["categorize", str(npz), *QUICK, "-o", str(tmp_path / "out")]
    assert main(arguments) == 2
    told = "CUDA out of memory. Tried to allocate 9 GiB\n"
    assert capsys.readouterr().err == f"skdeepcluster: error: {told}"


def test_windows_that_are_none(capsys):
    for text in ("auto", "1", "1,2,3"):
        with pytest.raises(SystemExit):
            main(["categorize", "x", "-k", "2", "-o", "y", "--window", text])
        assert "is not series, image, none or two" in capsys.readouterr().err


def test_the_report_embeds_nothing_again(npz, tmp_path, monkeypatch, capsys):
    def once_more(self, X):
        raise AssertionError("the images were embedded once more")

    monkeypatch.setattr(DeepClusterCategorizer, "transform", once_more)
    out = str(tmp_path / "out")
    arguments = ["categorize", str(npz), "-k", "4", "-o", out, "--epochs", "1"]
    assert main(arguments) == 0
    assert (tmp_path / "out" / "report.html").exists()


def test_large_images_are_read_and_seen_at_more_pixels(tmp_path, capsys):
    views, _ = make_cardiac_views(40, image_size=128, random_state=0)
    folder, out, new = tmp_path / "in", tmp_path / "out", tmp_path / "new"
    folder.mkdir()
    for number, view in enumerate(views):
        Image.fromarray(view).save(folder / f"{number:02}.png")
    assert main(["categorize", str(folder), *QUICK, "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "40 images of 128 × 128 pixels, which the network sees at 64 × 64" in printed
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    assert est.reader_["image_size"] == 128
    assert est.model_.inputs.size == (64, 64)
    Image.new("L", (20, 20), 90).save(folder / "small.png")
    assert main(["assign", str(out), str(folder), "-o", str(new)]) == 0
    assert np.load(new / "images.npy").shape == (41, 128, 128)
    before, after = (read_csv(each / "clusters.csv") for each in (out, new))
    assert [row["cluster"] for row in after[:40]] == [row["cluster"] for row in before]


@pytest.mark.parametrize(
    ("n_images", "expected"),
    [
        *((1, 1), (4, 1), (10, 2), (79, 15), (80, 16), (256, 16), (1797, 42)),
        *((3000, 55), (12_001, 110), (40_000, 200), (10**6, 200)),
    ],
)
def test_how_many_clusters_where_nobody_says_it(n_images, expected):
    assert default_n_clusters(n_images) == expected


def test_the_number_of_clusters_may_be_left_out(npz, tmp_path, capsys):
    arguments = ["categorize", str(npz), "--epochs", "0", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "-k was not given: 16 clusters for 200 images" in capsys.readouterr().out
    rows = read_csv(tmp_path / "out" / "clusters.csv")
    assert len({row["cluster"] for row in rows}) == 16


def test_embeddings_are_in_the_order_of_the_table(npz, tmp_path, digits):
    out, new = tmp_path / "out", tmp_path / "new"
    arguments = ["categorize", str(npz), "-k", "5", "--epochs", "0", "-o", str(out)]
    assert main([*arguments, "--embeddings"]) == 0
    assert main(["assign", str(out), str(npz), "-o", str(new), "--embeddings"]) == 0
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    for folder in (out, new):
        found = np.load(folder / "embeddings.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, est.transform(digits[0]), atol=1e-5)
    # Those of another run do not stay.
    assert main(arguments) == 0
    assert not (out / "embeddings.npy").exists()
    assert main(["assign", str(out), str(npz), "-o", str(new)]) == 0
    assert not (new / "embeddings.npy").exists()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_copies_that_are_not_learnt_from(tmp_path, digits, capsys, suffix, monkeypatch):
    images = digits[0][:60]
    rows = np.r_[0:60, 5, 7, 5]
    np.save(tmp_path / "once.npy", images)
    path = tmp_path / f"often.{suffix}"
    if suffix == "npy":  # of which not all need fit into memory
        np.save(path, images[rows])
    else:
        np.savez(path, images=images[rows], labels=digits[1][rows])
    fitted = []
    fit = DeepClusterCategorizer.fit

    def noted(self, X, y=None):
        fitted.append((np.asarray(X), y))
        return fit(self, X, y)

    monkeypatch.setattr(DeepClusterCategorizer, "fit", noted)
    out = tmp_path / "out"
    arguments = ["categorize", str(path), "-k", "6", "--epochs", "1", "-o", str(out)]
    if suffix == "npz":
        arguments += ["--labels", str(path)]
    assert main([*arguments, "--drop-duplicates"]) == 0
    assert "3 of them are exact copies, which are not" in capsys.readouterr().out
    ((learnt, labels),) = fitted
    np.testing.assert_array_equal(learnt, images)
    assert labels is None or labels.tolist() == digits[1][:60].tolist()
    clusters = [int(row["cluster"]) for row in read_csv(out / "clusters.csv")]
    est = DeepClusterCategorizer.load(out / "model.safetensors")
    assert clusters == est.labels_.tolist() == est.predict(images[rows]).tolist()
    distances = np.array(
        [float(row["distance"]) for row in read_csv(out / "clusters.csv")]
    )
    assert est.inertia_ == pytest.approx(np.square(distances).sum(), rel=1e-3)
    copies = read_csv(out / "duplicates.csv")
    exact = [row["row"] for row in copies if row["kind"] == "exact"]
    assert sorted(exact) == ["5", "60", "61", "62", "7"]
    (tmp_path / "names.csv").write_text("cluster,category\n0,x\n")
    assert main(["name", str(out), str(tmp_path / "names.csv")]) == 0


def test_names_of_an_earlier_run(sorted_cine, cine_folder, tmp_path, capsys):
    old, new = sorted_cine, tmp_path / "new"
    again = ["categorize", str(cine_folder), *QUICK, "-o", str(new)]
    again += ["--names-from", str(old)]
    assert main(again) == 2  # none is named
    assert "has no category for any of these images" in capsys.readouterr().err
    names = "cluster,category\n" + "".join(f"{n},=kind {n}\n" for n in range(4))
    (tmp_path / "names.csv").write_text(names)
    assert main(["name", str(old), str(tmp_path / "names.csv")]) == 0
    assert main(again) == 0
    before, after = (read_csv(each / "clusters.csv") for each in (old, new))
    # The same images and the same seed make the same clusters.
    assert [row["category"] for row in after] == [row["category"] for row in before]
    assert "" in {row["category"] for row in after}
    est = DeepClusterCategorizer.load(new / "model.safetensors")
    assert est.names_ == {n: f"=kind {n}" for n in range(4)}
    assert "4 of 5 clusters are named" in capsys.readouterr().out
    assert read_csv(new / "series.csv") == read_csv(old / "series.csv")


def test_names_of_an_array_that_has_grown(tmp_path, digits, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    quick = ["-k", "5", "--epochs", "0", "-o"]
    images = digits[0]
    for name, array in (("a", images[:60]), ("b", images[:90]), ("c", images[1:91])):
        np.save(tmp_path / f"{name}.npy", array)
    assert main(["categorize", str(tmp_path / "a.npy"), *quick, str(old)]) == 0
    (tmp_path / "names.csv").write_text(
        "cluster,category\n" + "".join(f"{n},x\n" for n in range(5))
    )
    assert main(["name", str(old), str(tmp_path / "names.csv")]) == 0
    again = [*quick, str(new), "--names-from", str(old)]
    assert main(["categorize", str(tmp_path / "c.npy"), *again]) == 2
    assert "Images 0 to 59 are not those of" in capsys.readouterr().err
    assert main(["categorize", str(tmp_path / "b.npy"), *again]) == 0
    rows = read_csv(new / "clusters.csv")
    assert {row["category"] for row in rows[:60]} == {"x"}
    assert len(rows) == 90


def test_names_that_cannot_be_taken(npz, cine_folder, tmp_path, capsys):
    hidden = ["--anonymous-paths"]
    old = tmp_path / "old"
    assert main(["categorize", str(cine_folder), *QUICK, "-o", str(old), *hidden]) == 0
    for arguments, message in (
        ([npz, "-o", old], "is --output, whose files are replaced"),
        ([npz, "-o", tmp_path / "out", "missing"], "has no clusters.csv"),
        ([cine_folder, "-o", tmp_path / "out"], "give --anonymous-paths too"),
        # Other numbers: by default each OUT has its own.
        ([cine_folder, "-o", tmp_path / "out", *hidden], "does not say which paths"),
    ):
        given = [*arguments, "--names-from", old]
        if "missing" in given:
            given = [*arguments[:-1], "--names-from", tmp_path / "missing"]
        assert main(["categorize", *QUICK, *map(str, given)]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_network_that_was_trained_elsewhere(tmp_path, capsys):
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.pt")
    (tmp_path / "archive").mkdir()
    for number in range(12):
        grey = np.full((20, 20), 20 * number, np.uint8)
        Image.fromarray(grey).save(tmp_path / "archive" / f"{number}.png")
    network = ["--backbone", "timm:test_resnet", "--weights", tmp_path / "weights.pt"]
    arguments = ["categorize", tmp_path / "archive", "-k", "3", *network]
    main([str(a) for a in [*arguments, "--trainable", "none", "-o", tmp_path / "out"]])
    assert "which the network sees at 160 × 160" in capsys.readouterr().out
    model = DeepClusterCategorizer.load(tmp_path / "out" / "model.safetensors")
    assert model.reader_["image_size"] == 160
    assert model.n_epochs_ == 0
    assert model.backbone.trainable == "none"
    new = ["assign", tmp_path / "out", tmp_path / "archive", "-o", tmp_path / "new"]
    main([str(a) for a in new])
    clusters = [row["cluster"] for row in read_csv(tmp_path / "new" / "clusters.csv")]
    assert clusters == [str(label) for label in model.labels_]


def test_timm_that_is_not_installed(npz, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    network = ["--backbone", "timm:resnet18", "--weights", npz]
    arguments = ["categorize", npz, *QUICK, "-o", tmp_path / "out", *network]
    assert main([str(a) for a in arguments]) == 2
    assert "pip install timm" in capsys.readouterr().err


def test_weights_without_a_network(npz, tmp_path, capsys):
    arguments = ["categorize", npz, *QUICK, "-o", tmp_path / "out", "--weights", npz]
    assert main([str(a) for a in arguments]) == 2
    assert "backbone__weights cannot be set" in capsys.readouterr().err


def test_an_archive_in_colour(tmp_path, capsys):
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(12):
        colour = np.zeros((20, 20, 3), np.uint8)
        colour[..., number % 3] = 100 + 10 * number
        Image.fromarray(colour).save(folder / f"{number:02}.webp", lossless=True)
    out = tmp_path / "out"
    arguments = ["categorize", str(folder), "-k", "3", "--epochs", "1"]
    assert main([*arguments, "-o", str(out)]) == 0
    assert "Read in colour (--channels 3)." in capsys.readouterr().out
    model = DeepClusterCategorizer.load(out / "model.safetensors")
    assert model.reader_["channels"] == 3
    assert model.image_shape_ == (64, 64, 3)
    montage = np.asarray(Image.open(out / "montage.png").convert("RGB")).astype(int)
    for channel in range(3):
        others = np.delete(montage, channel, axis=2).max(2)
        assert (montage[..., channel] - others).max() > 100
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.fromarray(np.full((20, 20), 9, np.uint8)).save(grey / "a.png")
    assert main(["assign", str(out), str(grey), "-o", str(tmp_path / "new")]) == 0
    assert np.load(tmp_path / "new" / "images.npy").shape == (1, 64, 64, 3)
    assert main([*arguments, "--channels", "1", "-o", str(tmp_path / "1")]) == 0
    assert "Read in grey (--channels 1)." in capsys.readouterr().out


def test_a_model_whose_reader_has_few_settings_reads_as_usual(digits, tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for number, image in enumerate(digits[0][:12]):
        Image.fromarray(image * 15).save(folder / f"{number:02}.png")
    est = DeepClusterCategorizer(2, n_epochs=1, random_state=0)
    est.fit(load_archive(folder, image_size=32, n_jobs=1).images)
    est.reader_ = {"image_size": 32}
    est.save(tmp_path / "model.safetensors")
    model = str(tmp_path / "model.safetensors")
    assert main(["assign", model, str(folder), "-o", str(out), "--jobs", "1"]) == 0
    assert len(read_csv(out / "clusters.csv")) == 12
