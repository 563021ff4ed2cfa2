"""The inputs of a search (space, table, directory), read and checked before anything starts."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.comparison.plan import SCORES, ComparisonPlan, PreparedComparison
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.results.search_manifest import TABLE_FILE, SearchManifest
from tabvae_ray.search.directory import HEART, check_search_name, name_of_data
from tabvae_ray.search.for_target import check_target, declare_target, space_for_target
from tabvae_ray.search.optimize.planned_space import as_planned, planned_space, rungs_of
from tabvae_ray.search.optimize.sampler import choose_sampler
from tabvae_ray.search.settings import sampling, with_settings, without_credentials
from tabvae_ray.search.sources import (
    SpaceSource,
    read_rows,
    read_space,
    space_name,
)
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.space.auto import AutoSpace, auto_space
from tabvae_ray.space.named_spaces import is_auto, named_space
from tabvae_ray.space.private import refuse_private
from tabvae_ray.space.rules import check_held_out
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import load_space
from tabvae_ray.space.table_shape import TableShape
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.sample import Sample
from tabvae_ray.table.declaration import (
    RulesDeclaration,
    SpecDeclaration,
    SpecSource,
    declaration_of,
)
from tabvae_ray.table.io import description_of
from tabvae_ray.table.reading.frames import Frame, Source, is_location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tabvae_ray.training.membership_levels import white_box_levels

__all__ = ["SPACE_FILE", "SearchInputs", "prepare_inputs"]

# In the search's directory, a space that was chosen for its table.
SPACE_FILE = "space.yaml"


@dataclass(frozen=True)
class SearchInputs:
    """Everything that a search can start from.

    Args:
        space: The search space, with the budgets that the user has given.
        directory: Where the search is kept.
        name: Its name.
        data: The file that the table was read from.
        table: The real rows that trials see.
        spec: What their columns are.
        comparison: The scores, prepared with the real rows.
        chosen: The space with the reasons for it, if it was chosen for the table.
        about_target: Whether the target adds objectives, and why; empty if the space has none.
        kept: The whole table if it comes from memory, so that the search writes it to ``data``.
        n_rows: Rows of the whole table, of which ``table`` may be a sample; those of ``table`` if
            None.
    """

    space: SearchSpace
    directory: Location
    name: str
    data: Location
    table: pd.DataFrame
    spec: TableSpec
    comparison: PreparedComparison
    chosen: AutoSpace | None = None
    about_target: str = ""
    kept: pd.DataFrame | None = None
    n_rows: int | None = None

    @property
    def sample(self) -> Sample:
        """The rows that trials see, as a part of the whole table."""
        return Sample(self.table, self.n_rows or len(self.table))

    def reference_levels(self) -> ReferenceLevels:
        """Compute what real rows score against themselves."""
        rows = self.space.base.validation.generation_n_records
        levels = reference_levels(self.comparison, n_synthetic=rows, seed=self.space.settings.seed)
        fraction, seed = self.space.base.validation.holdout_fraction, self.space.settings.seed
        training, held_out = split_rows(len(self.table), fraction, seed)
        if len(held_out):
            resample, fresh = white_box_levels(
                *(self.comparison.real.take(rows) for rows in (training, held_out))
            )
            levels.resample["membership"], levels.fresh["membership"] = resample, fresh
        return levels

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which trials report; the last is the budget."""
        return rungs_of(self.space)

    def replanned(self, epochs: int) -> "SearchInputs":
        """Return the same inputs with fewer epochs."""
        return replace(self, space=planned_space(self.space, epochs))

    def task(self, resources: Resources | None = None) -> SearchTask:
        """Return what all trials share; one CPU each if no resources are given.

        Raises:
            ConfigError: If the space asks for a GPU, and trials get none.
        """
        resources = resources or Resources()
        return SearchTask(
            space=self.space,
            table=self.table,
            spec=self.spec,
            comparison=self.comparison.for_scores(),
            rungs=self.rungs,
            directory=self.directory,
            threads=resources.threads,
            device=_device(self.space, resources),
        )

    def manifest(self, *, resources: dict[str, float]) -> SearchManifest:
        """Return the manifest of the search before its first trial."""
        return SearchManifest(
            name=self.name,
            space=self.space.to_mapping(),
            space_file=self.space.source,
            data=str(self.data),
            spec=self.spec.to_mapping(with_sources=False),
            table=description_of(self.sample),
            left_out=[name for name in self.table.columns if name not in self.spec.names],
            rungs=list(self.rungs),
            sampler=choose_sampler(self.space)[1],
            resources=resources,
        )


def prepare_inputs(
    *,
    space: SpaceSource | None = None,
    out: Source = "runs",
    name: str | None = None,
    data: Source | Frame | None = None,
    spec: SpecSource | None = None,
    target: str | None = None,
    resume: bool = False,
    settings: dict[str, Any] | None = None,
    slots: int = 1,
    gpu: bool = False,
) -> SearchInputs:
    """Read and check the inputs of a search.

    Args:
        space: Path or URI of the space file, the name of one that comes with the package, its
            content, or a space. ``auto`` chooses one for the table, or with ``resume`` takes that
            of the search; so does None, if the table or the search is named.
        out: Directory of searches, a path or URI.
        name: Name of the search; if not given, the space file's, or the table's with ``auto``.
        data: Path or URI of the table, or its rows, which are kept in the directory of the search;
            the space file's if not given, or the table that ships.
        spec: Path or URI of the table's spec, or its content; the space file's if not given.
        target: Column to predict; the spec's if not given.
        resume: Take what is not given from the search in the directory.
        settings: Settings that replace those of the space file, such as ``n_trials``.
        slots: Trials that run at once, by which ``auto`` plans its time.
        gpu: True if trials train on GPUs, likewise.

    Raises:
        ConfigError: If the space or an option breaks a rule.
        DataError: If the table cannot be modelled.
        StorageError: If something cannot be read.
    """
    _check_options(space, data, resume=resume, name=name, out=out, spec=spec, target=target)
    settings = settings or {}
    # Settings are checked before the table is read, which may take long.
    known = None if _is_auto(space) else read_space("" if space is None else space)
    if known is None:
        checked = {key: value for key, value in settings.items() if key != "select"}
        with_settings(load_space(str(named_space("small"))), checked)
    name = name or _name_from(space, data)
    check_search_name(name)
    directory = Location(out) / name
    earlier = _earlier(directory, needed=known is None) if resume else None
    # What is not given is taken from the search, unless a space says it.
    before = earlier if known is None else None
    if before is not None:
        known = before.search_space()
    if known is not None:
        known = with_settings(refuse_private(known), settings)
    if known is not None and earlier is not None:
        known = as_planned(known, earlier.plan)
    kept = directory / TABLE_FILE
    if is_location(data) or (data is None and not (resume and kept.exists())):
        where = _data(data, known, before)
    else:
        where = kept
    declared, known = declare_target(_declaration(spec, known, before), known, target)
    if earlier is not None and not earlier.spec.get("rules"):
        # A search of an earlier version has no rules, and stays so.
        declared = declared or SpecDeclaration()
        declared = declared.model_copy(update={"rules": RulesDeclaration(find=False)})
    limit, seed = sampling(known, settings)
    sample, kept_table = read_rows(data, where, declared, rows=limit, seed=seed)
    table = sample.rows
    source = str(where) if kept_table is None else "table"
    check_target(target, table, source)
    table_spec = TableSpec.infer(table, declared=declared, source=source)
    chosen = None
    if known is None:
        shape = TableShape.of(table, table_spec)
        chosen = auto_space(shape, slots=slots, gpu=gpu, settings=settings)
        known = with_settings(chosen.space, settings)
    # From here on the space goes into files and to other machines.
    known = without_credentials(known)
    training, held_out = split_rows(
        len(table), known.base.validation.holdout_fraction, known.settings.seed
    )
    known, about_target = space_for_target(
        known, table, table_spec, held_out, directory if resume else None
    )
    known = with_settings(known, {"select": settings.get("select")})
    if len(training) < 2:
        raise DataError(
            f"{source}: training needs at least 2 rows, but it has {len(table)}, "
            f"of which {len(held_out)} are held out"
        )
    comparison = _comparison(known, table, table_spec, held_out)
    # Fail now rather than in every trial.
    TabularVAE.build(table_spec, known.base, device="cpu").prepare(table)
    return SearchInputs(
        known,
        directory,
        name,
        where,
        table,
        table_spec,
        comparison,
        chosen,
        about_target,
        kept_table,
        sample.n_rows,
    )


def _check_options(
    space: SpaceSource | None, data: Source | Frame | None, *, resume: bool, **others: object
) -> None:
    for option, value in {"space": space, "data": data, **others}.items():
        if isinstance(value, str) and value == "":
            raise ConfigError(f"--{option}: must not be empty")
    if space is None and data is None and not (resume and others["name"]):
        raise ConfigError(
            "--space: must be given, or --resume and --name of a search in --out, or --data of a "
            "table to choose one for"
        )


def _is_auto(space: SpaceSource | None) -> bool:
    return (space is None or isinstance(space, str)) and is_auto(space)


def _name_from(space: SpaceSource | None, data: Source | Frame | None) -> str:
    """Return the name of a search: that of its space, or with ``auto`` that of its table."""
    if space is not None and not _is_auto(space):
        return space_name(space)
    if data is not None and not is_location(data):
        return "search"
    return name_of_data(Location(data or HEART))


def _earlier(directory: Location, *, needed: bool) -> SearchManifest | None:
    """Read the manifest of the search there; without one, return None unless it is needed."""
    if not needed and not (directory / "search.json").exists():
        return None
    return SearchManifest.read(directory)


def _comparison(
    space: SearchSpace, table: pd.DataFrame, spec: TableSpec, held_out: npt.NDArray[np.intp]
) -> PreparedComparison:
    """Prepare the scores that a space needs."""
    names = {"mean_js_distance", "correlation_distance", *space.objectives, *space.constraints}
    # A share of few rows may be none.
    lacking = check_held_out(names, len(held_out) > 0)
    if lacking:
        raise ConfigError("\n".join(lacking))
    scores = tuple(name for name in SCORES if name in names)
    plan = ComparisonPlan(scores=scores, options=space.comparison.for_trials())
    return plan.prepare(table, spec, held_out=held_out if len(held_out) else None)


def _device(space: SearchSpace, resources: Resources) -> str:
    """Return where trials train: on a GPU if they get one."""
    wanted = space.base.training.device
    if resources.gpus > 0:
        return "cuda"
    if wanted.startswith("cuda"):
        raise ConfigError(
            f"{space.source}: base.training.device is {wanted}, but trials get no GPU: "
            "give --gpus-per-trial"
        )
    return "cpu" if wanted == "auto" else wanted


def _data(
    data: Source | None, space: SearchSpace | None, before: SearchManifest | None
) -> Location:
    named = [data]
    if space is not None:
        named += [space.data, space.base.data.training_dataset_path]
    given = next((name for name in named if name is not None), None)
    if given is None and before is not None:
        given = before.data
    if given is not None:
        if before is not None and isinstance(given, str) and "***" in given:
            raise ConfigError(f"--data: must be given again, with credentials: {given}")
        return Location(given)
    return Location(HEART)


def _declaration(
    spec: SpecSource | None, space: SearchSpace | None, before: SearchManifest | None
) -> SpecDeclaration | None:
    given = space.spec if spec is None and space is not None else spec
    if given is not None:
        return declaration_of(given)
    if before is not None:
        return SpecDeclaration.from_mapping(before.spec)
    if space is None:
        return None
    columns = space.base.data
    if columns.continuous or columns.categorical:
        return SpecDeclaration(continuous=columns.continuous, categorical=columns.categorical)
    return None
