"""An archive that grows: are new kinds noticed, and do they become clusters?

    python benchmarks/growing.py --data medical_mnist6/data.npz --rows rows.jsonl

For each kind in turn: fit the defaults to 1,500 images of the others, 8 clusters a
kind, and let 1,000 new images of these arrive with 5, 50 and 300 of that kind (--data
views: balanced). Doubt: area under the ROC curve, recall at 2 % false marks, and what
the limit itself marks, of `decision_function` and of the limit before: the distance to
the own centre over what 99 % of the cluster's images in the fit do not exceed. After
`extend`: the share of the kind in new clusters, their purity, the share of new images
of old kinds in them, and of the images of the fit that keep their cluster. Purity: of
the fit and all that arrived with 300, beside one fit to as many images of all kinds.
"""

import copy
from functools import partial

import numpy as np
from _common import Rows, load, machine, median_and_range, name_of, parser, table
from sklearn.metrics import roc_auc_score

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
from skdeepcluster.datasets import make_cardiac_views

FITTED, KNOWN, ARRIVALS = 1500, 1000, (5, 50, 300)


def without(X, y, kind, seed):
    """What becomes of the images of a kind that the fit never saw."""
    random = np.random.default_rng(seed)
    known = random.permutation(np.flatnonzero(y != kind))
    fitted, known = known[:FITTED], known[FITTED : FITTED + KNOWN]
    of_kind = random.permutation(np.flatnonzero(y == kind))[: max(ARRIVALS)]
    est = fit(X[fitted], y[fitted], seed)
    found = doubt(est, X, known, of_kind)
    for n in ARRIVALS:
        arrived = np.concatenate([known, of_kind[:n]])
        grown = copy.copy(est).extend(X[arrived], X[fitted])
        is_new = grown.new_labels_ >= grown.n_fit_clusters_
        is_kind = y[arrived] == kind
        found[f"clusters, {n}"] = grown.n_new_clusters_
        found[f"of kind, {n}"] = float(is_new[is_kind].mean())
        found[f"of others, {n}"] = float(is_new[~is_kind].mean())
        found[f"kept, {n}"] = float((grown.labels_ == est.labels_).mean())
        if is_new.any():
            found[f"purity of new, {n}"] = float(
                cluster_purity_score(y[arrived][is_new], grown.new_labels_[is_new])
            )
    # With all that arrived last, the most.
    everything = np.concatenate([y[fitted], y[arrived]])
    labels = np.concatenate([grown.labels_, grown.new_labels_])
    found["purity"] = float(cluster_purity_score(everything, labels))
    return found


def fit(X, y, seed):
    k = 8 * len(np.unique(y))
    return DeepClusterCategorizer(n_clusters=k, random_state=seed).fit(X)


def doubt(est, X, known, of_kind):
    """How well doubt tells new images of known kinds from those of the kind."""
    own = -est.score_samples(X[known]), -est.score_samples(X[of_kind])
    limits = limits_before(est)
    clusters = est.predict(X[known]), est.predict(X[of_kind])
    scores = {
        "now": (-est.decision_function(X[known]), -est.decision_function(X[of_kind])),
        "before": [
            distances / limits[labels] - 1
            for distances, labels in zip(own, clusters, strict=True)
        ],
    }
    found = {}
    for name, (of_known, of_new) in scores.items():
        is_new = np.repeat([0, 1], [len(known), len(of_kind)])
        auc = roc_auc_score(is_new, np.concatenate([of_known, of_new]))
        found[f"AUC, {name}"] = float(auc)
        at_2 = np.quantile(of_known, 0.98)
        found[f"recall at 2 %, {name}"] = float((of_new > at_2).mean())
        found[f"false marks, {name}"] = float((of_known > 0).mean())
        found[f"recall, {name}"] = float((of_new > 0).mean())
    return found


def limits_before(est):
    """The distance that 99 % of each cluster's images in the fit do not exceed."""
    _, distances = est.model_.assign(est.embedding_)
    return np.array(
        [
            np.quantile(distances[est.labels_ == cluster], 0.99, method="higher")
            for cluster in range(est.n_clusters_)
        ]
    )


def at_once(X, y, seed):
    """Purity of one fit to as many images, of all kinds."""
    n = FITTED + KNOWN + max(ARRIVALS)
    return float(cluster_purity_score(y[:n], fit(X[:n], y[:n], seed).labels_))


def main():
    options = parser(__doc__)
    options.set_defaults(n=6000)
    args = options.parse_args()
    if str(args.data) == "views":
        X, y = make_cardiac_views(args.n, random_state=0)
    else:
        X, y = load(args.data, args.n)
    name, rows = name_of(args.data), Rows(args.rows)
    done = {
        kind: rows.get(f"{name}/growing/{kind}", partial(without, X, y, kind, 0))
        for kind in np.unique(y).tolist()
    }
    together = rows.get(f"{name}/growing/at once", partial(at_once, X, y, 0))
    print(f"{machine()}\n\n{name}\n")
    names = {name: None for row in done.values() for name in row}
    lines = [
        [
            name,
            *(f"{row[name]:.3f}" if name in row else "" for row in done.values()),
            median_and_range([row[name] for row in done.values() if name in row]),
        ]
        for name in names
    ]
    kinds = [str(kind) for kind in done]
    print(table(["never seen", *kinds, "median (range)"], lines))
    print(f"\npurity of one fit to as many images of all kinds: {together:.3f}")


if __name__ == "__main__":
    main()
