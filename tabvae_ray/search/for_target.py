"""Decide whether a search has the objectives that its space adds where the spec names a target."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec

__all__ = ["space_for_target"]

# A model that tells more categories apart takes too long for a trial.
_MOST_CATEGORIES = 50


def space_for_target(
    space: SearchSpace,
    table: pd.DataFrame,
    spec: TableSpec,
    held_out: npt.NDArray[np.intp],
    directory: Location | None,
) -> tuple[SearchSpace, str]:
    """Return the space with all its objectives, and a sentence about them.

    Args:
        space: The space of the user.
        table: The real rows.
        spec: Their spec.
        held_out: Positions of the held-out rows.
        directory: Directory of the search if it resumes, whose objectives stay as they are.
    """
    extra = space.with_target
    if extra is None:
        return space, ""
    names = ", ".join(extra.objectives)
    reason = _reason_against(space.comparison.target or spec.target, table, spec, held_out)
    if directory is not None and (directory / "search.json").exists():
        began_with = SearchManifest.read(directory).space["objectives"]
        if not set(extra.objectives) <= set(began_with):
            reason = reason or "the search began without it"
    if reason:
        return space.for_target(has_target=False), f"{names}: not an objective, because {reason}"
    target = space.comparison.target or spec.target
    return (
        space.for_target(has_target=True),
        f"{names}: an objective as well, because the spec names the target {target!r}",
    )


def _reason_against(
    target: str | None, table: pd.DataFrame, spec: TableSpec, held_out: npt.NDArray[np.intp]
) -> str:
    """Return why usefulness cannot be measured in trials; empty if it can be."""
    if target is None:
        return "the spec names no target (give a --spec with `target: COLUMN`)"
    if target not in spec.names:
        # Preparing the comparison says what is wrong.
        return ""
    tested = table[target].iloc[held_out] if len(held_out) else table[target]
    if tested.nunique() < 2:
        return f"the target {target!r} does not vary in the {len(tested):,} held-out rows"
    n_categories = len(spec[target].categories)
    if n_categories > _MOST_CATEGORIES:
        return (
            f"the target {target!r} has {n_categories:,} categories, more than {_MOST_CATEGORIES}, "
            "so that measuring it takes too long"
        )
    return ""
