"""Configuration of the documentation; build it with ``make docs``."""

import tabvae_ray

project = "tabvae_ray"
author = "The tabvae_ray authors"
copyright = author
version = release = tabvae_ray.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

# Headings as targets of links, with the names that GitHub gives them.
myst_heading_anchors = 3

html_theme = "furo"
html_title = "tabvae_ray"

# Of pydantic, and not of this package.
autodoc_default_options = {"exclude-members": "model_config, __init__"}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
python_maximum_signature_line_length = 88
