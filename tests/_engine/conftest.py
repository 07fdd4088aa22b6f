"""The loop on 40 digits, with parts to exchange."""

import functools

import pytest
import torch

from skdeepcluster._engine import backbones, memory, sampling
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.augment import Views
from skdeepcluster._engine.clustering import Clusterer, Clustering
from skdeepcluster._engine.descent import Descent, constant
from skdeepcluster._engine.embedding import embed
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.images import Inputs
from skdeepcluster.objectives import ClusterClassification, Stage

DESCENT = {
    "n_epochs": 2,
    "batch_size": 40,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": constant,
    "warmup_epochs": 0,
}


@pytest.fixture
def make_loop(digits):
    """Make the loop; parts that are not given are the simplest."""

    def make(
        *,
        backbone="small_cnn",
        view=None,
        n_views=None,
        cluster_on="images",
        **given,
    ):
        torch.manual_seed(0)
        inputs = Inputs((8, 8, 1), (32, 32), "image")
        built = backbones.build(backbone, in_channels=1, size=inputs.size)
        images = inputs.images(digits[0][:40].reshape(40, 64), torch.device("cpu"))
        of_descent = {name: given.pop(name, DESCENT[name]) for name in DESCENT}
        pass_ = functools.partial(
            embed,
            built.body,
            images,
            batch_size=of_descent["batch_size"],
            precision="float32",
        )
        parts = {
            "backbone": built,
            "images": images,
            "views": Views(view, n_views),
            "embed": pass_,
            "memory": memory.MEMORIES[cluster_on](pass_, view, len(images)),
            "clusterer": Clusterer(4, 5),
            "objective": ClusterClassification(momentum=0.0),
            "sampler": sampling.each_once,
            "descent": Descent(built, **of_descent),
            "precision": "float32",
        }
        return Alternation(**parts | given)

    return make


@pytest.fixture
def train():
    """Train a loop for an epoch to tell given clusters apart; the mean loss."""

    def trained(loop, objective, labels):
        nothing = torch.zeros(len(labels), device=labels.device)
        clustering = Clustering(labels, nothing, nothing, None, 0.0)
        drawn = loop.sampler(labels)
        epoch = Epoch(0, Stage(objective), clustering, 0.1, drawn, nothing.sum())
        loop.train(epoch)
        return epoch.loss

    return trained
