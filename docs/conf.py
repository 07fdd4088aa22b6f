"""Sphinx configuration."""

import skdeepcluster

project = "skdeepcluster"
copyright = "2026, the skdeepcluster developers"
version = release = skdeepcluster.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
html_theme = "pydata_sphinx_theme"
exclude_patterns = ["_build"]
autosummary_generate = True
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "doc_module": "skdeepcluster",
    "backreferences_dir": "generated/backreferences",
    "show_signature": False,
}
