import pytest
import torch

from skdeepcluster import Augmentation
from skdeepcluster._engine.augment import random_views
from skdeepcluster._engine.colour import _turn

NOTHING = {
    "rotation": 0.0,
    "crop_scale": (1.0, 1.0),
    "crop_ratio": (1.0, 1.0),
    "flip": 0.0,
    "intensity": 0.0,
    "shading": 0.0,
}


@pytest.fixture
def pixels():
    return torch.randn(16, 3, 12, 20, generator=torch.Generator().manual_seed(0))


def test_nothing_varied_is_the_image(pixels):
    torch.testing.assert_close(random_views(pixels, **NOTHING), pixels)


def test_flip_mirrors_left_and_right(pixels):
    views = random_views(pixels, **NOTHING | {"flip": 1.0})
    torch.testing.assert_close(views, pixels.flip(3))


def test_flip_has_its_probability():
    torch.manual_seed(0)
    pixels = torch.arange(2.0).expand(4000, 1, 1, 2)
    views = random_views(pixels, **NOTHING | {"flip": 0.25})
    assert (views[:, 0, 0, 0] == 1).float().mean() == pytest.approx(0.25, abs=0.03)


def test_images_vary_independently(pixels):
    same = pixels[:1].expand(8, -1, -1, -1)
    views = random_views(same, **Augmentation().get_params())
    assert views.flatten(1).unique(dim=0).shape[0] == 8


def test_rotation_is_one_of_pixels_also_in_oblong_images():
    """A quarter turn of an oblong image keeps the length of what it shows."""
    image = torch.zeros(1, 1, 21, 41)
    image[0, 0, 10, 14:27] = 1  # a bar of 13 pixels
    torch.manual_seed(0)
    for _ in range(20):
        view = random_views(image, **NOTHING | {"rotation": 180.0})[0, 0]
        ys, xs = (view > 0.3).nonzero().T
        length = torch.hypot(
            (ys.max() - ys.min()).float(), (xs.max() - xs.min()).float()
        )
        assert 10 <= length <= 14


def test_crop_enlarges_by_the_square_root_of_its_area():
    ramp = torch.linspace(0, 1, 101).expand(500, 1, 101, 101)
    torch.manual_seed(0)
    views = random_views(ramp, **NOTHING | {"crop_scale": (0.25, 0.25)})
    spans = views[:, 0, 50, 100] - views[:, 0, 50, 0]
    torch.testing.assert_close(spans, torch.full_like(spans, 0.5), atol=0.01, rtol=0)
    lefts = views[:, 0, 50, 0]
    assert lefts.min() < 0.05  # somewhere else each time, and inside the image
    assert lefts.max() > 0.45
    assert lefts.min() >= 0


def test_crop_ratio_stretches():
    ramp = torch.linspace(0, 1, 101).expand(1, 1, 101, 101)
    wide = random_views(
        ramp, **NOTHING | {"crop_scale": (0.25, 0.25), "crop_ratio": (4.0, 4.0)}
    )
    assert float(wide[0, 0, 50, 100] - wide[0, 0, 50, 0]) == pytest.approx(1, abs=0.02)


def test_outside_repeats_the_border():
    views = random_views(torch.full((50, 1, 9, 9), 7.0), **NOTHING | {"rotation": 45.0})
    torch.testing.assert_close(views, torch.full_like(views, 7.0))


def test_intensity_is_within_its_range(pixels):
    torch.manual_seed(0)
    ones = torch.ones(2000, 1, 2, 2)
    views = random_views(ones, **NOTHING | {"intensity": 0.2})
    assert views.min() >= 0.6 - 1e-6
    assert views.max() <= 1.4 + 1e-6
    assert views[:, 0, 0, 0].std() > 0.1


def test_shading_is_a_plane_that_leaves_the_middle_alone():
    torch.manual_seed(0)
    views = random_views(torch.zeros(500, 1, 5, 9), **NOTHING | {"shading": 0.3})
    assert views[:, 0, 2, 4].abs().max() < 1e-6
    assert views.abs().max() <= 0.6 + 1e-6
    assert views[:, 0, 2, 0].std() > 0.15
    steps = views.diff(dim=3)
    torch.testing.assert_close(steps, steps[..., :1].expand_as(steps))
    # Brightness is added, contrast multiplied.
    ones = random_views(torch.ones(500, 1, 5, 9), **NOTHING | {"shading": 0.3})
    assert ones.max() > 1.7


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("rotation", -1),
        ("rotation", 181),
        ("crop_scale", (0, 1)),
        ("crop_scale", (0.5, 1.5)),
        ("crop_scale", (0.9, 0.5)),
        ("crop_scale", (0.5,)),
        ("crop_scale", ("a", "b")),
        ("crop_ratio", (-1, 1)),
        ("flip", 2),
        ("intensity", 1),
        ("shading", 1),
    ],
)
def test_a_range_out_of_range_is_named(parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of Augmentation"):
        Augmentation(**{parameter: value})._validate()


def test_saturation_keeps_the_grey_of_a_colour(pixels):
    torch.manual_seed(0)
    views = random_views(pixels, **NOTHING, saturation=0.8)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    torch.testing.assert_close((views * luma).sum(1), (pixels * luma).sum(1))
    grey = (pixels * luma).sum(1, keepdim=True)
    factor = ((views - grey) / (pixels - grey)).flatten(1).median(1).values
    assert factor.min() < 0.5
    assert factor.max() > 1.5


def test_hue_is_turned(pixels):
    """A third of a turn exchanges the channels; how far they are from grey stays."""
    torch.manual_seed(0)
    views = random_views(pixels, **NOTHING, hue=0.5)
    assert not torch.allclose(views, pixels, atol=0.1)
    same = pixels.mean(1, keepdim=True).expand_as(pixels)
    torch.testing.assert_close(random_views(same, **NOTHING, hue=0.5), same)
    turned = torch.einsum("nij,njhw->nihw", _turn(torch.full((16,), 2.0944)), pixels)
    torch.testing.assert_close(turned, pixels.roll(1, 1), atol=1e-4, rtol=0)


def test_some_images_become_grey():
    torch.manual_seed(0)
    pixels = torch.rand(2000, 3, 1, 1)
    views = random_views(pixels, **NOTHING, greyscale=0.25)
    grey = (views.std(1) < 1e-6).flatten()
    assert grey.float().mean() == pytest.approx(0.25, abs=0.03)
    torch.testing.assert_close(views[~grey], pixels[~grey])


def test_grey_images_have_no_colour():
    pixels = torch.rand(4, 1, 5, 5)
    state = torch.get_rng_state()
    expected = random_views(pixels, **NOTHING)
    torch.set_rng_state(state)
    varied = {"hue": 0.5, "saturation": 1.0, "greyscale": 1.0}
    assert torch.equal(random_views(pixels, **NOTHING, **varied), expected)
