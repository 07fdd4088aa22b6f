"""Sphinx configuration. Building reads nothing from the network, nor do the pages."""

import sys
from pathlib import Path

import skdeepcluster

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skdeepcluster"
copyright = "2026, the skdeepcluster developers"
version = release = skdeepcluster.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "others",
]
exclude_patterns = ["_build", "**/sg_execution_times.rst", "sg_execution_times.rst"]
templates_path = ["_templates"]
nitpicky = True
default_role = "literal"

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have types in words
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "skdeepcluster"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "show_nav_level": 2,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "start": [], "api": [], "citing": []}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "subsection_order": [
        "../examples/first_steps",
        "../examples/categories",
        "../examples/judging",
        "../examples/own_parts",
    ],
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("skdeepcluster",),
    "backreferences_dir": "generated/backreferences",
    "remove_config_comments": True,
    "show_signature": False,
}
