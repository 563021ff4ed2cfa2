"""Searches from Python: the function that the command and notebooks call, and its result."""

import logging
import warnings
from importlib import import_module

# In a notebook without ipywidgets, importing Ray warns that progress bars of others would need
# them. The display of a search does not.
logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="IProgress not found")
    import_module("tqdm.auto")
