"""Are copies found among images that look alike, and images of another set?

    python benchmarks/copies.py --data medical_mnist6/data.npz --strangers views \
        --n 12001 --rows rows.jsonl --sheet finds.png

`fast` learns from all images. Then copies of 1 % of them are added: compressed (JPEG at
quality 50), brighter (by 1.15 to 1.5, clipped) or darker (by 0.6 to 0.87), or with a
margin cut off on each side and resized. For each kind: how many are in a group with
their original (recall); how many of those that are found were found to be most like
their original (precision); how many were among the candidates before pixels were
compared. Pairs of images of the set itself are counted apart, because some of them are
copies; 50 of them, drawn at random, are on the sheet for a person to judge.

Then `fast` learns from the images and 1 % of images of another set, resized, and ranks
all: area under the curve (AUROC), with the strangers in the fit and without.

    python benchmarks/copies.py --data medical_mnist6/data.npz --million

compares no image: so many random embeddings and images, for time and memory.
"""

from __future__ import annotations

import resource
import tempfile
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from _common import Rows, load, machine, name_of, parser, table
from PIL import Image
from sklearn.metrics import roc_auc_score

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import near_duplicates, outliers
from skdeepcluster.review._candidates import Sketches, candidates
from skdeepcluster.review._differences import GreyLevels

CROPS = (0.01, 0.02, 0.03, 0.04, 0.05)
N_JUDGED = 50


def in_8_bits(X):
    """Grey from 0 to 255, as files have it."""
    if X.dtype == np.uint8:
        return X
    low, high = X.min(), X.max()
    return ((X - low) / (high - low) * 255).round().astype(np.uint8)


def compressed(image, random):
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


def scaled(image, random, low, high):
    return np.clip(image * random.uniform(low, high), 0, 255).round().astype(np.uint8)


def cropped(image, random, share):
    height, width = image.shape
    left, top = share * width, share * height
    picture = Image.fromarray(image).resize(
        (width, height),
        Image.Resampling.BILINEAR,
        box=(left, top, width - left, height - top),
    )
    return np.asarray(picture)


KINDS = {
    "JPEG 50": compressed,
    "brighter": partial(scaled, low=1.15, high=1.5),
    "darker": partial(scaled, low=0.6, high=0.87),
    **{f"cropped by {share:.0%}": partial(cropped, share=share) for share in CROPS},
}


class Fitted:
    """One fit to the images, done when the first result wants it."""

    def __init__(self, X, k, seed):
        self.X, self.k, self.seed = X, k, seed
        self._est = None

    @property
    def est(self):
        if self._est is None:
            est = DeepClusterCategorizer(self.k, random_state=self.seed)
            self._est = est.fit(self.X)
        return self._est


def with_copies(fitted, kind, seed):
    """Images and, after them, copies; their embedding; and what was copied."""
    random = np.random.default_rng(seed)
    X = fitted.X
    originals = random.choice(len(X), len(X) // 100, replace=False)
    copies = np.stack([KINDS[kind](X[row], random) for row in originals])
    embedding = [fitted.est.embedding_, fitted.est.transform(copies)]
    return np.concatenate([X, copies]), np.concatenate(embedding), originals


def found(fitted, kind, seed):
    """What near_duplicates finds of one kind of copies."""
    X, embedding, originals = with_copies(fitted, kind, seed)
    sketches = Sketches.of(GreyLevels(X[..., np.newaxis]))
    pairs = candidates(embedding, fitted.est.cluster_centers_, sketches)
    n = len(fitted.X)
    planted = {(int(row), n + place) for place, row in enumerate(originals)}
    start = time.process_time()
    copies = near_duplicates(fitted.est, X, embedding=embedding).set_index("image")
    seconds = time.process_time() - start
    group = copies["group"].reindex(range(len(X)), fill_value=-1).to_numpy()
    together = (group[originals] == group[n:]) & (group[n:] >= 0)
    of = copies.loc[copies.index >= n, "copy_of"]
    links = zip(copies.index, copies["copy_of"], strict=True)
    others = {tuple(sorted(link)) for link in links if max(link) < n}
    return {
        "recall": float(together.mean()),
        "precision": float((of == originals[of.index - n]).mean()),
        "candidates": len(planted & set(map(tuple, pairs.tolist()))) / len(planted),
        "others": sorted(tuple(map(int, pair)) for pair in others),
        "seconds": seconds,
    }


def strangers(X, other, k, seed):
    """AUROC of images of another set, in the fit and not."""
    height, width = X.shape[1:]
    n = len(X) // 100
    random = np.random.default_rng(seed)
    chosen = other[random.choice(len(other), n, replace=False)]
    pictures = [Image.fromarray(image).resize((width, height)) for image in chosen]
    both = np.concatenate([X, np.stack([np.asarray(each) for each in pictures])])
    is_strange = np.arange(len(both)) >= len(X)
    scores = {}
    for what, fit_to in (("in the fit", both), ("not in the fit", X)):
        est = DeepClusterCategorizer(k, random_state=seed).fit(fit_to)
        ranked = outliers(est, both)
        is_first = is_strange[ranked["image"].to_numpy()]
        scores[what] = {
            "AUROC": float(roc_auc_score(is_first, ranked["score"])),
            "in doubt": float(ranked["doubt"][is_first].mean()),
            "of the set in doubt": float(ranked["doubt"][~is_first].mean()),
        }
    return scores


def draw(path, X, pairs):
    """Some pairs side by side, ten a line, to be judged by eye."""
    tile = 96
    paper = Image.new("L", (10 * (2 * tile + 12), 5 * (tile + 12)), 128)
    for place, pair in enumerate(pairs):
        line, column = divmod(place, 10)
        for side, row in enumerate(pair):
            picture = Image.fromarray(X[row]).resize((tile, tile))
            left = column * (2 * tile + 12) + side * tile
            paper.paste(picture, (left, line * (tile + 12)))
    paper.save(path)


def large(n, k, seed):
    """Seconds and peak memory of n random embeddings and images of 64 × 64 pixels."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(k, 512)).astype(np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    embedding = np.empty((n, 512), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npy")
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 64, 64))
        # Images of a cluster look alike, so that five an image are compared.
        kinds = random.integers(0, 192, (k, 8, 8), dtype=np.uint8)
        for start in range(0, n, 4096):
            labels = random.integers(k, size=min(4096, n - start))
            part = slice(start, start + len(labels))
            images[part] = kinds[labels].repeat(8, axis=1).repeat(8, axis=2)
            images[part] += random.integers(0, 64, images[part].shape, dtype=np.uint8)
            near = centers[labels]
            near += random.normal(size=near.shape).astype(np.float32) / 40
            near /= np.linalg.norm(near, axis=1, keepdims=True)
            embedding[part] = near
        est = SimpleNamespace(image_shape_=(64, 64, 1), cluster_centers_=centers)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        near_duplicates(est, images, embedding=embedding)
    return {
        "seconds": time.perf_counter() - start,
        "CPU seconds": time.process_time() - cpu,
        "GB at the peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "of which before": before / 2**20,
    }


def main():
    options = parser(__doc__)
    options.add_argument("--strangers", type=Path, help="another set, as --data")
    options.add_argument("--sheet", type=Path, help="where to draw finds to be judged")
    options.add_argument("--million", action="store_true", help="time and memory")
    options.add_argument("--k", type=int, default=48, help="clusters (default: 48)")
    args = options.parse_args()
    rows = Rows(args.rows)
    if args.million:
        n = 1_000_000 if args.n == 3000 else args.n
        done = rows.get(f"{n} of {args.k} clusters", partial(large, n, args.k, 0))
        print(f"{machine()}, {torch.get_num_threads()} threads\n")
        line = [f"{n:,}", str(args.k), *(f"{value:,.1f}" for value in done.values())]
        print(table(["embeddings", "clusters", *done], [line]))
        return
    X = in_8_bits(load(args.data, args.n)[0])
    what = f"{name_of(args.data)}/{len(X)}/{args.k}"
    lines, others = [], {}
    for seed in range(args.seeds):
        fitted = Fitted(X, args.k, seed)
        for kind in KINDS:
            row = rows.get(f"{what}/{kind}/{seed}", partial(found, fitted, kind, seed))
            shares = [row[key] for key in ("recall", "precision", "candidates")]
            values = [f"{share:.3f}" for share in shares]
            counts = [str(len(row["others"])), f"{row['seconds']:.0f}"]
            lines.append([kind, str(seed), *values, *counts])
            others.update(dict.fromkeys(map(tuple, row["others"])))
    print(f"{machine()}\n\n{what}, copies of {len(X) // 100} images of each kind\n")
    header = ["copies", "seed", "recall", "precision", "candidates"]
    print(table([*header, "other pairs", "CPU seconds"], lines))
    if args.sheet is not None:
        pairs = sorted(others)
        chosen = np.random.default_rng(0).permutation(len(pairs))[:N_JUDGED]
        draw(args.sheet, X, [pairs[place] for place in sorted(chosen)])
    if args.strangers is None:
        return
    other = in_8_bits(load(args.strangers, 3000)[0])
    lines = []
    for seed in range(args.seeds):
        key = f"{what}/{name_of(args.strangers)}/strangers/{seed}"
        scores = rows.get(key, partial(strangers, X, other, args.k, seed))
        for fit, row in scores.items():
            lines.append([fit, str(seed), *(f"{value:.3f}" for value in row.values())])
    print(f"\n{len(X) // 100} images of {name_of(args.strangers)} among them\n")
    print(table(["strangers", "seed", *row], lines))


if __name__ == "__main__":
    main()
