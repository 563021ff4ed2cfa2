"""Find the input for which a result is the given one, between the ends of its column."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import Floats
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.formula import Formula
from tabvae_ray.table.rules.given.chains import Chains, ends_of
from tabvae_ray.table.rules.lookup import keys_of
from tabvae_ray.table.rules.scale import on_one_scale
from tabvae_ray.table.rules.values import (
    HeldRows,
    as_dtype,
    held_cells,
    plain_values,
    write_values,
)

__all__ = ["narrow", "narrow_beside_others"]

# Halvings of an interval.
_STEPS = 50
# So many times the range is looked at on each side of it.
_BEYOND = 1e4
# Other rows whose inputs are tried.
_TRIES = 12


def narrow(chains: Chains, part: HeldRows, rule: Formula, name: str) -> None:
    """Change one input until the result is the given one, as far as its range allows.

    The only input that is not given may lie beyond its range, as computed numbers may. The result
    must rise or fall with the input. False positions find the input of a straight line at once, and
    halvings any other.
    """
    column = chains.columns[name]
    own = plain_values(part[name], column)
    absent = own < 0 if column.kind == "categorical" else np.isnan(own)
    waiting = chains.broken(part, rule) & ~held_cells(part, name) & ~absent
    if not waiting.any():
        return
    decimals, least, most = ends_of(column)
    unit = (most - least) * 1e-12 if decimals is None else 10.0**-decimals
    now = own.copy()

    def gap(values: Floats) -> Floats:
        values = values if decimals is None else np.round(values, decimals)
        now[waiting] = values[waiting]
        _write(part, column, now)
        chains.forward(part, rule)
        view = chains.view(part, rule)
        return rule.expected(view) - numbers_of(view, rule.column)

    low, high = np.full(len(part), least), np.full(len(part), most)
    at_low, at_high = gap(low), gap(high)
    for ends, at, step in ((low, at_low, unit), (high, at_high, -unit)):
        # Such as a logarithm of 0.
        odd = ~np.isfinite(at)
        if odd.any():
            ends[odd] += step
            at[odd] = gap(ends)[odd]
    inside = at_low * at_high <= 0
    others = [held_cells(part, root) for root in chains.roots(rule) if root != name]
    wide = np.logical_and.reduce([waiting, ~inside, *others])
    if column.kind != "categorical" and wide.any():
        span = _BEYOND * (most - least)
        low, high = np.where(wide, least - span, low), np.where(wide, most + span, high)
        at_low, at_high = gap(low), gap(high)
        inside = at_low * at_high <= 0
    # The nearer end, from which another input may find the rest.
    gap(np.where(inside, own, np.where(np.abs(at_low) <= np.abs(at_high), low, high)))
    waiting &= inside
    for step in range(_STEPS):
        if not waiting.any():
            break
        share = at_low / (at_low - at_high) if step % 2 == 0 else np.full(len(part), 0.5)
        middle = low + (high - low) * np.nan_to_num(share, nan=0.5)
        at_middle = gap(middle)
        waiting &= chains.broken(part, rule)
        same = np.sign(at_middle) == np.sign(at_low)
        low, at_low = np.where(same, middle, low), np.where(same, at_middle, at_low)
        high, at_high = np.where(same, high, middle), np.where(same, at_high, at_middle)
        waiting &= high - low > 0.1 * unit


def _write(part: HeldRows, column: Column, numbers: Floats) -> None:
    """Put own numbers into a column, beyond its range perhaps."""
    _, least, most = ends_of(column)
    beyond = (numbers < least) | (numbers > most)
    write_values(part, column, np.where(beyond, least, numbers), compact=False)
    if beyond.any():
        made = as_dtype(on_one_scale(np.where(beyond, numbers, least), column), column, part)
        part[column.name] = part[column.name].where(~beyond, made)


def narrow_beside_others(
    chains: Chains,
    rows: HeldRows,
    part: HeldRows,
    rule: Formula,
    names: Sequence[str],
    rng: np.random.Generator,
) -> None:
    """Try other values of the inputs of fewer values, such as quantities that divide a price.

    They are those of rows with nearly the same result. The input of most values follows from them.
    """
    first, *others = names
    column = chains.columns[rule.column]
    results = keys_of(rows[rule.column], column)
    order = np.argsort(results, kind="stable")
    wanted = np.searchsorted(results[order], keys_of(part[rule.column], column))
    for turn in range(_TRIES if others else 0):
        wrong = chains.broken(part, rule)
        if not wrong.any():
            return
        tried = HeldRows.of(
            pd.DataFrame(part)[wrong].reset_index(drop=True),
            {name: mask[wrong] for name, mask in part.held.items()},
        )
        near = wanted[wrong] + rng.integers(-(2**turn), 2**turn + 1, len(tried))
        places = order[np.clip(near, 0, len(rows) - 1)]
        for name in others:
            tried[name] = rows[name].iloc[places].reset_index(drop=True)
        chains.forward(tried, rule)
        narrow(chains, tried, rule, first)
        index = np.arange(len(part))
        found = ~chains.broken(tried, rule)
        index[np.flatnonzero(wrong)[found]] = len(part) + np.flatnonzero(found)
        for name in names:
            both = pd.concat([part[name], tried[name]], ignore_index=True)
            part[name] = both.iloc[index].reset_index(drop=True)
        chains.forward(part, rule)
