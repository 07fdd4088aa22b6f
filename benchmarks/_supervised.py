"""A small_cnn that learns from labels, for comparison."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from skdeepcluster import Augmentation
from skdeepcluster._engine import backbones
from skdeepcluster._engine.augment import random_views

VIEW = Augmentation(
    rotation=15, crop_scale=(0.5, 1), intensity=0.2, shading=0
).get_params()


def predictions(X, y, train, seed, n_epochs=30):
    """Classes of all images, by the labels of those whose numbers are in `train`."""
    torch.manual_seed(seed)
    backbone = backbones.build("small_cnn", in_channels=1, size=X.shape[1:])
    head = torch.nn.Linear(backbone.n_features, int(y.max()) + 1)
    network = torch.nn.Sequential(backbone.body, head)
    pixels = torch.from_numpy(X).float().unsqueeze(1)
    pixels = (pixels - pixels[train].mean()) / pixels[train].std()
    labels = torch.from_numpy(y).long()
    optimizer = torch.optim.SGD(
        network.parameters(), 0.02, momentum=0.9, weight_decay=1e-4
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
    network.train()
    for _ in range(n_epochs):
        for batch in torch.from_numpy(train)[torch.randperm(len(train))].split(64):
            loss = F.cross_entropy(
                network(random_views(pixels[batch], **VIEW)), labels[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        parts = [network(part).argmax(1) for part in pixels.split(256)]
    return torch.cat(parts).numpy()
