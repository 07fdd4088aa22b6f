import numpy as np
import pandas as pd
import pytest

from skdeepcluster._names import (
    Names,
    check_names,
    from_json,
    names_from,
    read_names,
    to_json,
)


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "names.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_names(path, 10, np.repeat(np.arange(10), 10))

    return read


@pytest.mark.parametrize(
    "text",
    [
        "cluster,category\n3,short axis\n7,Zweikammerblick ä\n",
        "\ufeffCluster;Category\r\n3;short axis\r\n7;Zweikammerblick ä\r\n;\r\n",
        'category,cluster,note\n" short axis ",3,x\n"Zweikammerblick ä",7,\n,5,\n\n',
        "cluster,category,excluded\n3,short axis,\n7,Zweikammerblick ä,\n",
        "cluster,category,example\n3,short axis,30\n7,Zweikammerblick ä,70\n",
    ],
)
def test_tables_that_say_the_same(read, text):
    assert read(text) == Names({3: "short axis", 7: "Zweikammerblick ä"})


def test_spaces_of_other_scripts(read):
    assert read("cluster,category\n0,短軸　像\n1,short\u00a0axis\n").categories == {
        0: "短軸　像",
        1: "short\u00a0axis",
    }


def test_excluded_images_have_no_category(read):
    names = read('cluster,category,excluded\n0,"=a, ""b""",3 9\n1,,10\n')
    assert names == Names({0: '=a, "b"'}, frozenset({3, 9, 10}))
    labels = np.array([0, 0, 1, 0])
    assert Names({0: "x"}, frozenset({1})).of(labels).tolist() == ["x", "", "", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not name the columns cluster and category"),
        ("a,b\n1,2\n", "does not name the columns cluster and category"),
        ("cluster,category\n10,x\n", "line 2: cluster '10' is not a number .* 0 to 9"),
        ("cluster,category\n-1,x\n", "cluster '-1' is not a number"),
        ("cluster,category\n1.0,x\n", "cluster '1.0' is not a number"),
        ("cluster,category\n" + "9" * 9999 + ",x\n", "is not a number"),
        ("cluster,category\n²,x\n", "is not a number"),
        ("cluster,category\n1,x\n1,y\n", "line 3: cluster 1 is listed twice"),
        ('cluster,category\n1,"x\ny"\n', "line 2: the category has control"),
        ("cluster,category,excluded\n1,x,15 100\n", "image '100' is not a"),
        ("cluster,category,excluded\n1,x,5\n", "image 5 is in cluster 0"),
        ("cluster,category,excluded,example\n1,x,,5\n", "image 5 is in cluster 0"),
        ("category,cluster\nA\n", "line 2: it has 1 fields, but the first line has 2"),
        ("cluster,category\n0,heart, apex\n", "line 2: it has 3 fields"),
        (b"cluster,category\n1,\xe4\n", "is not UTF-8 text"),
        ('cluster,category\n1,"x\n', "not a table separated by commas or semicolons"),
        ("cluster,category\n1,x\0\n", "control characters"),
    ],
    ids=repr,
)
def test_tables_that_are_refused(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({3: "x"}, "There is no cluster 3 to be named 'x': .* from 0 to 2"),
        ({-1: "x"}, "There is no cluster -1"),
        ({0.5: "x"}, r"There is no cluster 0\.5"),
        ({0: ""}, "The name of cluster 0 is empty"),
        ({0: " \t"}, "The name of cluster 0 is empty"),
        ({0: "a\nb"}, "The name of cluster 0 has control characters"),
        ({0: "a\u2028b"}, "has control characters"),
        ({0: "\x1b[2J"}, "has control characters"),
        ({0: "\ud800"}, "has control characters"),
        ({0: 3}, "The name of cluster 0 is 3, which is not text"),
        ({0: None}, "is None, which is not text"),
    ],
)
def test_names_that_will_not_do(names, message):
    with pytest.raises(ValueError, match=message):
        check_names(names, 3)
    with pytest.raises(ValueError, match=message):
        to_json(names, 3)


def test_names_come_back_from_json():
    names = {np.int64(2): 'naïve, "2"', 0: "short axis"}
    pairs = to_json(names, 3)
    assert pairs == [[0, "short axis"], [2, 'naïve, "2"']]
    assert from_json(pairs, 3) == {0: "short axis", 2: 'naïve, "2"'}
    with pytest.raises(ValueError, match="no cluster 2"):
        from_json(pairs, 2)


def test_names_from_former_categories():
    labels = np.repeat([0, 1, 2, 3], 20)
    former = ["a"] * 18 + ["b"] * 2  # 90 %
    former += ["a"] * 17 + ["b"] * 2 + [""]  # less
    former += [""] * 18 + ["b"] * 2  # few images, but all of one category
    former += [""] * 20
    assert names_from(labels, former) == {0: "a"}
    assert names_from(labels, former, min_known=0.1) == {0: "a", 2: "b"}
    assert names_from(labels, former, min_share=0.85) == {0: "a", 1: "a"}
    assert names_from(labels, np.array(former), min_share=1) == {}
    assert names_from([], []) == {}


def test_names_that_no_former_category_gives():
    with pytest.raises(ValueError, match=r"shape \(3,\), but categories \(2,\)"):
        names_from([0, 1, 2], ["a", "b"])
    for share in (0.5, 1.1, np.nan):
        with pytest.raises(ValueError, match="min_share"):
            names_from([0], ["a"], min_share=share)
    with pytest.raises(ValueError, match="min_known"):
        names_from([0], ["a"], min_known=-1)


@pytest.mark.parametrize("none", ["", None, np.nan, pd.NA])
def test_images_without_a_former_category_as_tables_have_them(none):
    former = np.array(["knee"] * 2 + [none] * 18, dtype=object)
    assert names_from(np.repeat([0, 1], 10), former, min_known=0) == {0: "knee"}


@pytest.mark.parametrize("category", [3, "two\nlines", " "])
def test_former_categories_that_cannot_be_names(category):
    with pytest.raises(ValueError, match="The category of cluster 0"):
        names_from([0, 0], np.array([category, ""], dtype=object))
