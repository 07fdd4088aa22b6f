"""Where pixels live: rows of an array or a memory map, as batches on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from skdeepcluster._engine.runtime import fits_on

_BLOCK = 2**22  # pixels copied to a device at a time
_SHRUNK = 64  # times: what PyTorch resamples at once on a GPU goes little further
_BLANK = 10  # roundings of the mean: a standard deviation up to it is noise


class Images:
    """A set of images, or of feature vectors, standardised batch by batch.

    The array itself is never copied as a whole: it may be a memory map larger than
    memory.

    Parameters
    ----------
    rows : array of shape (n, n_pixels)
        Any real dtype.
    shape : (height, width, channels) or (n_features,)
        What a row is. Feature vectors enter the network as pictures of one row.
    size : (int, int)
        Height and width at which images enter the network.
    standardize : {"image", "dataset", None}
        Over what pixels are scaled to mean 0 and variance 1: each image by itself, the
        whole set, or nothing.
    mean, std : arrays of shape (channels,) or (n_features,), or None
        Those of the set, if the set is standardised.
    device : torch.device
        Where batches go.
    resident : bool
        Whether to keep all pixels on the device if it is a GPU with room for them, to
        use them more than once; in their own type if float32 can hold them.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        shape: tuple[int, ...],
        *,
        size: tuple[int, int],
        standardize: str | None,
        mean: NDArray[np.float64] | None = None,
        std: NDArray[np.float64] | None = None,
        device: torch.device,
        resident: bool = False,
    ) -> None:
        self.rows = rows
        self.is_pictures = len(shape) == 3
        self.size = size
        self.standardize = standardize
        self.device = device
        self._picture = shape if self.is_pictures else (1, shape[0], 1)
        # Wider integers and doubles lose digits in float32, so they are
        # standardised before they are narrowed, and before they leave the host.
        self._exact = bool(np.can_cast(rows.dtype, np.float32, "safe"))
        self._kept: np.dtype[Any] = np.dtype(np.float64)
        if self._exact:
            self._kept = rows.dtype.newbyteorder("=")
            if self._kept == np.uint16 and device.type != "cpu":
                self._kept = np.dtype(np.int32)  # PyTorch indexes no uint16 there
        if mean is not None and std is not None:
            # Pictures have one mean a channel, feature vectors one a column.
            stored = (1, 1, shape[-1]) if self.is_pictures else (1, shape[0], 1)
            self._mean = self._constant(mean).reshape(stored)
            scale = self._constant(_scale(mean, std)).reshape(stored)
            self._scale = scale.masked_fill(scale == 0, 1)  # too small a number
        self._resident: Tensor | None = None
        self._resting = self._kept if self._exact else np.dtype(np.float32)
        n_bytes = rows.size * self._resting.itemsize
        if resident and fits_on(device, n_bytes):
            self._resident = self._on_device()

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, index: slice | Tensor) -> Tensor:
        """Standardised pixels of shape (n, channels, height, width), float32."""
        return self._prepared(self._read(index))

    def batches(self, indices: Sequence[slice | Tensor]) -> Iterator[Tensor]:
        """Batch after batch; the next is read while one is worked on."""
        if self._resident is not None:
            yield from map(self.batch, indices)
            return
        if not indices:
            return
        # Now, because later it would wait for all work that the device has queued.
        waiting = [each if isinstance(each, slice) else each.cpu() for each in indices]
        with ThreadPoolExecutor(1) as reader:
            following = reader.submit(self._read, waiting[0])
            for each in [*waiting[1:], None]:
                rows = following.result()
                if each is not None:
                    following = reader.submit(self._read, each)
                yield self._prepared(rows)

    def _read(self, index: slice | Tensor) -> Tensor:
        """Rows as they came, or standardised if float32 cannot hold them."""
        if self._resident is not None:
            return self._resident[index]
        rows = self.rows[index if isinstance(index, slice) else index.cpu().numpy()]
        read = torch.from_numpy(rows.astype(self._kept))
        if not self._exact:
            read = self._standardized(read).float()
        return read.pin_memory() if self.device.type == "cuda" else read

    def _prepared(self, rows: Tensor) -> Tensor:
        """Rows that were read, as the network takes them, on the device."""
        on_gpu = self.device.type == "cuda"  # what is copied there was pinned
        rows = rows.to(self.device, non_blocking=on_gpu)
        if self.size == self._picture[:2]:
            return self._resized(rows)
        # Of large images a whole batch of floats would take gigabytes.
        step = max(1, _BLOCK // max(1, rows.shape[1]))
        return torch.cat([self._resized(part) for part in rows.split(step)])

    def _resized(self, rows: Tensor) -> Tensor:
        """Some rows, standardised and as large as the network takes them."""
        rows = rows.to(torch.float32, copy=self._resident is not None)
        if self._exact:
            rows = self._standardized(rows)
        pixels = rows.unflatten(1, self._picture).permute(0, 3, 1, 2)
        height, width = pixels.shape[2:]
        if (height, width) != self.size:
            smaller = self.size[0] < height or self.size[1] < width
            most = [_SHRUNK * side for side in self.size]
            if height > most[0] or width > most[1]:
                between = (min(height, most[0]), min(width, most[1]))
                pixels = F.adaptive_avg_pool2d(pixels, between)
            pixels = F.interpolate(
                pixels, self.size, mode="bilinear", antialias=smaller
            )
        return pixels

    def _standardized(self, rows: Tensor) -> Tensor:
        """Rows of float32 or float64, written over: new ones would cost more."""
        if self.standardize == "image" and len(rows):
            std, mean = torch.std_mean(rows, 1, correction=0, keepdim=True)
            blank = std <= _BLANK * torch.finfo(rows.dtype).eps * mean.abs()
            rows.sub_(mean).div_(std.masked_fill_(blank, 1))
        elif self.standardize == "dataset":
            rows.unflatten(1, self._picture).sub_(self._mean).div_(self._scale)
        return rows

    def _on_device(self) -> Tensor:
        """All rows, copied block by block."""
        dtype = torch.from_numpy(np.empty(0, self._resting)).dtype
        resident = torch.empty(self.rows.shape, dtype=dtype, device=self.device)
        step = max(1, _BLOCK // max(1, self.rows.shape[1]))
        for start in range(0, len(self.rows), step):
            block = slice(start, start + step)
            resident[block] = self._read(block)
        return resident

    def _constant(self, values: NDArray[np.float64]) -> Tensor:
        """On the device if pixels are standardised there."""
        if self._exact:
            return torch.tensor(values, dtype=torch.float32, device=self.device)
        return torch.tensor(values, device="cpu")


@dataclass(frozen=True)
class Inputs:
    """What images are like, and how they enter a network; see `Images`."""

    shape: tuple[int, ...]
    size: tuple[int, int]
    standardize: str | None
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    @property
    def n_channels(self) -> int:
        """Channels with which images enter the network."""
        return self.shape[2] if len(self.shape) == 3 else 1

    def images(
        self, rows: NDArray[Any], device: torch.device, *, resident: bool = False
    ) -> Images:
        """A set of such images."""
        return Images(
            rows,
            self.shape,
            size=self.size,
            standardize=self.standardize,
            mean=self.mean,
            std=self.std,
            device=device,
            resident=resident,
        )


def _scale(mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to divide by: a blank image becomes zeros, not NaN or rounding noise."""
    blank = std <= _BLANK * np.finfo(std.dtype).eps * np.abs(mean)
    return np.where(blank, 1, std)
