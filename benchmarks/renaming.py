"""Do categories stay when an archive has grown: sorted anew, or extended?

    python benchmarks/renaming.py --data medical_mnist6/data.npz --n 12001 --seeds 1

A fit of all images but the last `--new` is named, each cluster after most of its own.
Then all images are sorted anew and take these names (`names_from`, as `categorize
--names-from` does), or the new ones are added (`extend`). The same again where the old
images have none of one kind. Of the old images: whose category stays, and whose is
another one now; the others are in clusters without a name. Of the new ones: which have
a category, and how many of those the right one.
"""

from functools import cache, partial

import numpy as np
from _common import Rows, load, machine, name_of, parser, table

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._names import Names
from skdeepcluster.review import names_from

HEADER = ["old images", "method", "stays", "another", "clusters to name", "of"]
HEADER += ["new ones named", "of these right", "of the new kind named"]


def fitted(X, k, seed):
    """The default estimator."""
    return DeepClusterCategorizer(k, random_state=seed).fit(X)


def named(labels, y):
    """The most frequent kind of each cluster, as a person would name it."""
    return {
        int(cluster): str(np.bincount(y[labels == cluster]).argmax())
        for cluster in np.unique(labels)
    }


def measured(before, after, names, n_clusters, y, new_kind):
    """How categories of old images fare, and what new ones get."""
    n = len(before)
    of_new, y_new = after[n:], y[n:].astype(str)
    has_name = of_new != ""
    of_kind = y_new == str(new_kind)
    return {
        "stays": float((after[:n] == before).mean()),
        "another": float(((after[:n] != before) & (after[:n] != "")).mean()),
        "to name": n_clusters - len(names),
        "clusters": n_clusters,
        "named": float(has_name.mean()),
        "right": float((of_new == y_new)[has_name].mean()),
        "kind": float(has_name[of_kind].mean()) if of_kind.any() else None,
    }


def both_ways(X, y, k, n_new, new_kind, seed, all_labels):
    """Sorted anew, and extended; `new_kind` is not among the old images, or None."""
    is_old = (np.arange(len(y)) < len(y) - n_new) & (y != new_kind)
    order = np.r_[np.flatnonzero(is_old), np.flatnonzero(~is_old)]
    n, y = int(is_old.sum()), y[order]
    est = fitted(X[order[:n]], k, seed)
    est.names_ = named(est.labels_, y[:n])
    before = Names(est.names_).of(est.labels_)
    labels = all_labels()[order]
    former = np.append(before, np.full(len(y) - n, "", dtype=object))
    names = names_from(labels, former)
    n_clusters = int(labels.max()) + 1
    anew = measured(before, Names(names).of(labels), names, n_clusters, y, new_kind)
    est.extend(X[order[n:]])
    both = np.append(est.labels_, est.new_labels_)
    after = Names(est.names_).of(both)
    more = measured(before, after, est.names_, est.n_clusters_, y, new_kind)
    return {"sorted anew": anew, "extended": more}


def main():
    options = parser(__doc__)
    options.add_argument("--new", type=int, default=2000, help="images (default: 2000)")
    args = options.parse_args()
    X, y = load(args.data, args.n)
    _, y = np.unique(y, return_inverse=True)
    name, k = name_of(args.data), 8 * (int(y.max()) + 1)
    rows, lines = Rows(args.rows), []
    for seed in range(args.seeds):
        # Fitted once, and only if a row is missing.
        all_labels = cache(lambda seed=seed: fitted(X, k, seed + 1000).labels_)
        for new_kind in (None, seed % (int(y.max()) + 1)):
            key = f"{name}/{len(X)}/renamed/{args.new}/without {new_kind}/{seed}"
            compute = partial(
                *(both_ways, X, y, k, args.new, new_kind, seed, all_labels)
            )
            for method, found in rows.get(key, compute).items():
                old = "all kinds" if new_kind is None else f"without kind {new_kind}"
                shares = {
                    what: "" if found[what] is None else f"{found[what]:.3f}"
                    for what in ("stays", "another", "named", "right", "kind")
                }
                lines.append(
                    [
                        *(old, method, shares["stays"], shares["another"]),
                        *(str(found["to name"]), str(found["clusters"])),
                        *(shares["named"], shares["right"], shares["kind"]),
                    ]
                )
    print(f"{machine()}\n\n{name}: {len(X):,} images, {args.new:,} of them new\n")
    print(table(HEADER, lines))


if __name__ == "__main__":
    main()
