"""Take inputs from rows that have the given result, or look them up."""

from collections.abc import Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import Mask
from tabvae_ray.table.rules.given.chains import Chains
from tabvae_ray.table.rules.lookup import MISSING, keys_of
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Order, Rule
from tabvae_ray.table.rules.values import HeldRows, held_cells, plain_values, write_values

__all__ = ["borrow", "look_back"]

# Other rows whose inputs are tried, and in how many of these tries other rules must hold, too.
_TRIES, _STRICT = 24, 18


def borrow(
    chains: Chains,
    rows: HeldRows,
    part: HeldRows,
    rule: Rule,
    names: Sequence[str],
    sound: Mask,
    rng: np.random.Generator,
) -> None:
    """Take inputs from other rows that have the same result, or the nearest one."""
    wrong = chains.broken(part, rule)
    free = [name for name in names if not held_cells(part, name)[wrong].all()]
    sound = sound & ~chains.broken(rows, rule)
    if not isinstance(rule, MissingTogether):
        # A missing value breaks few rules, but gives no result either.
        sound &= rows[free].notna().all(axis=1).to_numpy()
    pool = np.flatnonzero(sound)
    if not wrong.any() or len(pool) == 0 or not free:
        return
    column = chains.columns[rule.column]
    keys = keys_of(rows[rule.column], column)[pool]
    order = np.argsort(keys, kind="stable")
    pool, keys = pool[order], keys[order]
    wanted = keys_of(part[rule.column], column)
    first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
    beside = [
        other
        for other in chains.keeper.rules
        if other is not rule
        and other.exceptions == 0
        and {*other.given, other.column} & set(free)
        and (isinstance(other, Order) or held_cells(part, other.column).any())
    ]
    own = {name: part[name] for name in free}
    sources = {name: rows[name].iloc[pool] for name in free}
    for turn in range(_TRIES):
        near = first + rng.integers(-turn - 1, turn + 2, len(part))
        at_random = isinstance(rule, Order) and turn % 2 == 1
        if at_random:
            # Rows with the same smaller end may all have too small a larger one.
            near = rng.integers(0, len(pool), len(part))
        same = first + np.floor(rng.random(len(part)) * (last - first)).astype(np.int64)
        places = np.clip(np.where((last > first) & (not at_random), same, near), 0, len(pool) - 1)
        for name in free:
            taken = sources[name].take(places).reset_index(drop=True)
            part[name] = part[name].where(~wrong, taken)
        chains.forward(part, rule)
        fails = chains.broken(part, rule)
        for other in beside if turn < _STRICT else ():
            counts = isinstance(other, Order) | held_cells(part, other.column)
            fails |= chains.broken(part, other) & counts
        wrong = wrong & fails
        if not wrong.any():
            return
    for name in free:
        part[name] = part[name].where(~wrong, own[name])
    chains.forward(part, rule)


def look_back(chains: Chains, part: HeldRows, rule: Dependence, rng: np.random.Generator) -> None:
    """Draw keys that give a value, by their frequency."""
    lookup = chains.keeper.lookups[rule.column]
    wanted = keys_of(part[rule.column], lookup.column)
    values = np.where(np.isnan(lookup.values), MISSING, lookup.values)
    if lookup.column.kind == "categorical":
        values = np.where(values < 0, MISSING, values)
    own = [keys_of(part[on.name], on) for on in lookup.on]
    held = [held_cells(part, on.name) for on in lookup.on]
    for pattern in {tuple(cells) for cells in np.stack(held, axis=1).tolist()}:
        if all(pattern):
            continue
        of = np.logical_and.reduce([h == p for h, p in zip(held, pattern, strict=True)])
        fixed = [i for i, is_held in enumerate(pattern) if is_held]
        asked = np.column_stack([wanted[of], *(own[i][of] for i in fixed)])
        known = np.column_stack([values, *(lookup.keys[:, i] for i in fixed)])
        _, codes = np.unique(np.concatenate([known, asked]), axis=0, return_inverse=True)
        codes = codes.reshape(-1)
        of_known, of_asked = codes[: len(known)], codes[len(known) :]
        order = np.argsort(of_known, kind="stable")
        first = np.searchsorted(of_known[order], of_asked)
        last = np.searchsorted(of_known[order], of_asked, side="right")
        mass = np.append(0, np.cumsum(lookup.counts[order]))
        level = mass[first] + rng.random(len(of_asked)) * (mass[last] - mass[first])
        drawn = np.searchsorted(mass[1:], level, side="right")
        drawn = order[np.clip(drawn, first, np.maximum(last - 1, 0))]
        for i, on in enumerate(lookup.on):
            if not pattern[i]:
                now = plain_values(part[on.name], on)
                made = lookup.keys[drawn, i]
                absent = -1.0 if on.kind == "categorical" else np.nan
                made = np.where(made == MISSING, absent, made)
                now[of] = np.where(last > first, made, now[of])
                write_values(part, on, now, compact=False)
