"""The column to predict: what a user names, and the objectives that it adds to a search."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.errors import DataError, closest
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

__all__ = ["check_target", "declare_target", "space_for_target"]

# A model that tells more categories apart takes too long for a trial.
_MOST_CATEGORIES = 50


def declare_target(
    declared: SpecDeclaration | None, space: SearchSpace | None, target: str | None
) -> tuple[SpecDeclaration | None, SearchSpace | None]:
    """Return the declaration and the space with the target of ``--target`` in place of their own.

    Args:
        declared: What is declared of the columns.
        space: The space; None if it is chosen for the table.
        target: The column; None leaves both as they are.

    Raises:
        DataError: If the spec drops the column.
    """
    if target is None:
        return declared, space
    declared = declared or SpecDeclaration()
    if target in declared.drop:
        raise DataError(f"--target: column {target!r} is dropped by the spec")
    if space is not None and space.comparison.target is not None:
        # That of a space would win over that of the spec.
        options = space.comparison.model_copy(update={"target": target})
        space = replace(space, comparison=options)
    return declared.model_copy(update={"target": target}), space


def check_target(target: str | None, table: pd.DataFrame, source: str) -> None:
    """Check that the column of ``--target`` is there.

    Raises:
        DataError: With the nearest name, if it is not.
    """
    if target is not None and target not in table.columns:
        near = closest(target, map(str, table.columns))
        raise DataError(f"{source}: --target: there is no column {target!r}{near}")


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
        f"{names}: an objective as well, because the target is {target!r}",
    )


def _reason_against(
    target: str | None, table: pd.DataFrame, spec: TableSpec, held_out: npt.NDArray[np.intp]
) -> str:
    """Return why usefulness cannot be measured in trials; empty if it can be."""
    if target is None:
        return "no target is named (give the column to predict by --target)"
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
