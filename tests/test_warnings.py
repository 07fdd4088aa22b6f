import inspect
import warnings
from pathlib import Path

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skdeepcluster
from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.archive import ImageReader
from skdeepcluster.metrics import purity_scorer


def line_of(work):
    """The file and the text of the line that a warning is blamed on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    (warning,) = caught
    with open(warning.filename, encoding="utf-8") as file:
        return warning.filename, file.readlines()[warning.lineno - 1].strip()


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_the_callers_line_is_blamed(in_pipeline, digits, tmp_path):
    X = digits[0]
    est = DeepClusterCategorizer(
        5, backbone="small_cnn", n_epochs=5, learning_rate=1e-12, standardize="dataset"
    )
    if in_pipeline:
        est = make_pipeline(est)
    here = inspect.getfile(line_of)
    assert line_of(lambda: est.fit(X)) == (
        here,
        "assert line_of(lambda: est.fit(X)) == (",
    )
    found = line_of(lambda: est.predict(X * 999.0))
    assert found == (here, "found = line_of(lambda: est.predict(X * 999.0))")


def test_in_a_search_too(digits, quick):
    quick.set_params(n_epochs=5, learning_rate=1e-12)
    search = GridSearchCV(quick, {"batch_size": [64]}, cv=2, scoring=purity_scorer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(*digits)
    assert {warning.filename for warning in caught} == {inspect.getfile(line_of)}


def test_of_a_reader_and_of_a_device_too(quick, digits, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    paths = [str(tmp_path / "text.png")]
    reader = ImageReader(on_error="blank", n_jobs=1)
    found = line_of(lambda: reader.fit_transform(paths))
    assert found[1] == "found = line_of(lambda: reader.fit_transform(paths))"
    quick.set_params(n_epochs=0).fit(digits[0]).set_params(device="cuda:99")
    quick.save(tmp_path / "model")
    found = line_of(lambda: DeepClusterCategorizer.load(tmp_path / "model"))
    assert found[1] == (
        'found = line_of(lambda: DeepClusterCategorizer.load(tmp_path / "model"))'
    )


def test_nothing_is_counted_by_hand():
    for file in Path(skdeepcluster.__file__).parent.rglob("*.py"):
        if file.name != "_warnings.py":
            assert "stacklevel" not in file.read_text(), file
