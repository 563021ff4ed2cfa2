"""The synthesizer: a fitted encoder, decoder and prior that make rows."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tabvae_ray.callable_module.arguments import flag, seed_number, whole_number
from tabvae_ray.config import GenerationConfig, TabularVAEConfig
from tabvae_ray.errors import DataError
from tabvae_ray.generation.completion import Completion, fill_cells, log_prob
from tabvae_ray.generation.export import ExportedModel, read_export, write_export
from tabvae_ray.generation.rejection import MAX_DRAWS, Rejection
from tabvae_ray.generation.written_values import as_in_memory
from tabvae_ray.model.devices import resolve_device
from tabvae_ray.model.draw import check_temperature
from tabvae_ray.model.prior import Prior
from tabvae_ray.model.row_decoder import RowDecoder
from tabvae_ray.storage import Location
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.reading.frames import Frame, Source
from tabvae_ray.table.spec import TableSpec

__all__ = ["BLOCK_ROWS", "TabularVAESynthesizer", "load_synthesizer"]

BLOCK_ROWS = 65_536

# No block of rows has this number; its draws are those that conditions learn their bound from.
_PILOT_BLOCK = 2**62


class _Drawing(NamedTuple):
    """Options of drawing codes."""

    temperature: float
    use_mean: bool
    sample: bool


class TabularVAESynthesizer:
    """Makes rows like those of the table that it was fitted to.

    Rows come in blocks of ``BLOCK_ROWS``. Block ``i`` depends only on the seed and on ``i``, so
    blocks may be made in any order and on any number of machines. CPU and GPU draw different rows
    from the same seed.

    Args:
        encoder: Turns codes into values; fitted.
        decoder: Turns latent vectors into codes.
        prior: The distribution of latent vectors.
        config: The configuration that the model was trained with; its ``generation`` section has
            the defaults of :meth:`generate`.
        device: Where to generate.
    """

    def __init__(
        self,
        encoder: TableEncoder,
        decoder: RowDecoder,
        prior: Prior,
        config: TabularVAEConfig,
        device: torch.device | str = "cpu",
    ) -> None:
        self.encoder, self.prior, self.config = encoder, prior, config
        self.device = resolve_device(device)
        self.decoder = decoder.to(self.device)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec!r}, device={str(self.device)!r})"

    @property
    def spec(self) -> TableSpec:
        """The spec of the columns."""
        return self.encoder.spec

    def generate(
        self,
        n_records: int,
        *,
        seed: int = 0,
        temperature: float | None = None,
        use_mean: bool | None = None,
        sample: bool | None = None,
        compact: bool = False,
        where: Mapping[str, Any] | None = None,
        max_draws: int = MAX_DRAWS,
    ) -> pd.DataFrame:
        """Make rows.

        With ``where``, rows are drawn from the model's distribution given conditions on some
        columns. A condition is a value; a tuple of two ends (included; None for an open end) for a
        range of numbers or datetimes; a list of categories of which one must match; or None for a
        missing value. Such rows are drawn by rejection, so a rare condition takes many draws;
        ``attrs["draws"]`` of the result has their number.

        Example:
            >>> synthesizer.generate(100, where={"Sex": "F", "Age": (60, None)})

        Args:
            n_records: Number of rows.
            seed: The same seed gives the same rows, on the same kind of device.
            temperature: Above 1 flattens the columns' distributions, below 1 sharpens them.
            use_mean: Decode the prior's mean instead of draws from it.
            sample: Draw codes from the heads; otherwise take the likeliest codes.
            compact: Keep categorical columns as pandas categoricals, and dates and numbers that
                the table has as text as what they are, which is faster than the table's own dtypes.
            where: Conditions on the rows, by column.
            max_draws: With ``where``, the limit of draws for each block of ``BLOCK_ROWS`` rows.

        Raises:
            ConfigError: If a condition names an unknown column or value, or no row can satisfy it.
            DataError: If ``n_records`` is negative, or a condition is too rare.
        """
        blocks = list(
            self.generate_blocks(
                n_records,
                seed=seed,
                temperature=temperature,
                use_mean=use_mean,
                sample=sample,
                compact=compact,
                where=where,
                max_draws=max_draws,
            )
        )
        rows = blocks[0] if len(blocks) == 1 else pd.concat(blocks, ignore_index=True)
        if where is not None:
            rows.attrs["draws"] = sum(block.attrs["draws"] for block in blocks)
        return rows if compact else as_in_memory(rows, self.spec)

    def generate_blocks(
        self,
        n_records: int,
        *,
        seed: int = 0,
        first_block: int = 0,
        temperature: float | None = None,
        use_mean: bool | None = None,
        sample: bool | None = None,
        compact: bool = False,
        where: Mapping[str, Any] | None = None,
        max_draws: int = MAX_DRAWS,
        on_draws: Callable[[int, int], None] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Make rows block by block, in bounded memory; 0 rows are one empty block.

        Args:
            n_records: Number of rows, from the start of the first block on.
            seed: See :meth:`generate`.
            first_block: Index of the first block, for a worker that makes a part of the rows.
            temperature: See :meth:`generate`.
            use_mean: See :meth:`generate`.
            sample: See :meth:`generate`.
            compact: See :meth:`generate`.
            where: See :meth:`generate`.
            max_draws: See :meth:`generate`.
            on_draws: With ``where``, called with the rows accepted and the draws made so far.

        Raises:
            ConfigError: See :meth:`generate`.
            DataError: See :meth:`generate`.
        """
        n_records = whole_number("the number of rows", n_records, least=0, error=DataError)
        seed = seed_number(seed)
        compact = flag("compact", compact)
        drawing = _drawing(self.config.generation, temperature, use_mean, sample)
        self.encoder.check_identifiers(first_block * BLOCK_ROWS + n_records, seed)
        rejection = None
        if where is not None:
            conditions = RowConditions.of(where, self.encoder)
            rejection = self._rejection(conditions, seed, max_draws, on_draws, drawing)
        for start in range(0, max(n_records, 1), BLOCK_ROWS):
            rows = min(BLOCK_ROWS, n_records - start)
            block = first_block + start // BLOCK_ROWS
            generator, rng = _generators(self.device, seed, block)
            first_row = block * BLOCK_ROWS
            if rejection is None:
                z = self._latent(rows, generator, drawing.use_mean)
                codes = self.decoder.decode(
                    z,
                    temperature=drawing.temperature,
                    sample=drawing.sample,
                    generator=generator,
                )
                yield self.encoder.decode(
                    codes.cpu().numpy(), rng, compact=compact, first_row=first_row, seed=seed
                )
            else:
                yield rejection.block(
                    rows, generator, rng, compact=compact, first_row=first_row, seed=seed
                )

    def log_prob(self, rows: Source | Frame, *, draws: int = 256, seed: int = 0) -> pd.Series:
        """Estimate the log probability of rows, in nats, such as to find outliers.

        It is that of a row's codes, as in ``holdout_nats`` with the opposite sign: places inside
        bins do not count. The mean over draws of the prior is a lower bound in expectation, which
        more draws make tighter; it is exact where the decoder ignores z. ``attrs`` of the result
        have ``draws`` and the median and least ``effective_sample_size``.

        Args:
            rows: Rows with all columns of the model. A number beyond the range of its column counts
                as the end of the range.
            draws: Latent vectors per row.
            seed: The same seed gives the same estimate.

        Raises:
            ConfigError: If there are no draws, or torch cannot take the seed.
            DataError: If a column is absent, or a value is none of the table's.
        """
        return log_prob(_completion(self, draws, seed), rows)

    def complete(self, rows: Source | Frame, *, draws: int = 256, seed: int = 0) -> pd.DataFrame:
        """Draw the columns that rows lack, given those that they have.

        A missing value is given like any other where the column has missing values, and drawn
        where it has none. ``attrs`` have ``draws`` and the median and least
        ``effective_sample_size``: if it is small, ask for more draws.

        Rows keep the rules of the spec beside given cells, which stay: results are computed from
        what stands in the row, and inputs found for given results. Where several rules meet, a row
        may be left that breaks one; given cells may contradict each other.

        Args:
            rows: Rows with some columns of the model; other columns are kept.
            draws: Latent vectors per row.
            seed: The same seed gives the same rows.

        Raises:
            ConfigError: If there are no draws, or torch cannot take the seed.
            DataError: If no column is one of the model's, or a value is none of the table's.
        """
        return fill_cells(_completion(self, draws, seed), rows, impute=False)

    def impute(self, rows: Source | Frame, *, draws: int = 256, seed: int = 0) -> pd.DataFrame:
        """Fill missing cells by draws given the other cells of their rows; see :meth:`complete`.

        Args:
            rows: Rows with some columns of the model, returned without gaps but those of rules.
            draws: Latent vectors per row.
            seed: The same seed gives the same rows.

        Raises:
            ConfigError: If there are no draws, or torch cannot take the seed.
            DataError: If no column is one of the model's, or a value is none of the table's.
        """
        return fill_cells(_completion(self, draws, seed), rows, impute=True)

    def save(
        self,
        location: Location | str | PurePath,
        *,
        scores: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an export: weights, JSON, scores and a model card.

        Args:
            location: The directory to write, a path or URI. An export that is there is replaced so
                that at every moment the old or the new one can be loaded.
            scores: The content of ``scores.json``.
            provenance: The origin of the model: search, trial, table, versions.

        Raises:
            ConfigError: If scores or provenance are no mapping, or cannot be written as JSON.
            ExportError: If the directory holds no export, but a file of the name of one of its
                files.
            StorageError: If a file cannot be written.
        """
        model = ExportedModel(self.encoder, self.decoder, self.prior, self.config)
        write_export(model, Location(location), scores or {}, provenance or {})

    def _rejection(
        self,
        conditions: RowConditions,
        seed: int,
        max_draws: int,
        on_draws: Callable[[int, int], None] | None,
        drawing: _Drawing,
    ) -> Rejection:
        rejection = Rejection(
            conditions,
            self.decoder,
            lambda n, generator: self._latent(n, generator, drawing.use_mean),
            drawing.temperature,
            drawing.sample,
            whole_number("max_draws", max_draws, least=1),
            on_draws,
        )
        rejection.learn_bound(_generators(self.device, seed, _PILOT_BLOCK)[0])
        return rejection

    def _latent(self, n: int, generator: torch.Generator, use_mean: bool) -> Tensor:
        prior = self.prior
        return prior.mean(n, self.device) if use_mean else prior.sample(n, generator)


def _completion(model: TabularVAESynthesizer, draws: int, seed: int) -> Completion:
    n_draws = whole_number("draws", draws, least=1)
    return Completion(model.encoder, model.decoder, model.prior, n_draws, seed_number(seed))


def _drawing(
    defaults: GenerationConfig,
    temperature: float | None,
    use_mean: bool | None,
    sample: bool | None,
) -> _Drawing:
    temperature = defaults.temperature if temperature is None else temperature
    check_temperature(temperature)
    return _Drawing(
        temperature,
        defaults.use_mean if use_mean is None else flag("use_mean", use_mean),
        defaults.sample if sample is None else flag("sample", sample),
    )


def _generators(
    device: torch.device, seed: int, block: int
) -> tuple[torch.Generator, np.random.Generator]:
    torch_seed, numpy_seed = np.random.SeedSequence([seed, block]).generate_state(2, np.uint64)
    # torch takes signed 64-bit seeds.
    generator = torch.Generator(device).manual_seed(int(torch_seed >> np.uint64(1)))
    return generator, np.random.default_rng(int(numpy_seed))


def load_synthesizer(
    location: Location | str | PurePath, device: torch.device | str = "cpu"
) -> TabularVAESynthesizer:
    """Load an export.

    Args:
        location: The directory, a path or URI.
        device: Where to generate: ``cpu``, ``cuda``, or ``auto``.

    Raises:
        ConfigError: If there is no such device.
        ExportError: If it is not an export, was written by a newer format version, or its parts
            are damaged or do not fit each other.
        StorageError: If it cannot be read.
    """
    model = read_export(Location(location))
    return TabularVAESynthesizer(model.encoder, model.decoder, model.prior, model.config, device)
