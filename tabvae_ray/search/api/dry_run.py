"""A description of what a search would do, from Python."""

import io
from html import escape

from tabvae_ray.callable_module.python_words import in_python_words, python_words
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.comparison.html import html_table
from tabvae_ray.search.api.arguments import check_arguments
from tabvae_ray.search.api.perform import Prepared, of_prepare, prepare
from tabvae_ray.search.display.dry_run import dry_run_document, print_dry_run, space_text
from tabvae_ray.search.sources import SpaceSource, SpecSource
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.table.reading.frames import Frame, Source
from tabvae_ray.table.spec import TableSpec

__all__ = ["DryRun", "dry_run"]

_WIDTH = 100


class DryRun:
    """A description of a search that has not started: its table, space, rungs and costs.

    A notebook shows it as a page, ``print`` as the text of ``tabvae search --dry-run``.

    Args:
        prepared: The search.
        resume: True if an earlier search is continued.

    Attributes:
        document: Everything as values for JSON; ``document["estimate"]`` has seconds and bytes.
    """

    def __init__(self, prepared: Prepared, *, resume: bool = False) -> None:
        self._inputs = prepared.inputs
        parts = prepared.inputs, prepared.resources, prepared.slots
        self.document = dry_run_document(*parts, resume=resume)

    @property
    def space(self) -> SearchSpace:
        """The space that would be searched, to be passed on as ``space``."""
        return self._inputs.space

    @property
    def spec(self) -> TableSpec:
        """The columns as they are understood."""
        return self._inputs.spec

    @property
    def space_yaml(self) -> str:
        """The space as a file to edit; if it was chosen for the table, with the reasons."""
        return space_text(self._inputs)

    def __repr__(self) -> str:
        file = io.StringIO()
        console = Terminal(file=file, width=_WIDTH, force_jupyter=False, force_terminal=False)
        print_dry_run(console, self._inputs, self.document)
        return in_python_words(file.getvalue().rstrip())

    def _repr_html_(self) -> str:
        table, settings = self.document["table"], self.document["space"]["search"]
        estimate, resources = self.document["estimate"], self.document["resources"]
        minutes = estimate["seconds"] / 60
        facts = [
            ["table", f"{table['rows']:,} rows, {len(table['columns'])} columns"],
            ["directory", f"{self.document['directory']} (nothing is written there now)"],
            ["trials", f"{settings['n_trials']}, {resources['at_once']} at once"],
            ["rungs", f"{', '.join(map(str, self.document['rungs']))} epochs"],
            ["time", f"about {minutes:.1f} minutes (a rough estimate)"],
            ["memory", f"about {estimate['bytes'] / 2**30:.1f} GiB in all on one machine"],
        ]
        return (
            f"<p><b>A search that has not started</b></p>{html_table(['', ''], facts)}"
            f"<details><summary>All of it: columns, rules, space</summary>"
            f"<pre>{escape(repr(self))}</pre></details>"
        )


@python_words()
def dry_run(
    data: Source | Frame | None = None,
    *,
    space: SpaceSource | None = None,
    spec: SpecSource | None = None,
    target: str | None = None,
    out: Source = "runs",
    name: str | None = None,
    resume: bool = False,
    trials: int | None = None,
    time_budget: float | None = None,
    rows: int | None = None,
    seed: int | None = None,
    select: str | None = None,
    refit: bool | None = None,
    address: str | None = None,
    concurrency: int | None = None,
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float = 0.0,
) -> DryRun:
    """Describe what :func:`search` would do with these arguments; start and write nothing.

    Example:
        >>> plan = tabvae_ray.dry_run(table, time_budget=600)
        >>> result = tabvae_ray.search(table, space=plan.space, name="patients")

    Args:
        data: The table, as in :func:`search`, which describes the other arguments as well.
        space: The search space.
        spec: What the columns are.
        target: The column to predict.
        out: The directory that holds the searches.
        name: The name of the search.
        resume: Continue the search of that name.
        trials: Number of trials in all.
        time_budget: Seconds that the search may take.
        rows: Most rows that trials see.
        seed: Seed of all random draws.
        select: Rule that chooses the model of the front.
        refit: Whether to train the chosen model again on all rows.
        address: A Ray cluster.
        concurrency: Trials at once.
        cpus_per_trial: CPUs of each trial.
        gpus_per_trial: GPUs of each trial.

    Raises:
        ConfigError: If the search could not start: an argument or the space is wrong, or the name
            is taken.
        DataError: If the table cannot be modelled.
        StorageError: If something cannot be read.
    """
    given = check_arguments(locals())
    prepared = prepare(**of_prepare(given))
    return DryRun(prepared, resume=resume)
