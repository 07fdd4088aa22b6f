"""Every network of timm, by the way that `Pretrained` takes: do its weights fit?

    python benchmarks/networks.py --rows networks.jsonl

Tensors are on the meta device: they have shapes and no values. For each architecture, a
state dict as published ones are is loaded, and grey images go through the network at
its own size. The settings of all tags are looked up.
"""

import argparse
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import timm
import torch
from _common import Rows, machine

from skdeepcluster._engine.pretrained import network_of, settings_of


def shapes_of(name):
    """A state dict without values."""
    with torch.device("meta"):
        model = timm.create_model(name)
        return {key: each.to("meta") for key, each in model.state_dict().items()}


def tried(name):
    """What became of a network: "right", or what is wrong."""
    try:
        size = settings_of(f"timm:{name}").size
        with torch.device("meta"), torch.no_grad():
            network, n_features = network_of(f"timm:{name}", size, shapes_of(name))
            found = network.eval()(torch.zeros(2, 1, *size))
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if found.shape != (2, n_features):
        return f"{tuple(found.shape)} features in place of {n_features}"
    return "right"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="finished rows, to go on from")
    parser.add_argument("--filter", default="*", help="such as 'vit*'")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = Rows(args.rows)
    tags = timm.list_models(args.filter, pretrained=True)
    sizes = Counter(settings_of(f"timm:{name}").size[0] for name in tags)
    print(f"{machine()}, timm {timm.__version__}")
    print(f"settings of {len(tags):,} tags, own sizes {dict(sorted(sizes.items()))}")
    found = {
        name: rows.get(name, partial(tried, name))
        for name in timm.list_models(args.filter)
    }
    wrong = {name: what for name, what in found.items() if what != "right"}
    print(f"{len(found) - len(wrong):,} of {len(found):,} architectures are right")
    for name, what in wrong.items():
        print(f"  {name}: {what}")


if __name__ == "__main__":
    main()
