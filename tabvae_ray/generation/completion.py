"""The probability of given rows, and draws of the cells that rows lack.

For each row, latent vectors are drawn from the prior. Given codes weigh a draw by the probability
that the decoder gives them, other codes are drawn from its heads (importance sampling, also called
likelihood weighting). The mean weight estimates the probability of the given codes; a draw chosen
in proportion to its weight is a draw of the others given these. Where the given columns come first
in the decoder's order and do not depend on z, all weights are equal and the result is exact;
otherwise the effective sample size says how many draws carry the weight.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tabvae_ray.errors import DataError, brief, closest, warn
from tabvae_ray.generation.given_cells import known_cells, read_given
from tabvae_ray.generation.written_values import as_in_memory, as_written
from tabvae_ray.model.draw import Draw
from tabvae_ray.model.prior import Prior
from tabvae_ray.model.row_decoder import RowDecoder
from tabvae_ray.table.composed.columns import compose, template_of
from tabvae_ray.table.encoding import TableEncoder, column_codes
from tabvae_ray.table.formats.number_texts import text_of_levels
from tabvae_ray.table.reading.frames import Frame, Source, index_columns
from tabvae_ray.table.rules.column_views import Codes
from tabvae_ray.table.rules.given.keeper import GivenKeeper
from tabvae_ray.table.rules.given.placing import placed
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.object_types import OBJECT_TYPES, of_object_type

__all__ = ["Completion", "fill_cells", "log_prob"]

# Share of two names that must agree; 0.8 is one letter of five.
_MISSPELT = 0.8

# Draws that are decoded at once.
_BATCH = 16_384
# In place of a code: the cell is drawn.
_DRAWN = -1
# Generated rows beside the others, whose values may be taken to keep a rule.
_OTHERS = 2_000
# How often rows are drawn anew that break a rule.
_TURNS = 3


@dataclass(frozen=True)
class Completion:
    """A decoder and its prior, with the options of importance sampling.

    Args:
        encoder: Turns codes into values; fitted.
        decoder: Turns latent vectors into codes.
        prior: The distribution of latent vectors.
        draws: Latent vectors per row.
        seed: The same seed gives the same result, on the same kind of device.
    """

    encoder: TableEncoder
    decoder: RowDecoder
    prior: Prior
    draws: int
    seed: int

    @torch.inference_mode()
    def weighed(self, given: Tensor, *, no_gaps: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the codes ``(n, M, C)`` and log weights ``(n, M)`` of parts of the rows.

        Args:
            given: ``(N, C)`` codes, with -1 for cells to draw.
            no_gaps: Draw no missing values.
        """
        generator = torch.Generator(given.device).manual_seed(self.seed)
        for part in torch.split(given, max(1, _BATCH // self.draws)) if len(given) else ():
            z = self.prior.sample(len(part) * self.draws, generator)
            codes, weight = self._draw(z, part.repeat_interleave(self.draws, 0), generator, no_gaps)
            yield codes.view(len(part), self.draws, -1), weight.view(len(part), self.draws)

    def _draw(
        self, z: Tensor, given: Tensor, generator: torch.Generator, no_gaps: bool
    ) -> tuple[Tensor, Tensor]:
        decoder, draw = self.decoder, Draw(1.0, True, generator)
        features, codes = decoder.features(z), torch.empty_like(given)
        weight = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        order = decoder.order
        for column in range(given.shape[1]) if order is None else order:
            logits = decoder.column_logits(features, column)
            known = given[:, column] != _DRAWN
            chances = logits.log_softmax(1)
            of_given = chances.gather(1, given[:, column].clamp(min=0)[:, None])[:, 0]
            gap = self._missing_code(column)
            of_drawn = torch.zeros_like(of_given)
            if no_gaps and gap is not None:
                chances[:, gap] = -torch.inf
                of_drawn = chances.logsumexp(1)
            codes[:, column] = torch.where(known, given[:, column], draw(chances))
            weight += torch.where(known, of_given, of_drawn)
            if order is not None:
                decoder.add_column(features, column, codes[:, column])
        return codes, weight

    def _missing_code(self, column: int) -> int | None:
        name = self.encoder.columns[column]
        return self.encoder.coder(name).n_codes if self.encoder.spec[name].missing else None


def log_prob(completion: Completion, rows: Source | Frame) -> pd.Series:
    """Return the log probability of each row's codes, in nats; see the synthesizer's method."""
    table = read_given(rows, completion.encoder.spec)
    absent = [name for name in completion.encoder.columns if name not in table.columns]
    if absent:
        near = closest(absent[0], table.columns)
        raise DataError(f"column {absent[0]!r}: in the model, but not in the rows{near}")
    known = known_cells(table, completion.encoder.spec)
    given = _codes(completion, known, missing=True)
    found, sizes = [], []
    for _, weight in completion.weighed(given, no_gaps=False):
        found.append(weight.logsumexp(1) - math.log(completion.draws))
        sizes.append(_effective(weight))
    values = torch.cat(found).cpu().numpy() if found else np.empty(0)
    index = rows.index if isinstance(rows, pd.DataFrame) else None
    series = pd.Series(values, index=index, name="log_prob", dtype=np.float64)
    series.attrs = {"draws": completion.draws, **_sizes(sizes)}
    return series


def fill_cells(completion: Completion, rows: Source | Frame, *, impute: bool) -> pd.DataFrame:
    """Return rows with the cells drawn or computed that they lack; see the synthesizer's methods.

    Args:
        completion: The model and the options.
        rows: Some columns of the table.
        impute: Draw missing values, too, and return the columns of the rows.
    """
    table = read_given(rows, completion.encoder.spec)
    known_names = [name for name in table.columns if name in completion.encoder.spec.names]
    if len(table) and not known_names:
        names = list(map(str, table.columns))
        near = next(filter(None, (closest(n, completion.encoder.spec.names) for n in names)), "")
        raise DataError(f"the rows have no column of the model, but {brief(names)}{near}")
    _warn_of_misspelt(table, completion.encoder.spec.names)
    known = known_cells(table, completion.encoder.spec)
    given = _codes(completion, known, missing=not impute)
    rng = np.random.default_rng([completion.seed, 1])
    picked, sizes = _picked(completion, given, rng, impute=impute)
    if completion.encoder.keeper.rules and len(given):
        kept_rows = _beside_given(completion, known, given, picked, rng, impute=impute)
        made = completion.encoder.with_identifiers(kept_rows, 0, completion.seed)
    else:
        made = completion.encoder.decode(picked, rng, seed=completion.seed)
    drawn = as_in_memory(made, completion.encoder.spec)
    for name in known_names:
        own = table[name]
        if name in made and own.dtype == made[name].dtype:
            drawn[name] = made[name]
        may_lack = not impute and completion.encoder.spec[name].missing
        kept = known[name].notna() | may_lack
        if name not in drawn or kept.all():
            drawn[name] = own
        elif _is_text(text_of_levels(own)) and not _is_text(drawn[name]):
            # Rows of a CSV file as pandas reads them: dates and amounts are text in its format.
            written = as_written(made[[name]], completion.encoder.spec, as_text=True)[name]
            written = written.map(str, na_action="ignore")
            drawn[name] = _in_dtype(text_of_levels(own).where(kept, written), own.dtype)
        else:
            drawn[name] = _with_given(drawn[name], own, kept)
    _compose(drawn, known, completion.encoder.spec)
    extra = [name for name in table.columns if name not in drawn]
    filled = pd.concat([drawn, table[extra]], axis=1)
    filled = filled[list(table.columns)] if impute else filled
    for name, kind in table.attrs.get(OBJECT_TYPES, {}).items():
        # Given columns were read in plain types.
        filled[name] = of_object_type(filled[name], kind)
    if isinstance(rows, pd.DataFrame):
        filled = filled.set_axis(_index_of(rows, filled)).drop(columns=index_columns(rows))
    filled.attrs = {"draws": completion.draws, **_sizes(sizes)}
    return filled


def _index_of(rows: pd.DataFrame, filled: pd.DataFrame) -> pd.Index:
    """Return the index of given rows, with what was drawn in the gaps of its named levels."""
    index, columns = rows.index, index_columns(rows)
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    lacking = [i for i, name in enumerate(index.names) if name in columns and levels[i].hasnans]
    if not lacking:
        return index
    for i in lacking:
        levels[i] = pd.Index(filled[index.names[i]])
    return levels[0] if index.nlevels == 1 else pd.MultiIndex.from_arrays(levels)


def _with_given(made: pd.Series, given: pd.Series, kept: pd.Series) -> pd.Series:
    """Return made cells with given ones in the place of those that are kept."""
    return _in_dtype(given.astype(object).where(kept, made.astype(object)), made.dtype)


def _in_dtype(values: pd.Series, dtype: Any) -> pd.Series:
    """Return values in a dtype; a category dtype gets the categories that it lacks."""
    if isinstance(dtype, pd.CategoricalDtype):
        # Such as a given identifier, which is none of those that were made.
        more = [value for value in values.dropna().unique() if value not in dtype.categories]
        dtype = pd.CategoricalDtype([*dtype.categories, *more], dtype.ordered)
    return values.astype(dtype)


def _is_text(values: pd.Series) -> bool:
    return bool(pd.api.types.infer_dtype(values, skipna=True) == "string")


def _compose(drawn: pd.DataFrame, known: pd.DataFrame, spec: TableSpec) -> None:
    """Put columns together, in place, from what the other columns now have; given cells stay."""
    names = [column.name for column in spec.columns if template_of(column) is not None]
    if not names:
        return
    plain = known_cells(drawn, spec, say=False)
    made: dict[str, Any] = {str(name): plain[name] for name in plain}
    compose(made, spec.columns)
    for name in names:
        if name in known:
            drawn[name] = _with_given(made[name], drawn[name], known[name].notna())
        else:
            drawn[name] = made[name].astype(drawn[name].dtype)


def _picked(
    completion: Completion, given: Tensor, rng: np.random.Generator, *, impute: bool
) -> tuple[Codes, list[Tensor]]:
    """Choose a draw of each row by its weight; return its codes, and effective sample sizes."""
    chosen, sizes = [], []
    for codes, weight in completion.weighed(given, no_gaps=impute):
        share = (weight - weight.amax(1, keepdim=True)).exp().cumsum(1)
        level = torch.from_numpy(rng.random((len(share), 1))).to(share) * share[:, -1:]
        pick = torch.searchsorted(share, level, right=True)[:, 0].clamp(max=share.shape[1] - 1)
        chosen.append(codes[torch.arange(len(codes), device=codes.device), pick])
        sizes.append(_effective(weight))
    picked = torch.cat(chosen) if chosen else given
    return picked.cpu().numpy(), sizes


def _beside_given(
    completion: Completion,
    known: pd.DataFrame,
    given: Tensor,
    picked: Codes,
    rng: np.random.Generator,
    *,
    impute: bool,
) -> pd.DataFrame:
    """Return decoded rows that keep the rules beside given cells, which stand in them.

    Rows that still break a rule are drawn anew, and of these draws the one is taken that breaks the
    fewest.
    """
    encoder = completion.encoder
    keeper = GivenKeeper(encoder.keeper, encoder.spec.columns)
    none = torch.full((_OTHERS, given.shape[1]), _DRAWN, device=given.device)
    others = _picked(replace(completion, draws=1), none, rng, impute=impute)[0]
    held = (given != _DRAWN).cpu().numpy()

    def drawn(codes: Codes, places: Codes) -> tuple[pd.DataFrame, Codes]:
        rows = encoder.decode(np.concatenate([codes, others]), rng, first_row=None, raw=True)
        masks = {}
        for i, name in enumerate(encoder.columns):
            if held[places, i].any():
                cells, own = known[name].iloc[places], rows[name].iloc[: len(codes)]
                mine = placed(cells, own, held[places, i], encoder.spec[name])
                rest = rows[name].iloc[len(codes) :]
                rows[name] = pd.concat([mine, rest], ignore_index=True)
                masks[name] = np.append(held[places, i], np.zeros(len(others), dtype=bool))
        made = keeper.keep(rows, masks, rng)
        return made.iloc[: len(codes)], keeper.n_broken(made, masks)[: len(codes)]

    rows, n_broken = drawn(picked, np.arange(len(picked)))
    for turn in range(_TURNS):
        places = np.flatnonzero(n_broken)
        if len(places) == 0:
            break
        again = replace(completion, seed=completion.seed + turn + 1)
        codes, _ = _picked(again, given[torch.from_numpy(places)], rng, impute=impute)
        other, n_other = drawn(codes, places)
        better = n_other < n_broken[places]
        index = np.arange(len(rows))
        index[places[better]] = len(rows) + np.flatnonzero(better)
        rows = pd.concat([rows, other], ignore_index=True).iloc[index].reset_index(drop=True)
        n_broken[places[better]] = n_other[better]
    return rows


def _warn_of_misspelt(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Warn of columns that stay as they are although their name is nearly that of a drawn one."""
    drawn = [name for name in names if name not in table.columns]
    folded = {name.casefold().strip(): name for name in drawn}
    for name in map(str, table.columns):
        # A column that is really another one must not be taken for a misspelt name.
        known = get_close_matches(name.casefold().strip(), folded, 1, _MISSPELT)
        near = [] if name in names else [folded[each] for each in known]
        if near:
            warn(f"column {name!r} is not in the model; did you mean {near[0]}?")


def _codes(completion: Completion, table: pd.DataFrame, *, missing: bool) -> Tensor:
    """Return the codes ``(N, C)`` of given cells, and -1 for cells to draw.

    Args:
        completion: The model.
        table: Some of its columns.
        missing: Take a missing value as given, where the column has missing values.
    """
    encoder = completion.encoder
    codes = np.full((len(table), len(encoder.columns)), _DRAWN, dtype=np.int64)
    for i, name in enumerate(encoder.columns):
        if name not in table.columns:
            continue
        column, coder = encoder.spec[name], encoder.coder(name)
        known = table[name].notna().to_numpy()
        codes[known, i] = column_codes(table[name][known], column, coder)
        if missing and column.missing:
            codes[~known, i] = coder.n_codes
    return torch.from_numpy(codes).to(completion.decoder.head_bias.device)


def _effective(weight: Tensor) -> Tensor:
    """Return the effective sample size of each row's weights: ``(n, M) -> (n,)``."""
    return 1 / weight.softmax(1).square().sum(1)


def _sizes(parts: list[Tensor]) -> dict[Hashable, Any]:
    if not parts:
        return {}
    sizes = torch.cat(parts)
    return {
        "effective_sample_size": float(sizes.median()),
        "least_effective_sample_size": float(sizes.min()),
    }
