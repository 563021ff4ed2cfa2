"""A Ray-distributed hyperparameter search for a tabular beta-VAE.

Importing this package loads neither torch nor ray. Public names are loaded when they are first
used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tabvae_ray._version import __version__ as __version__

if TYPE_CHECKING:
    from tabvae_ray.comparison.compare_tables import compare as compare
    from tabvae_ray.comparison.plan import ComparisonPlan as ComparisonPlan
    from tabvae_ray.config import TabularVAEConfig as TabularVAEConfig
    from tabvae_ray.generation.synthesizer import TabularVAESynthesizer as TabularVAESynthesizer
    from tabvae_ray.generation.synthesizer import load_synthesizer as load_synthesizer
    from tabvae_ray.search.api.dry_run import DryRun as DryRun
    from tabvae_ray.search.api.dry_run import dry_run as dry_run
    from tabvae_ray.search.api.function import search as search
    from tabvae_ray.search.api.result import SearchResult as SearchResult
    from tabvae_ray.search.api.result import load_search as load_search
    from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA as MultiObjectiveASHA
    from tabvae_ray.space.search_space import SearchSpace as SearchSpace
    from tabvae_ray.table.io import read_table as read_table
    from tabvae_ray.table.io import write_table as write_table
    from tabvae_ray.table.spec import TableSpec as TableSpec
    from tabvae_ray.tabular_vae import TabularVAE as TabularVAE
    from tabvae_ray.training.mlflow_tracking import MlflowTracker as MlflowTracker
    from tabvae_ray.training.tracking import DirectoryTracker as DirectoryTracker
    from tabvae_ray.training.tracking import Tracker as Tracker

_MODULES = {
    "ComparisonPlan": "tabvae_ray.comparison.plan",
    "DirectoryTracker": "tabvae_ray.training.tracking",
    "DryRun": "tabvae_ray.search.api.dry_run",
    "MlflowTracker": "tabvae_ray.training.mlflow_tracking",
    "MultiObjectiveASHA": "tabvae_ray.search.optimize.scheduler",
    "SearchResult": "tabvae_ray.search.api.result",
    "SearchSpace": "tabvae_ray.space.search_space",
    "TableSpec": "tabvae_ray.table.spec",
    "TabularVAE": "tabvae_ray.tabular_vae",
    "TabularVAEConfig": "tabvae_ray.config",
    "TabularVAESynthesizer": "tabvae_ray.generation.synthesizer",
    "Tracker": "tabvae_ray.training.tracking",
    "dry_run": "tabvae_ray.search.api.dry_run",
    "load_search": "tabvae_ray.search.api.result",
    "load_synthesizer": "tabvae_ray.generation.synthesizer",
    "read_table": "tabvae_ray.table.io",
    "write_table": "tabvae_ray.table.io",
}

# Modules that are called, see :mod:`tabvae_ray.callable_module`.
_CALLABLE = ("compare", "search")

__all__ = sorted([*_MODULES, *_CALLABLE, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    if name in _CALLABLE:
        return import_module(f"tabvae_ray.{name}")
    raise AttributeError(f"module 'tabvae_ray' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
