"""Networks of timm and torchvision, with weights that they made themselves."""

import argparse
import logging
import warnings

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from skdeepcluster._engine import of_timm, pretrained
from skdeepcluster._engine.backbones import Architecture
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.layers import FastConv2d, SteadyLinear
from skdeepcluster._engine.pretrained import Start, network_of, settings_of
from skdeepcluster._engine.weights import read

timm = pytest.importorskip("timm")

FAMILIES = {
    "resnet10t": 64,
    "convnext_atto": 64,
    "efficientnet_lite0": 64,
    "mobilenetv3_small_050": 64,
    "regnetx_002": 64,
    "vit_tiny_patch16_224": 32,
    "deit_tiny_distilled_patch16_224": 32,
    "vit_small_patch14_dinov2": 28,
    "swin_tiny_patch4_window7_224": 56,
    "beit_base_patch16_224": 32,
    "mixer_s32_224": 64,
    "inception_v3": 96,
}


def weights_of(name, library="timm", seed=0, **options):
    """A state dict with the names and shapes of published weights."""
    if library == "timm":
        with torch.device("meta"):
            model = timm.create_model(name, **options)
    else:
        with warnings.catch_warnings(action="ignore"):  # they draw in another way
            model = torchvision.models.get_model(name)
    generator = torch.Generator().manual_seed(seed)
    return {
        key: torch.rand(tensor.shape, generator=generator) * 0.05
        for key, tensor in model.state_dict().items()
    }


def shown(network, size, channels=3):
    """Pixels from black to white, as the network is given them, and as they were."""
    pixels = torch.rand(2, channels, size, size)
    given = (pixels - network.mean.mean()) / network.std.mean()
    return given, pixels.expand(-1, 3, -1, -1)


@torch.no_grad()
def embedded_by_timm(name, state, pixels, options):
    """What timm itself puts into the classifier."""
    model = timm.create_model(name, **options).eval()
    model.load_state_dict(state)
    config = model.pretrained_cfg
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    features = model.forward_features((pixels - mean) / std)
    return model.forward_head(features, pre_logits=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_each_family_embeds_as_timm_does(name):
    size = FAMILIES[name]
    fixed = timm.get_pretrained_cfg(name).fixed_input_size
    options = {"img_size": size} if fixed else {}
    state = weights_of(name, **options)
    network, n_features = network_of(f"timm:{name}", (size, size), state)
    given, pixels = shown(network.eval(), size, channels=1)
    with torch.no_grad():
        found = network(given)
    expected = embedded_by_timm(name, state, pixels, options)
    if expected.ndim == 3:  # both tokens of a distilled network
        expected = expected.mean(1)
    assert found.shape == expected.shape == (2, n_features)
    assert (found - expected).norm() <= 1e-4 * expected.norm()
    assert expected.std(1).min() > 0


@pytest.mark.parametrize(
    "name",
    [
        "convnext_tiny",
        "googlenet",
        "mobilenet_v3_small",
        "regnet_x_400mf",
        "resnet18",
        "squeezenet1_1",
        "swin_t",
    ],
)
def test_published_names_of_torchvision(name):
    """With a classifier for another number of classes, as of weights of one's own."""
    state = weights_of(name, "torchvision")
    classifier = [key for key in state if state[key].shape[:1] == (1000,)]
    assert classifier
    for key in classifier:
        state[key] = state[key][:7]
    network, n_features = network_of(f"torchvision:{name}", (64, 64), state)
    with torch.no_grad():
        assert network.eval()(shown(network, 64)[0]).shape == (2, n_features)
    taken = network.module.state_dict()
    assert torch.equal(taken[next(iter(taken))], state[next(iter(taken))])


def test_old_names_of_a_densenet():
    new = weights_of("densenet121", "torchvision")
    old = {
        key.replace("norm1", "norm.1").replace("conv2", "conv.2"): tensor
        for key, tensor in new.items()
        if not key.endswith("num_batches_tracked")
    }
    network, _ = network_of("torchvision:densenet121", (64, 64), old)
    key = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(network.module.state_dict()[key], new[key])


def test_the_tag_decides_mean_and_size():
    bare = settings_of("timm:vit_small_patch16_224")
    dino = settings_of("timm:vit_small_patch16_224.dino")
    assert bare.mean == bare.std == (0.5, 0.5, 0.5)
    assert dino.mean == (0.485, 0.456, 0.406)
    assert settings_of("timm:vit_small_patch14_dinov2").size == (518, 518)
    assert dino.licence
    assert dino.library == f"timm {timm.__version__}"


def test_positions_are_resampled_for_another_size():
    name = "vit_tiny_patch16_224"
    network, _ = network_of(f"timm:{name}", (32, 48), weights_of(name))
    assert network.module.pos_embed.shape[1] == 1 + 2 * 3
    assert network(torch.zeros(1, 1, 32, 48)).shape == (1, 192)


@pytest.mark.parametrize("kind", ["pt", "safetensors", "within", "parallel"])
def test_files_of_weights(tmp_path, kind):
    state = weights_of("test_resnet")
    path = tmp_path / f"weights.{'safetensors' if kind == 'safetensors' else 'pth'}"
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "within":
        options = argparse.Namespace(lr=0.1)
        torch.save({"model": state, "epoch": 3, "args": options}, path)
    elif kind == "parallel":
        torch.save({f"module.{key}": each for key, each in state.items()}, path)
    else:
        torch.save(state, path)
    network, _ = network_of("timm:test_resnet", (32, 32), path)
    assert torch.equal(network.module.conv1[0].weight, state["conv1.0.weight"])
    assert "state_dict" not in network.module.pretrained_cfg


@pytest.mark.parametrize("n_classes", [None, 0, 7])
def test_the_classifier_may_be_missing_or_another(n_classes):
    state = weights_of("test_resnet")
    for key in ("fc.weight", "fc.bias"):
        state[key] = state[key][: n_classes or None]
        if n_classes == 0:
            del state[key]
    network_of("timm:test_resnet", (32, 32), state)


def test_weights_of_another_network_are_refused_with_counts():
    """timm loads both silently, the second without a single tensor."""
    for other, told in (
        ("resnet34", r"timm:resnet18.*: 96 are not of this network"),
        ("vit_tiny_patch16_224", "100 of its 120 tensors are missing .*152 are not"),
        ("resnet50", r"\d+ have another shape \(such as"),
    ):
        with pytest.raises(ValueError, match=told):
            network_of("timm:resnet18", (64, 64), weights_of(other))
    with pytest.raises(ValueError, match=r"torchvision:resnet18.*\d+ are not of this"):
        network_of("torchvision:resnet18", (64, 64), weights_of("resnet34"))


def test_one_tensor_too_few_or_too_many():
    for library, name in (("timm", "test_resnet"), ("torchvision", "resnet18")):
        state = weights_of(name, library)
        more = state | {"stray": torch.zeros(2)}
        with pytest.raises(ValueError, match=r"1 are not of this .*'stray'"):
            network_of(f"{library}:{name}", (64, 64), more)
        key = next(iter(state))
        less = {k: v for k, v in state.items() if k != key}
        with pytest.raises(ValueError, match=rf"1 of its \d+ tensors .*'{key}'"):
            network_of(f"{library}:{name}", (64, 64), less)


def test_a_classifier_of_several_layers_is_left_out():
    state = weights_of("caformer_s18")
    assert any(key.startswith("head.fc.fc1") for key in state)
    network_of("timm:caformer_s18", (64, 64), state)


def test_the_norm_of_a_classifier_may_be_missing():
    """Of published ConvNeXts that were trained by masking, say."""
    state = weights_of("convnext_atto")
    for key in [key for key in state if key.startswith("head.")]:
        del state[key]
    network, _ = network_of("timm:convnext_atto", (64, 64), state)
    assert (network.module.head.norm.weight == 1).all()


def test_timm_that_takes_nothing_is_found_out(monkeypatch):
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *_, **__: None)
    with pytest.raises(ValueError, match="took none of the weights"):
        network_of("timm:test_resnet", (32, 32), weights_of("test_resnet"))


def test_weights_for_another_number_of_channels():
    for library, name in (("timm", "resnet18"), ("torchvision", "resnet18")):
        state = weights_of(name, library)
        state["conv1.weight"] = state["conv1.weight"][:, :1]
        with pytest.raises(ValueError, match=r"of 1 channel.*takes 3"):
            network_of(f"{library}:{name}", (64, 64), state)


def test_files_that_are_no_weights(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"cos\nsystem\n(S'echo hacked'\ntR.")
    with pytest.raises(ValueError, match="can read without running code"):
        read(tmp_path / "a.pt")
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(ValueError, match="are a list"):
        read(tmp_path / "b.pt")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "c.pt")
    with pytest.raises(ValueError, match="hold no tensor"):
        read({})
    with pytest.raises(ValueError, match=r"'epoch'.* is a int"):
        read({"epoch": 3})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm:resnet81", "no such network.*resnet18"),
        ("timm:resnet18.nowhere", "no weights called 'nowhere'; the nearest are"),
        ("torchvision:resnet1", "no such network.*resnet18"),
        ("torchvision:fcn_resnet50", "no such network"),
        ("timm:hf-hub:timm/resnet18", "without a further ':'"),
        ("timm:local-dir:x", "without a further ':'"),
        ("timm:vit_base_resnet50d_224", "would download weights"),
        ("timm:timm/resnet18", "or a '/'"),
        ("timm:..\\x", "is not the name"),
        ("hf-hub:timm/resnet18", "is not the name"),
        ("resnet18\n", "is not the name"),
    ],
)
def test_names_that_are_refused(name, told, monkeypatch):
    def connect(*args):
        raise AssertionError("a connection")

    monkeypatch.setattr("socket.socket.connect", connect)
    with pytest.raises(ValueError, match=told):
        network_of(name, (64, 64), {})


def test_a_network_for_other_channels(monkeypatch):
    settings = settings_of("timm:resnet18")._replace(channels=12)
    monkeypatch.setattr(of_timm, "settings_of", lambda name: settings)
    with pytest.raises(ValueError, match="takes images of 12 channels"):
        settings_of("timm:resnet18")


def test_timm_missing_or_too_old(monkeypatch):
    monkeypatch.setattr(timm, "__version__", "1.0.9")
    with pytest.raises(ImportError, match=r"1\.0\.31 or later.*1\.0\.9 is installed"):
        settings_of("timm:resnet18")
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ImportError, match="not installed: pip install timm"):
        settings_of("timm:resnet18")


def test_a_size_that_a_network_cannot_take(monkeypatch):
    inputs = Inputs((8, 8, 1), (8, 8), "dataset")
    start = Start(weights_of("inception_v3"), "all")
    with pytest.raises(ValueError, match=r"8 × 8 pixels.*'auto', which is 299 × 299"):
        Architecture("timm:inception_v3").build(inputs, start)
    # To draw 88 million weights takes seconds.
    monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
    start = Start(weights_of("vit_b_32", "torchvision"), "all")
    with pytest.raises(ValueError, match=r"8 × 8 pixels.*'auto', which is 224 × 224"):
        Architecture("torchvision:vit_b_32").build(inputs, start)


def test_our_layers_are_left_out():
    """They make a transformer slower."""
    inputs = Inputs((32, 32, 1), (32, 32), "dataset")
    start = Start(weights_of("test_vit"), "all")
    body = Architecture("timm:test_vit", projection=8).build(inputs, start).body
    network, head = body
    assert not any(
        isinstance(layer, FastConv2d | SteadyLinear) for layer in network.modules()
    )
    assert any(isinstance(layer, SteadyLinear) for layer in head.modules())


def test_nothing_is_written_to_a_log(caplog, capfd):
    with caplog.at_level(logging.WARNING):
        network_of("timm:test_resnet", (32, 32), weights_of("test_resnet"))
    assert capfd.readouterr() == ("", "")


def test_uint8_is_divided_by_255_and_other_values_by_percentiles():
    settings = settings_of("timm:resnet18")
    eight = np.arange(100, dtype=np.uint8).reshape(10, 10)
    mean, std = pretrained.pixel_scale(eight, (2, 5, 1), settings)
    assert mean == pytest.approx(255 * np.mean(settings.mean))
    assert std == pytest.approx(255 * np.mean(settings.std))
    values = np.tile(np.linspace(-1000, 3000, 4001), (3, 1))
    mean, std = pretrained.pixel_scale(values, (4001, 1, 1), settings)
    black, white = -1000 + 0.005 * 4000, 3000 - 0.005 * 4000
    assert mean[0] == pytest.approx(black + np.mean(settings.mean) * (white - black))
    assert std[0] == pytest.approx(np.mean(settings.std) * (white - black))
    blank = np.full((4, 6), 7.0)
    assert pretrained.pixel_scale(blank, (2, 1, 3), settings)[1].tolist() == [0] * 3


def test_what_is_brighter_than_white_is_cut_off():
    network, _ = network_of("timm:test_resnet", (32, 32), weights_of("test_resnet"))
    network.eval()
    white = (1 - network.mean.mean()) / network.std.mean()
    pixels = torch.full((1, 1, 32, 32), float(white))
    with torch.no_grad():
        torch.testing.assert_close(network(pixels), network(pixels + 3))
        assert not torch.allclose(network(pixels), network(pixels - 1))
