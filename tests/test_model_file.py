import copy
import json
import pickle
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skdeepcluster import Augmentation, DeepClusterCategorizer, Stability
from skdeepcluster._engine.backbones import Architecture
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.runtime import NothingDrawn
from skdeepcluster._model_parts import PROBED
from skdeepcluster.objectives import SwappedPrediction, TwoStages

ATTRIBUTES = [
    "labels_",
    "cluster_centers_",
    "n_clusters_",
    "inertia_",
    "n_fit_clusters_",
    "last_epoch_labels_",
    "n_epochs_",
    "image_shape_",
    "reader_",
    "names_",
    "pixel_mean_",
    "pixel_std_",
    "device_",
    "precision_",
    "n_features_in_",
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def contents(path):
    """The header, its JSON, and the tensors of a model file."""
    with safe_open(path, framework="pt") as file:
        header = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    described = {name: json.loads(header.pop(name)) for name in ("document", "model")}
    return header, described, tensors


def rewrite(path, change):
    """Change the header or the tensors of a model file, as a hostile hand might."""
    header, described, tensors = contents(path)
    change(header, described, tensors)
    header |= {name: json.dumps(value) for name, value in described.items()}
    save_file(tensors, path, metadata=header)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"standardize": "dataset", "augmentation": Augmentation(rotation=3)},
        {"pca_components": 12, "sobel": True, "augmentation": False},
        {"backbone": "resnet18", "n_epochs": 0},
        {
            "objective": SwappedPrediction(n_prototypes=8),
            "stopping": Stability(nmi=None),
            "cluster_on": "bank",
        },
        {"random_state": np.random.RandomState(0), "n_clusters": np.int64(4)},
    ],
    ids=lambda parameters: "-".join(parameters) or "plain",
)
def test_round_trip(parameters, quick, digits, path):
    quick.set_params(**{"n_epochs": 1, **parameters}).fit(digits[0])
    quick.save(path)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        before = torch.get_rng_state()
        loaded = DeepClusterCategorizer.load(path)
        assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)
    np.testing.assert_array_equal(
        loaded.transform(digits[0]), quick.transform(digits[0])
    )
    for name in ATTRIBUTES:
        expected, found = getattr(quick, name), getattr(loaded, name)
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert loaded.embedding_ is None
    for name, values in quick.history_.items():
        np.testing.assert_array_equal(loaded.history_[name], values)
    assert type(loaded.image_shape_) is tuple
    assert not any(weight.requires_grad for weight in loaded.network_.parameters())
    expected = {**quick.get_params(), **loaded.get_params()} | (
        {"random_state": loaded.random_state}
    )
    assert loaded.get_params().keys() == expected.keys()
    for name in ("n_clusters", "backbone", "pca_components", "standardize", "sobel"):
        assert getattr(loaded, name) == getattr(quick, name)
    for name in ("augmentation", "objective", "stopping"):
        assert str(getattr(loaded, name)) == str(getattr(quick, name))


def test_a_loaded_model_can_be_fitted_again(fitted, digits, path):
    fitted.save(path)
    again = DeepClusterCategorizer.load(path).fit(digits[0])
    np.testing.assert_array_equal(again.labels_, fitted.labels_)


def test_a_loaded_model_saves_all_that_was_saved(quick, digits, tmp_path):
    quick.set_params(pca_components=8, standardize="dataset").fit(digits[0])
    quick.names_ = {0: "short axis"}
    quick.reader_ = {"image_size": 64, "window": "series"}
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    quick.save(first)
    DeepClusterCategorizer.load(first).save(second)
    one, two = contents(first), contents(second)
    assert one[:2] == two[:2]
    assert one[2].keys() == two[2].keys()
    for name, tensor in one[2].items():
        assert torch.equal(tensor.nan_to_num(), two[2][name].nan_to_num()), name
    assert two[1]["document"]["attributes"]["reader_"] == quick.reader_


def test_a_model_does_not_depend_on_parameters_set_later(quick, digits, path):
    quick.fit(digits[0])
    embedded = quick.transform(digits[0])
    quick.set_params(backbone="resnet18", image_size=64, sobel=True).save(path)
    loaded = DeepClusterCategorizer.load(path)
    np.testing.assert_array_equal(loaded.transform(digits[0]), embedded)
    assert loaded.backbone == "resnet18"


def test_feature_names_come_along(quick, path):
    frame = pd.DataFrame(
        np.random.default_rng(0).random((30, 3)), columns=["a", "b", "c"]
    )
    quick.fit(frame).save(path)
    loaded = DeepClusterCategorizer.load(path)
    np.testing.assert_array_equal(loaded.predict(frame), quick.labels_)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[["c", "b", "a"]])


def test_names_of_clusters_come_along(quick, digits, path):
    quick.fit(digits[0])
    assert quick.names_ == {}
    quick.names_ = {np.int64(3): "short axis", 0: 'naïve, "2"'}
    quick.save(path)
    assert DeepClusterCategorizer.load(path).names_ == quick.names_
    for names in ({99: "x"}, {0: "a\nb"}, {0: 3}):
        quick.names_ = names
        with pytest.raises(ValueError, match="names_"):
            quick.save(path)
    assert len(DeepClusterCategorizer.load(path).names_) == 2


def test_no_image_is_saved(quick, path):
    X = np.random.default_rng(0).random((20, 8, 8))
    quick.fit(X).save(path)
    content = path.read_bytes()
    for dtype in (np.float64, np.float32):
        assert X[3].astype(dtype).tobytes() not in content


def test_a_callable_backbone_is_refused(quick, digits, path):
    quick.set_params(backbone=lambda: torch.nn.Conv2d(1, 4, 3)).fit(digits[0])
    with pytest.raises(ValueError, match=r"is code.*use pickle or joblib"):
        quick.save(path)
    assert not path.exists()


def test_nothing_is_left_where_saving_fails(fitted, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("skdeepcluster._model_file.save_file", full)
    (tmp_path / "model.safetensors").write_text("the one before")
    with pytest.raises(OSError, match="No space"):
        fitted.save(tmp_path / "model.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_text() == "the one before"


def test_a_device_that_is_not_there_falls_back(quick, digits, path):
    quick.fit(digits[0]).save(path)

    def to_cuda(header, model, tensors):
        model["document"]["parameters"]["device"] = "cuda:99"

    rewrite(path, to_cuda)
    with pytest.warns(UserWarning, match="put on the CPU"):
        loaded = DeepClusterCategorizer.load(path)
    np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)


def test_a_pickle_of_a_device_that_is_not_there_falls_back(quick, digits):
    quick.set_params(pca_components=8).fit(digits[0])
    elsewhere = pickle.dumps(quick.set_params(device="cuda:99"))
    with pytest.warns(UserWarning, match="put on the CPU"):
        loaded = pickle.loads(elsewhere)
    assert loaded.device_ == "cpu"
    np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)


def test_a_full_gpu_is_no_damaged_file(fitted, tmp_path, monkeypatch):
    def full(self, device):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    fitted.save(tmp_path / "model")
    monkeypatch.setattr("skdeepcluster._engine.model.Model.to", full)
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        DeepClusterCategorizer.load(tmp_path / "model")


def test_an_object_of_ones_own_is_left_out(quick, digits, path):
    class Mild(Augmentation):
        pass

    quick.set_params(augmentation=Mild(rotation=3)).fit(digits[0]).save(path)
    loaded = DeepClusterCategorizer.load(path)
    assert loaded.augmentation is None
    np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)


def no_format(header, model, tensors):
    del header["format"]


def newer(header, model, tensors):
    header["version"] = "4"


def older(header, model, tensors):
    header["version"] = "1"


def no_model(header, model, tensors):
    del model["model"]


def no_document(header, model, tensors):
    del model["document"]


def names_a_file(header, model, tensors):
    network = {"name": "torchvision:resnet18", "weights": "/dev/stdin"}
    backbone = {"class": "Pretrained", "parameters": network | {"trainable": "all"}}
    own = {"embedding_layer": "auto", "standardize": "dataset"}
    model["document"]["parameters"] |= {"backbone": backbone} | own


def builds_from_a_file(header, model, tensors):
    model["model"]["architecture"]["weights"] = "/dev/stdin"


def unknown_parameter(header, model, tensors):
    model["document"]["parameters"]["run"] = "rm -rf"


def unknown_object(header, model, tensors):
    objective = {"class": "Popen", "parameters": {"args": "true"}}
    model["document"]["parameters"]["objective"] = objective


def more_of_an_object(header, model, tensors):
    model["document"]["parameters"]["augmentation"]["x"] = "y"


def another_objects_place(header, model, tensors):
    stopping = {"class": "Augmentation", "parameters": {}}
    model["document"]["parameters"]["stopping"] = stopping


def bad_parameter(header, model, tensors):
    model["document"]["parameters"]["backbone"] = "os.system"


def bad_backbone(header, model, tensors):
    model["model"]["architecture"]["backbone"] = "get_model"


def network_of_the_hub(header, model, tensors):
    model["model"]["architecture"]["backbone"] = "timm:hf-hub:timm/resnet18"


def network_in_a_folder(header, model, tensors):
    model["model"]["architecture"]["backbone"] = "timm:local-dir:/tmp/network"


def unknown_network(header, model, tensors):
    model["model"]["architecture"]["backbone"] = "torchvision:resnet"


def parameter_of_the_hub(header, model, tensors):
    parameters = {"name": "timm:hf-hub:a/b", "weights": None, "trainable": "all"}
    backbone = {"class": "Pretrained", "parameters": parameters}
    model["document"]["parameters"]["backbone"] = backbone


def no_parameters(header, model, tensors):
    del model["document"]["parameters"]


def no_network(header, model, tensors):
    for name in [name for name in tensors if name.startswith("model.network.")]:
        del tensors[name]


def wrong_centroids(header, model, tensors):
    tensors["model.centroids"] = torch.zeros(3, 3)


def wrong_layer(header, model, tensors):
    tensors["model.network.features.0.weight"] = torch.zeros(1)


def odd_shape(header, model, tensors):
    model["model"]["shape"] = "abc"


def odd_size(header, model, tensors):
    model["model"]["size"] = [32, -1]


def odd_standardize(header, model, tensors):
    model["model"]["standardize"] = "dataset"  # and there are no mean and spread


def odd_precision(header, model, tensors):
    model["model"]["precision"] = "float8"


def odd_dtype(header, model, tensors):
    tensors["labels_"] = tensors["labels_"].bfloat16()


def odd_labels(header, model, tensors):
    tensors["labels_"] = torch.full((9,), 99)


def square_labels(header, model, tensors):
    tensors["last_epoch_labels_"] = torch.zeros(3, 3, dtype=torch.int64)


def no_numbers(header, model, tensors):
    tensors["model.centroids"] = tensors["model.centroids"] * torch.nan


def doubles(header, model, tensors):
    tensors["model.centroids"] = tensors["model.centroids"].double()


def odd_count(header, model, tensors):
    model["document"]["attributes"]["n_features_in_"] = "a name"


def reads_elsewhere(header, model, tensors):
    model["document"]["attributes"]["reader_"] = {"store": "/etc"}


def odd_reader(header, model, tensors):
    model["document"]["attributes"]["reader_"] = "reader"


def name_of_no_cluster(header, model, tensors):
    model["document"]["attributes"]["names_"] = [[99, "x"]]


def name_for_the_terminal(header, model, tensors):
    model["document"]["attributes"]["names_"] = [[0, "\x1b[2J"]]


def attribute(name, value):
    """What puts a value into the document."""

    def change(header, model, tensors):
        model["document"]["attributes"][name] = value

    change.__name__ = f"{name}={value}"
    return change


def odd_layer(header, model, tensors):
    model["model"]["architecture"]["embedding_layer"] = "x"


def weight(value, dtype=torch.float32):
    """What puts a value into a tensor of the network."""

    def change(header, model, tensors):
        name = "model.network.features.0.weight"
        tensors[name] = tensors[name].to(dtype)
        tensors[name][0, 0, 0, 0] = value

    change.__name__ = f"weight={value}"
    return change


def no_spread(header, model, tensors):
    model["model"]["standardize"] = "dataset"
    tensors["model.pixel_mean"] = torch.zeros(1, dtype=torch.float64)
    tensors["model.pixel_std"] = torch.full((1,), torch.nan, dtype=torch.float64)


def negative_spread(header, model, tensors):
    no_spread(header, model, tensors)
    tensors["model.pixel_std"] = torch.full((1,), -2.0, dtype=torch.float64)


def whole_spread(header, model, tensors):
    no_spread(header, model, tensors)
    tensors["model.pixel_std"] = torch.ones(1, dtype=torch.int64)


def whitening(mean, components):
    """What puts a whitening into a model with 512 features."""

    def change(header, model, tensors):
        tensors["model.whitening.mean"] = mean
        tensors["model.whitening.components"] = components
        tensors["model.centroids"] = tensors["model.centroids"][:, :8].contiguous()

    change.__name__ = f"whitening={tuple(mean.shape)}, {tuple(components.shape)}"
    return change


def no_centroids(header, model, tensors):
    tensors["model.centroids"] = torch.zeros(0, 512)
    tensors["labels_"] = torch.zeros(0, dtype=torch.int64)


def far_centroids(header, model, tensors):
    tensors["model.centroids"][0] = 1e38


def huge_size(header, model, tensors):
    model["model"]["size"] = [20_000, 20_000]


def long_size(header, model, tensors):
    model["model"]["size"] = [32, 4097]


def huge_vectors(header, model, tensors):
    model["model"].update(shape=[2**20], size=[32, 2**20])


def array(name, change):
    """What changes an attribute that is an array, or makes one."""

    def changed(header, model, tensors):
        tensors[name] = change(tensors.get(name))

    changed.__name__ = name
    return changed


def without(name):
    """What takes an attribute away, be it JSON or an array."""

    def change(header, model, tensors):
        model["document"]["attributes"].pop(name, None)
        tensors.pop(name, None)

    change.__name__ = f"without {name}"
    return change


def more(place, name):
    """What puts something unknown into a part of the JSON."""

    def change(header, model, tensors):
        part = {"header": header, "model": model["model"]} | model["document"]
        part |= {"document": model["document"], "novelty": model["model"]["novelty"]}
        part[place][name] = "x"

    change.__name__ = f"{place}.{name}"
    return change


def architecture(**parts):
    """What changes what the network is built from."""

    def change(header, model, tensors):
        model["model"]["architecture"] |= parts

    change.__name__ = f"architecture.{'-'.join(parts)}"
    return change


def odd_channels(header, model, tensors):
    model["model"]["shape"] = [8, 8, 7]


def unknown_weight(header, model, tensors):
    tensors["model.network.\x1b[2J"] = torch.zeros(1)


def no_number_of_a_terminal(header, model, tensors):
    tensors["model.\x1b[2J"] = torch.full((1,), torch.nan)


def lone_centroid(header, model, tensors):
    tensors["model.centroids"] = torch.tensor(0.5)


def novelty(**parts):
    """What changes what a model knows of outliers."""

    def change(header, model, tensors):
        for name, value in parts.items():
            if isinstance(value, torch.Tensor):
                tensors[f"model.novelty.{name}"] = value
            else:
                model["model"]["novelty"][name] = value

    change.__name__ = f"novelty.{'-'.join(parts)}"
    return change


def extended(**values):
    """What puts traces of `extend` into a model of ten clusters at most."""

    def change(header, model, tensors):
        tensors["new_labels_"] = values.pop("labels", torch.zeros(3, dtype=torch.int64))
        tensors["new_outliers_"] = values.pop("outliers", torch.zeros(3).bool())
        model["document"]["attributes"] |= {"n_new_clusters_": 0} | values

    change.__name__ = f"extended-{'-'.join(values)}"
    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_format, "is not a skdeepcluster model"),
        (more("header", "x"), r"damaged .*no entry of the header 'x'"),
        (more("model", "x"), r"damaged .*no property of a model 'x'"),
        (more("novelty", "x"), r"damaged .*no property of novelty 'x'"),
        (more("document", "x"), r"damaged .*no part 'x'"),
        (more("attributes", "run"), r"damaged .*no attribute 'run'"),
        (more("attributes", "model_"), r"damaged .*no attribute 'model_'"),
        (newer, "format version '4'.*install a newer skdeepcluster"),
        (older, "format version 1.* no longer supported: fit again"),
        (no_model, "is a damaged skdeepcluster model"),
        (no_document, "is a damaged skdeepcluster model"),
        (builds_from_a_file, "is a damaged skdeepcluster model"),
        (unknown_parameter, "is a damaged skdeepcluster model"),
        (unknown_object, r"damaged skdeepcluster model .*no object 'Popen'"),
        (more_of_an_object, r"damaged .*no property of an object 'x'"),
        (another_objects_place, "is a damaged skdeepcluster model"),
        (bad_backbone, "is a damaged skdeepcluster model.*no backbone 'get_model'"),
        (network_of_the_hub, "is a damaged .*is not the name of a network"),
        (network_in_a_folder, "is a damaged .*is not the name of a network"),
        (unknown_network, "is a damaged .*has no such network"),
        (parameter_of_the_hub, "is a damaged .*is not the name of a network"),
        (odd_size, "is a damaged skdeepcluster model"),
        (odd_standardize, "is a damaged skdeepcluster model"),
        (odd_precision, "is a damaged skdeepcluster model"),
        (odd_reader, "is a damaged skdeepcluster model"),
        (odd_dtype, "is a damaged skdeepcluster model"),
        (odd_labels, "is a damaged skdeepcluster model"),
        (square_labels, "is a damaged skdeepcluster model"),
        (no_numbers, "is a damaged skdeepcluster model"),
        (doubles, "is a damaged skdeepcluster model"),
        (odd_count, "is a damaged skdeepcluster model"),
        (reads_elsewhere, "is a damaged skdeepcluster model"),
        (bad_parameter, "is a damaged skdeepcluster model"),
        (no_parameters, r"damaged .*lacks the part 'parameters'"),
        (no_network, "is a damaged skdeepcluster model"),
        (wrong_centroids, "is a damaged skdeepcluster model"),
        (wrong_layer, "is a damaged skdeepcluster model"),
        (odd_shape, "is a damaged skdeepcluster model"),
        (name_of_no_cluster, "is a damaged skdeepcluster model"),
        (name_for_the_terminal, "is a damaged skdeepcluster model"),
        (novelty(directions=torch.zeros(3, 3)), r"damaged .*directions of novelty"),
        (novelty(directions=torch.zeros(32, 512).double()), r"damaged .*not float32"),
        (novelty(directions=torch.full((32, 512), 9.0)), r"damaged .*longer than 1"),
        (novelty(weights=torch.ones(3)), r"damaged .*weights of novelty do not fit"),
        (novelty(weights=torch.full((32,), 2.0)), r"damaged .*between 0 and 1"),
        (novelty(weights=torch.full((32,), -1.0)), r"damaged .*between 0 and 1"),
        (novelty(scales=torch.ones(3)), r"damaged .*scales of novelty do not fit"),
        (novelty(scales=torch.zeros(10)), r"damaged .*scales .* not above 0"),
        (novelty(spread=0.0), r"damaged .*novelty cannot have the distances \(0.0"),
        (novelty(spread="x"), r"damaged .*novelty cannot have the distances"),
        (novelty(limits=[0.5]), r"damaged .*novelty cannot have the distances"),
        (novelty(limits=[0.5, float("inf")]), r"damaged .*novelty cannot have"),
        (novelty(limits=None), "is a damaged skdeepcluster model"),
        (attribute("n_fit_clusters_", 0), r"damaged .*n_fit_clusters_ cannot be 0; it"),
        (attribute("n_fit_clusters_", 99), r"damaged .*a whole number from 1 to 10\)"),
        (attribute("n_new_clusters_", 0), "is a damaged skdeepcluster model"),
        (extended(n_new_clusters_=7), r"damaged .*n_new_clusters_ cannot be 7"),
        (extended(labels=torch.full((3,), 99)), r"damaged .*new_labels_ cannot be"),
        (extended(labels=torch.zeros(3)), r"damaged .*new_labels_ cannot be"),
        (extended(outliers=torch.zeros(3)), r"damaged .*new_outliers_ cannot be"),
        (extended(outliers=torch.zeros(2).bool()), r"damaged .*it has to be 3 finite"),
        (extended(n_new_clusters_=False), r"damaged .*n_new_clusters_ cannot be False"),
        (attribute("n_epochs_", "x"), r"damaged .*n_epochs_ cannot be 'x'"),
        (attribute("n_epochs_", True), r"damaged .*n_epochs_ cannot be True"),
        (attribute("n_epochs_", 7), r"damaged .*history_.loss .*has to be 7 finite"),
        (without("inertia_"), r"damaged .*lacks the attribute 'inertia_'"),
        (without("labels_"), r"damaged .*lacks the array 'labels_'"),
        (without("history_.loss"), r"damaged .*lacks the array 'history_.loss'"),
        (attribute("inertia_", 3), r"damaged .*inertia_ cannot be 3; .*a float from 0"),
        (attribute("inertia_", -0.5), r"damaged .*inertia_ cannot be -0.5"),
        (attribute("pretrained_", {"x": "y"}), r"damaged .*a library and a licence"),
        (attribute("pretrained_", {"library": 3, "licence": None}), r"cannot be"),
        (attribute("inertia_", None), r"damaged .*inertia_ cannot be None"),
        (attribute("inertia_", float("nan")), r"damaged .*inertia_ cannot be nan"),
        (attribute("n_features_in_", 64.0), r"damaged .*n_features_in_ cannot be"),
        (attribute("reader_", []), r"damaged .*reader_ cannot be \[\]"),
        (attribute("reader_", {"image_size": -5}), r"damaged .*image_size=-5"),
        (attribute("reader_", {"window": "x"}), r"damaged .*window='x'"),
        (attribute("reader_", {"channels": True}), r"damaged .*channels=True"),
        (attribute("feature_names_in_", [1] * 64), r"damaged .*has to be 64 names"),
        (attribute("feature_names_in_", "a" * 64), r"damaged .*has to be 64 names"),
        (attribute("feature_names_in_", ["a"]), r"damaged .*has to be 64 names"),
        (attribute("names_", [[True, "a"]]), r"damaged .*a cluster and its name"),
        (attribute("names_", "ab"), r"damaged .*a cluster and its name"),
        (attribute("names_", [[0, "a"], [0, "b"]]), r"damaged .*two names"),
        (odd_layer, r"damaged .*there is no layer 'x'"),
        (weight(torch.nan), r"damaged .*features.0.weight' has values .* not finite"),
        (weight(torch.inf), r"damaged .*features.0.weight' has values .* not finite"),
        (weight(1e300, torch.float64), r"damaged .*has values .* not finite"),
        (weight(1, torch.complex64), r"damaged .*has values .* not finite"),
        (no_spread, r"damaged .*'pixel_std' has values .* not finite"),
        (negative_spread, r"damaged .*spread of the pixels is below 0"),
        (whole_spread, r"damaged .*spread .* is not float64"),
        (whitening(torch.zeros(3), torch.zeros(8, 512)), r"damaged .*does not fit"),
        (whitening(torch.zeros(512), torch.zeros(8, 3)), r"damaged .*does not fit"),
        (
            whitening(torch.zeros(512), torch.zeros(8, 512, dtype=torch.float64)),
            r"damaged .*whitening is not float32",
        ),
        (no_centroids, r"damaged .*centroids do not fit"),
        (far_centroids, r"damaged .*too far from the embeddings"),
        (huge_size, r"damaged .*\(20000, 20000\); 4,096 a side is the most"),
        (long_size, r"damaged .*\(32, 4097\); 4,096 a side is the most"),
        (huge_vectors, r"damaged .*4,096 a side is the most"),
        (lone_centroid, "is a damaged skdeepcluster model"),
        (odd_channels, r"damaged .*\(8, 8, 7\) cannot be resized"),
        (unknown_weight, r"damaged .*no weight '\\x1b\[2J'"),
        (no_number_of_a_terminal, r"damaged .*'\\x1b\[2J' has values .* not finite"),
        (weight(1, torch.float64), r"damaged .*float64 .* has to be torch.float32"),
        (architecture(sobel=None), r"damaged .*sobel cannot be None"),
        (architecture(projection=10**9), r"damaged .*projection=1000000000 does not"),
        (architecture(projection=True), r"damaged .*projection=True does not fit"),
        (array("x", lambda _: torch.zeros(3)), r"damaged .*there is no array 'x'"),
        (array("model.x", lambda _: torch.zeros(3)), r"damaged .*no tensor 'x'"),
        (
            array("model.pixel_mean", lambda _: torch.zeros(3)),
            r"no tensor 'pixel_mean'",
        ),
        (array("history_.x", lambda _: torch.zeros(2)), r"no array 'history_.x'"),
        (array("history_.loss", lambda _: torch.zeros(9)), r"damaged .*history_.loss"),
        (array("history_.loss", lambda a: a.to(torch.complex64)), r"damaged .*complex"),
        (array("history_.loss", lambda a: a.bool()), r"damaged .*cannot be bool"),
        (array("history_.loss", lambda a: a * torch.nan), r"damaged .*nan to nan"),
        (array("history_.inertia", lambda a: a * torch.inf), r"damaged .*inf to inf"),
        (array("history_.largest_cluster", lambda a: -a), r"damaged .*from 0 to inf"),
        (array("history_.nmi_previous", lambda a: a + 9), r"damaged .*from 0 to 1"),
        (array("labels_", lambda a: a[:0]), r"damaged .*labels_ cannot be"),
        (array("labels_", lambda a: a - 1), r"damaged .*labels_ cannot be"),
        (array("last_epoch_labels_", lambda a: a[1:]), r"damaged .*last_epoch_labels_"),
        (array("last_epoch_labels_", lambda a: a + 200), r"damaged .*from 0 to 199"),
    ],
)
def test_files_that_were_tampered_with(change, message, fitted, path):
    fitted.save(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        DeepClusterCategorizer.load(path)


def test_no_text_of_a_file_reaches_the_terminal(fitted, path):
    """Such as what clears the screen; here, in a header that is no valid JSON."""
    fitted.save(path)
    whole = path.read_bytes()
    assert whole.count(b'"dtype":"I64"') > 1
    path.write_bytes(whole.replace(b'"dtype":"I64"', b'"dtype":"\x9b2J"'))
    with pytest.raises(ValueError, match="not a skdeepcluster model") as caught:
        DeepClusterCategorizer.load(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("part", ["network.fc.0.weight", "whitening.components"])
def test_huge_weights_give_no_embedding(part, quick, digits, path):
    """They are finite, so they load, and what they give is not."""
    quick.set_params(pca_components=8, n_epochs=0).fit(digits[0]).save(path)

    def huge(header, model, tensors):
        tensors[f"model.{part}"].fill_(1e38)

    rewrite(path, huge)
    loaded = DeepClusterCategorizer.load(path)
    for method in (loaded.predict, loaded.transform, loaded.score_samples):
        with pytest.raises(ValueError, match=r"image 0 is NaN or infinite.*damaged"):
            method(digits[0])


def test_a_model_of_large_images_loads_with_little_memory(fitted, digits, path):
    fitted.save(path)

    def large(header, model, tensors):
        model["model"]["size"] = [4096, 4096]

    rewrite(path, large)
    started = time.perf_counter()
    assert DeepClusterCategorizer.load(path).model_.inputs.size == (4096, 4096)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("backbone", ["small_cnn", "resnet18", "vgg11"])
def test_large_sizes_make_the_same_network(backbone):
    shapes = []
    for size in ((PROBED, PROBED), (PROBED + 1, 320)):
        inputs = Inputs((320, 320, 1), size, None)
        with NothingDrawn():
            built = Architecture(backbone).build(inputs)
        state = built.body.state_dict()
        shapes.append({name: tensor.shape for name, tensor in state.items()})
        assert "Spread" not in str(built.body)
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"{}", b"\xff" * 8 + b"{}", b"\x80\x04K\x01."]
)
def test_files_that_are_no_safetensors(content, path):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a skdeepcluster model, or is damaged"):
        DeepClusterCategorizer.load(path)


def test_a_truncated_file(fitted, path):
    fitted.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        DeepClusterCategorizer.load(path)


def test_no_file_that_the_header_names_is_opened(fitted, path):
    fitted.save(path)
    rewrite(path, names_a_file)
    assert DeepClusterCategorizer.load(path).backbone.weights is None


def test_no_folder_to_save_into(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        fitted.save(tmp_path / "missing" / "model.safetensors")


def test_no_file(path):
    with pytest.raises(FileNotFoundError):
        DeepClusterCategorizer.load(path)


def test_loading_imports_no_compiler(quick, digits, path):
    """Which takes longer than everything else before the first prediction."""
    quick.set_params(n_epochs=0).fit(digits[0]).save(path)
    code = (
        "import sys; from skdeepcluster import DeepClusterCategorizer; "
        "DeepClusterCategorizer.load(sys.argv[1]); assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_parameters_that_contradict_each_other_later_are_no_damage(fitted, path):
    est = copy.deepcopy(fitted).set_params(pca_components=8, objective=TwoStages())
    est.save(path)
    assert DeepClusterCategorizer.load(path).pca_components == 8


def test_a_curve_of_ones_own_is_left_out(fitted, path):
    est = copy.deepcopy(fitted)
    est.history_["ami"] = np.zeros(est.n_epochs_)
    est.save(path)
    assert "ami" not in DeepClusterCategorizer.load(path).history_


def test_more_features_than_a_model_file_may_have(quick):
    X = np.zeros((6, 4096**2 // 32 + 1), np.uint8)
    with pytest.raises(ValueError, match="has 524,289 features"):
        quick.fit(X)
