"""Are images of a kind that was never seen in doubt, and new ones of known kinds not?

    python benchmarks/unseen.py --data medical_mnist6/data.npz --rows rows.jsonl

For each category in turn: fit `fast` to half of the images of the others, and assign
the other half, and as many of that category. In doubt is what `decision_function` says
is an outlier. AUROC: how well it tells both kinds of new images apart, beside
scikit-learn's LocalOutlierFactor, which keeps all images, on the same embedding and on
principal components of the pixels.
"""

from functools import partial

import numpy as np
from _common import Rows, load, machine, name_of, parser, standardized, table
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from skdeepcluster import DeepClusterCategorizer


def shares(X, y, unseen, seed):
    """In doubt of known and unknown kinds, and AUROC by method."""
    known = np.random.default_rng(seed).permutation(np.flatnonzero(y != unseen))
    train, test = np.array_split(known, 2)
    new = np.flatnonzero(y == unseen)[: len(test)]
    k = 8 * (len(np.unique(y)) - 1)
    est = DeepClusterCategorizer.from_recipe("fast", n_clusters=k, random_state=seed)
    est.fit(X[train])
    both = np.concatenate([test, new])
    is_new = np.arange(len(both)) >= len(test)
    doubt = -est.decision_function(X[both])
    pixels = PCA(50, random_state=seed)
    rows = standardized(X, "dataset")
    spaces = {
        "embedding": (est.transform(X[train]), est.transform(X[both])),
        "pixels": (pixels.fit_transform(rows[train]), pixels.transform(rows[both])),
    }
    found = {
        "known": float((doubt[~is_new] > 0).mean()),
        "unseen": float((doubt[is_new] > 0).mean()),
        "AUROC": float(roc_auc_score(is_new, doubt)),
    }
    for name, (fitted, asked) in spaces.items():
        peer = LocalOutlierFactor(novelty=True).fit(fitted)
        found[f"LOF, {name}"] = float(roc_auc_score(is_new, -peer.score_samples(asked)))
    return found


def main():
    args = parser(__doc__).parse_args()
    X, y = load(args.data, args.n)
    name = name_of(args.data)
    rows = Rows(args.rows)
    categories = np.unique(y).tolist()
    done = [
        rows.get(
            f"{name}/{len(X)}/without {unseen}/0", partial(shares, X, y, unseen, 0)
        )
        for unseen in categories
    ]
    print(f"{machine()}\n\n{name}: {len(X):,} images\n")
    lines = [
        [str(unseen), *(f"{value:.3f}" for value in row.values())]
        for unseen, row in zip(categories, done, strict=True)
    ]
    mean = [f"{np.mean([row[what] for row in done]):.3f}" for what in done[0]]
    header = ["never seen", "known in doubt", "unseen in doubt", *list(done[0])[2:]]
    print(table(header, [*lines, ["mean", *mean]]))


if __name__ == "__main__":
    main()
