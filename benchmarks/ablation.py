"""Each idea of the recipe `fast` switched off alone.

    python benchmarks/ablation.py --data mnist_test10k/data.npz --rows rows.jsonl

At 8 clusters a category; rows are shared with `peers.py`, which has `fast` itself.
"""

import numpy as np
from _common import Rows, load, machine, name_of, parser, table
from peers import SECONDS, line, measured

from skdeepcluster import Augmentation
from skdeepcluster.objectives import (
    CentroidClassification,
    SwappedClassification,
    SwappedPrediction,
)


def without(k):
    """What switches each idea off."""
    return {
        "K-means in the loop": {"objective": SwappedPrediction()},
        "swapped prediction after the first stage": {
            "objective__second": CentroidClassification()
        },
        "swapped prediction": {"objective": CentroidClassification()},
        "the first stage": {"objective": SwappedClassification()},
        "more prototypes than clusters": {
            "objective__first__n_prototypes": k,
            "objective__second__n_prototypes": k,
        },
        "shading": {"augmentation": Augmentation(shading=0.0)},
        "Ward's start of K-means": {"final_init": "random"},
        "intensity": {"augmentation": Augmentation(intensity=0.0)},
        "small batches": {"batch_size": 256},
        "warm-up": {"warmup_epochs": 0},
        "grey level": {"standardize": "image"},
    }


def main():
    options = parser(__doc__)
    options.add_argument("--ideas", nargs="+", choices=without(1), default=without(1))
    args = options.parse_args()
    X, y = load(args.data, args.n)
    k = 8 * len(np.unique(y))
    rows = Rows(args.rows)
    name = name_of(args.data)
    lines = []
    for idea in (None, *args.ideas):
        method = "fast" if idea is None else f"fast without {idea}"
        parameters = {} if idea is None else without(k)[idea]
        done = [
            measured(rows, name, X, y, k, method, seed, **parameters)
            for seed in range(args.seeds)
        ]
        lines.append(line(idea or "(nothing: as shipped)", done, ("purity", "NMI")))
    print(f"{machine()}\n\n{name}: {len(X):,} images, k = {k}\n")
    print(table(["without", "purity", "NMI", *SECONDS], lines))


if __name__ == "__main__":
    main()
