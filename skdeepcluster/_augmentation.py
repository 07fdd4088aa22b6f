"""What may be varied in an image without changing what it shows."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval


class Augmentation(BaseEstimator):
    """Random rotation, resized crop, mirroring, intensity and colour, per image.

    One view of an image is the image rotated about its centre, then cropped to a
    rectangle of random area, aspect ratio and place that is enlarged to the full
    size again, all in one bilinear resampling; pixels from outside repeat the
    border.

    It is an estimator only so that a grid search can set its parameters, as
    ``augmentation__rotation`` and so on.

    Parameters
    ----------
    rotation : float, default=12.0
        Largest angle in degrees, in [0, 180]; angles are uniform between plus and
        minus that.
    crop_scale : (float, float), default=(0.7, 1.0)
        Smallest and largest share of the image's area that is cropped, in (0, 1].
    crop_ratio : (float, float), default=(0.75, 4 / 3)
        Smallest and largest aspect ratio (width / height) of the crop, relative to
        the image's; log-uniform. A side never exceeds the image's.
    flip : float, default=0.0
        Probability of mirroring left and right, in [0, 1]. The default is 0 because
        left and right of a body differ.
    intensity : float, default=0.4
        Contrast is multiplied by a factor from ``1 ± intensity``, and a brightness
        from ``± intensity`` is added, in units of the standardised pixels, in
        [0, 1).
    shading : float, default=0.8
        Contrast and brightness also vary linearly across the image, as near the
        receiving coil of an MR scanner: not at all in the middle, and by up to
        `shading` at the borders, in [0, 1). Both directions add up in the corners, so
        above 0.5 contrast may be inverted there.

    hue : float, default=0.0
        Of images with three channels, as are the next two. Colours are turned about the
        axis of greys by an angle that is uniform between plus and minus this share of a
        full turn, in [0, 0.5].
    saturation : float, default=0.0
        The difference of a colour from its grey is multiplied by a factor from
        ``1 ± saturation``, in [0, 1].
    greyscale : float, default=0.0
        Probability of turning all colours into greys (ITU-R BT.601), in [0, 1].

    See Also
    --------
    DeepClusterCategorizer : Takes one as its parameter `augmentation`.

    References
    ----------
    Kart et al. (2021), "DeepMCAT: Large-Scale Deep Clustering for Medical Image
    Categorization": "random rotation, resizing and cropping with random
    scale/aspect ratio". The ranges are not stated there. Intensity and shading are
    ours: they make grey level a hint rather than a rule.

    Chen et al. (2020), "A Simple Framework for Contrastive Learning of Visual
    Representations" (SimCLR): the kinds of change in colour, with ``hue=0.2``,
    ``saturation=0.8`` and ``greyscale=0.2`` for photographs. None is made by default,
    because colour may be what tells images apart.

    Examples
    --------
    >>> from skdeepcluster import Augmentation
    >>> Augmentation(rotation=30, flip=0.5)
    Augmentation(flip=0.5, rotation=30)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "rotation": [Interval(Real, 0, 180, closed="both")],
        "crop_scale": [tuple, list],
        "crop_ratio": [tuple, list],
        "flip": [Interval(Real, 0, 1, closed="both")],
        "intensity": [Interval(Real, 0, 1, closed="left")],
        "shading": [Interval(Real, 0, 1, closed="left")],
        "hue": [Interval(Real, 0, 0.5, closed="both")],
        "saturation": [Interval(Real, 0, 1, closed="both")],
        "greyscale": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        rotation: float = 12.0,
        crop_scale: tuple[float, float] = (0.7, 1.0),
        crop_ratio: tuple[float, float] = (0.75, 4 / 3),
        flip: float = 0.0,
        intensity: float = 0.4,
        shading: float = 0.8,
        hue: float = 0.0,
        saturation: float = 0.0,
        greyscale: float = 0.0,
    ) -> None:
        self.rotation = rotation
        self.crop_scale = crop_scale
        self.crop_ratio = crop_ratio
        self.flip = flip
        self.intensity = intensity
        self.shading = shading
        self.hue = hue
        self.saturation = saturation
        self.greyscale = greyscale

    def _validate(self) -> None:
        """Raise ValueError where a parameter is out of its range."""
        self._validate_params()
        for name, limit in (("crop_scale", 1.0), ("crop_ratio", float("inf"))):
            given = getattr(self, name)
            pair = len(given) == 2 and all(isinstance(value, Real) for value in given)
            if not pair or not 0 < given[0] <= given[1] <= limit:
                upper = " <= 1" if limit == 1 else ""
                raise ValueError(
                    f"The '{name}' parameter of Augmentation must be two numbers "
                    f"(low, high) with 0 < low <= high{upper}. Got {given!r} instead."
                )
