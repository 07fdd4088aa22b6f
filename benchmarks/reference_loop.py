"""The loop as the field runs it, to be compared with: see `speed.py`.

Image files are decoded by Pillow and augmented by torchvision's transforms in the
worker processes of a DataLoader, twice an epoch, to embed and to train. Everything is
in float32 (on a GPU, PyTorch's convolutions in TF32, as is their default); embeddings
go to NumPy and are clustered by faiss on the CPU; the classifier is made anew, and
images are drawn uniformly over the clusters.
"""

import time

import faiss
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import models, transforms


def network(n_clusters):
    """torchvision's VGG-16 with batch norm for grey images, and a classifier."""
    body = models.vgg16_bn()
    body.features[0] = nn.Conv2d(1, 64, 3, padding=1)
    body.classifier = body.classifier[:4]
    head = nn.Sequential(nn.ReLU(), nn.Dropout(), nn.Linear(4096, n_clusters))
    return body, head


class Files(Dataset):
    """Images decoded and augmented one by one."""

    def __init__(self, paths, size):
        self.paths = paths
        self.decode = transforms.Grayscale()
        self.augment = transforms.Compose(
            [
                transforms.RandomRotation(15),
                transforms.RandomResizedCrop(size, (0.5, 1.0)),
                transforms.ToTensor(),
                transforms.Lambda(z_score),
            ]
        )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as file:
            return self.augment(self.decode(file)), index


def z_score(pixels):
    return (pixels - pixels.mean()) / (pixels.std() + 1e-6)


def epoch(paths, size, body, head, n_clusters, batch_size, device, n_workers):
    """Seconds of an epoch's phases; `body` and `head` learn."""
    files = Files(paths, size)
    seconds = dict.fromkeys(("embed", "cluster", "train"), 0.0)

    def timed(phase, start):
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds[phase] += time.perf_counter() - start

    start = time.perf_counter()
    body.eval()
    embeddings = np.empty((len(files), 4096), np.float32)
    with torch.no_grad():
        for pixels, index in DataLoader(files, batch_size, num_workers=n_workers):
            embeddings[index.numpy()] = body(pixels.to(device)).cpu().numpy()
    timed("embed", start)

    start = time.perf_counter()
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    clustering = faiss.Kmeans(
        4096, n_clusters, niter=20, min_points_per_centroid=1, seed=0
    )
    clustering.train(embeddings)
    labels = clustering.index.search(embeddings, 1)[1][:, 0]
    timed("cluster", start)

    start = time.perf_counter()
    random = np.random.default_rng(0)
    members = [np.flatnonzero(labels == each) for each in np.unique(labels)]
    drawn = [random.choice(members[i % len(members)]) for i in range(len(files))]
    random.shuffle(drawn)
    nn.init.normal_(head[-1].weight, std=0.01)
    nn.init.zeros_(head[-1].bias)
    body.train()
    optimizer = torch.optim.SGD(
        [*body.parameters(), *head.parameters()], 0.05, 0.9, weight_decay=1e-5
    )
    targets = torch.from_numpy(labels).to(device)
    loader = DataLoader(Subset(files, drawn), batch_size, num_workers=n_workers)
    for pixels, index in loader:
        logits = head(body(pixels.to(device)))
        loss = nn.functional.cross_entropy(logits, targets[index.to(device)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    timed("train", start)
    return seconds


def decoding(paths, size):
    """Seconds to decode, and to augment, every image once in one process."""
    files = Files(paths, size)
    start = time.perf_counter()
    decoded = []
    for path in paths:
        with Image.open(path) as file:
            decoded.append(files.decode(file))
    middle = time.perf_counter()
    for image in decoded:
        files.augment(image)
    return {"decode": middle - start, "augment": time.perf_counter() - middle}
