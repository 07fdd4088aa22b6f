"""
A folder of DICOM files, from files to categories
=================================================

An archive comes as a folder: files without an extension, in subfolders with numbers for
names, some of them damaged. This example writes such a folder, reads it, sorts it,
names the clusters, and then categorises the files of a second folder.
"""

# %%
# A folder as a scanner would leave it
# ------------------------------------
# This cell only makes the files. Each subject is a subfolder, and each view of a
# subject a series of its own. With real data you have this folder already.

import tempfile
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views


def write_archive(folder, n_images, random_state):
    """Write views as DICOM files; returns the view that each path shows."""
    images, views, subjects = make_cardiac_views(
        n_images, return_subjects=True, random_state=random_state
    )
    shown = {}
    for number, (image, view, subject) in enumerate(
        zip(images, views, subjects, strict=True)
    ):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.SeriesInstanceUID = generate_uid()
        data.Modality = "MR"
        data.InstanceNumber = 1
        data.Rows, data.Columns = image.shape
        data.SamplesPerPixel = 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.PixelRepresentation = 0
        data.PixelData = (image.astype(np.uint16) * 16).tobytes()
        path = Path(f"{subject:04d}", f"{number:06d}")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        data.save_as(folder / path, enforce_file_format=True)
        shown[str(path)] = CARDIAC_VIEWS[view]
    return shown


temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)
shown = write_archive(root / "archive", 600, random_state=0)
(root / "archive" / "notes.txt").write_text("Scanner was serviced in May.")
some_file = next((root / "archive" / "0001").iterdir())
damaged = some_file.read_bytes()[:1000]
n_bytes = (root / "archive" / "0000" / "damaged").write_bytes(damaged)

# %%
# Read it
# -------
# Files are recognised by what they hold, not by their names. What gives no image is
# listed with the reason, and nothing stops the run. No name and no other text of a
# header is kept.

from skdeepcluster import load_archive

archive = load_archive(root / "archive", n_jobs=1)
print(archive.images.shape, archive.images.dtype)
archive.skipped.head()

# %%
# The index has a row for each image, in the same order.

archive.index[["path", "series", "height", "width", "bits"]].head()

# %%
# Sort it
# -------

from skdeepcluster import DeepClusterCategorizer

est = DeepClusterCategorizer(n_clusters=52, n_epochs=25, random_state=0)
est = est.fit(archive.images)

# %%
# Look at the clusters, and name them
# -----------------------------------
# :func:`~skdeepcluster.review.write_report` makes a page that opens in any browser. A
# person names the clusters there and exports ``names.csv``. Here, the view that the
# most typical image of each cluster is known to show stands in for the person.

from skdeepcluster.review import cluster_table, write_report

write_report(root / "report.html", est, archive.images, embedding=est.embedding_)
table = cluster_table(est, archive.images, embedding=est.embedding_)
names = {
    int(row.cluster): shown[archive.index["path"][row.typical[0]]]
    for row in table.itertuples()
}
print(f"report.html: {(root / 'report.html').stat().st_size / 1e6:.1f} MB")
print(f"{len(names)} clusters were given {len(set(names.values()))} names")

# %%
# New files
# ---------
# They are read in the same way, and each gets a category.

from skdeepcluster import ClusterMajorityClassifier

new_shown = write_archive(root / "new", 260, random_state=1)
new = load_archive(root / "new", image_size=archive.images.shape[1], n_jobs=1)
named = ClusterMajorityClassifier.from_names(est, names)
new.index["category"] = named.predict(new.images)
new.index[["path", "category"]].head()

# %%
# What became of the new folder
# -----------------------------
# A row for each category, the most typical images first.

import matplotlib.pyplot as plt

from skdeepcluster.review import ClusterMontageDisplay

figure, ax = plt.subplots(figsize=(8.8, 7.6), layout="constrained")
ClusterMontageDisplay.from_predictions(
    new.images,
    new.index["category"],
    est.score_samples(new.images),
    n_columns=10,
    ax=ax,
)
ax.set_aspect("equal")
ax.set_title("New DICOM files, sorted into categories", loc="left")
plt.show()

truth = new.index["path"].map(new_shown)
print(f"right category: {np.mean(new.index['category'] == truth):.1%} of new files")
temporary.cleanup()

# %%
# Most new files land in the right category, for one look at each cluster. The same on
# the command line: ``skdeepcluster categorize``, ``skdeepcluster name`` and
# ``skdeepcluster assign``.
