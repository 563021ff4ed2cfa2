"""The synthesizer: a fitted spec, encoder and decoder that make rows, and its export.

An export is a directory of plain weights and JSON; loading one runs no code from it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tabvae_ray import __version__
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError, DataError, ExportError
from tabvae_ray.generation.export import (
    FORMAT_VERSION,
    _why_no_export,
    check_rows,
    read_document,
    read_prior,
    read_tensors,
)
from tabvae_ray.generation.model_card import model_card
from tabvae_ray.generation.rejection import MAX_DRAWS, Rejection
from tabvae_ray.model.prior import GaussianMixturePrior, Prior
from tabvae_ray.model.row_decoder import RowDecoder, _check_temperature
from tabvae_ray.storage import Location, masked
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.training.trainer import resolve_device

__all__ = ["BLOCK_ROWS", "TabularVAESynthesizer", "load_synthesizer"]

BLOCK_ROWS = 65_536

# Beyond all blocks of rows: the draws that conditions learn their bound from.
_PILOT_BLOCK = 2**62


class _Drawing(TypedDict):
    """How codes are drawn, once the defaults are filled in."""

    temperature: float
    use_mean: bool
    sample: bool


class TabularVAESynthesizer:
    """Makes rows like those of the table that it was fitted to.

    Rows come in blocks of ``BLOCK_ROWS``. Block ``i`` depends on the seed and on ``i`` alone, so
    that blocks may be made in any order and on any number of machines. CPU and GPU draw different
    rows from the same seed.

    Args:
        encoder: Turns codes into values; fitted.
        decoder: Turns latent vectors into codes.
        prior: What latent vectors are drawn from.
        config: The configuration that the model was trained with; its ``generation`` section gives
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

    @property
    def spec(self) -> TableSpec:
        """What the columns are."""
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

        With ``where``, rows as the model makes them given what some columns are: a value for a
        column, a tuple of two ends (included; None for an open one) for a range of numbers or
        moments, a list of categories of which any will do, None for a missing value. They are
        drawn by rejection, so a rare condition takes many draws; ``attrs["draws"]`` of the result
        says how many it took.

        Example:
            >>> synthesizer.generate(100, where={"Sex": "F", "Age": (60, None)})

        Args:
            n_records: How many.
            seed: The same seed gives the same rows, on the same kind of device.
            temperature: Above 1 flattens the columns' distributions, below 1 sharpens them.
            use_mean: Decode the prior's mean in place of draws from it.
            sample: Draw codes from the heads; otherwise take the likeliest ones.
            compact: Leave categorical columns as pandas categoricals, which is cheaper than the
                table's own dtypes.
            where: Conditions that every row keeps, by column.
            max_draws: With ``where``, most draws for each block of ``BLOCK_ROWS`` rows.

        Raises:
            ConfigError: If a condition names no column or value, or no row could ever keep it.
            DataError: If ``n_records`` is negative, or a condition too rare.
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
        if len(blocks) == 1:
            return blocks[0]
        rows = pd.concat(blocks, ignore_index=True)
        if where is not None:
            rows.attrs["draws"] = sum(block.attrs["draws"] for block in blocks)
        return rows

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
        """Make rows block by block, in bounded memory; at least one block, empty for 0 rows.

        Args:
            n_records: How many rows, from the start of the first block on.
            seed: See :meth:`generate`.
            first_block: Number of the first block, for a worker that makes a part of the rows.
            temperature: See :meth:`generate`.
            use_mean: See :meth:`generate`.
            sample: See :meth:`generate`.
            compact: See :meth:`generate`.
            where: See :meth:`generate`.
            max_draws: See :meth:`generate`.
            on_draws: With ``where``, called with the rows kept and the draws made so far.

        Raises:
            ConfigError: As :meth:`generate` does.
            DataError: Likewise.
        """
        if n_records < 0:
            raise DataError(f"the number of rows must be >= 0, but got {n_records}")
        defaults = self.config.generation
        options = _Drawing(
            temperature=defaults.temperature if temperature is None else temperature,
            use_mean=defaults.use_mean if use_mean is None else use_mean,
            sample=defaults.sample if sample is None else sample,
        )
        rejection = None
        if where is not None:
            conditions = RowConditions.of(where, self.encoder)
            rejection = self._rejection(conditions, seed, max_draws, on_draws, **options)
        for start in range(0, max(n_records, 1), BLOCK_ROWS):
            rows = min(BLOCK_ROWS, n_records - start)
            block = first_block + start // BLOCK_ROWS
            generator, rng = self._generators(seed, block)
            first_row = block * BLOCK_ROWS
            if rejection is None:
                codes = self._codes(rows, generator, **options).cpu().numpy()
                yield self.encoder.decode(codes, rng, compact=compact, first_row=first_row)
            else:
                yield rejection.block(rows, generator, rng, compact=compact, first_row=first_row)

    def save(
        self,
        location: Location | str | PurePath,
        *,
        scores: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an export: weights, JSON, scores and a model card.

        Args:
            location: The directory to write, a path or URI. ``synthesizer.json`` is written last,
                and an older one removed first: a directory without it is no export.
            scores: What ``scores.json`` holds.
            provenance: Where the model comes from: search, trial, table, versions.
        """
        from safetensors.torch import save

        target = Location(location)
        (target / "synthesizer.json").remove()
        config = self.config.model_dump(mode="json")
        if config["data"]["training_dataset_path"] is not None:
            # An export is handed on.
            path = config["data"]["training_dataset_path"]
            config["data"]["training_dataset_path"] = masked(path)
        tensors = {**self.decoder.tensors(), **self.prior.tensors()}
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        document = {
            "format": "tabvae_ray synthesizer",
            "format_version": FORMAT_VERSION,
            "tabvae_ray": __version__,
            "spec": self.spec.to_mapping(),
            "encoder": self.encoder.to_mapping(),
            "rules": self.encoder.keeper.to_mapping(),
            "decoder": self.decoder.structure(),
            "prior": "gmm" if isinstance(self.prior, GaussianMixturePrior) else "standard_normal",
            "config": config,
            "provenance": dict(provenance or {}),
        }
        (target / "model.safetensors").write_bytes(save(tensors))
        (target / "scores.json").write_text(json.dumps(dict(scores or {}), indent=2) + "\n")
        (target / "README.md").write_text(model_card(self.spec, scores or {}, provenance or {}))
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        (target / "synthesizer.json").write_text(text + "\n")

    def _codes(
        self,
        n: int,
        generator: torch.Generator,
        *,
        temperature: float,
        use_mean: bool,
        sample: bool,
    ) -> Tensor:
        _check_temperature(temperature)
        z = self._latent(n, generator, use_mean)
        return self.decoder.decode(z, temperature=temperature, sample=sample, generator=generator)

    def _rejection(
        self,
        conditions: RowConditions,
        seed: int,
        max_draws: int,
        on_draws: Callable[[int, int], None] | None,
        *,
        temperature: float,
        use_mean: bool,
        sample: bool,
    ) -> Rejection:
        _check_temperature(temperature)
        if max_draws < 1:
            raise ConfigError(f"max_draws must be >= 1, but got {max_draws}")
        rejection = Rejection(
            conditions,
            self.decoder,
            lambda n, generator: self._latent(n, generator, use_mean),
            temperature,
            sample,
            max_draws,
            on_draws,
        )
        rejection.learn_bound(self._generators(seed, _PILOT_BLOCK)[0])
        return rejection

    def _latent(self, n: int, generator: torch.Generator, use_mean: bool) -> Tensor:
        prior = self.prior
        return prior.mean(n, self.device) if use_mean else prior.sample(n, generator)

    def _generators(self, seed: int, block: int) -> tuple[torch.Generator, np.random.Generator]:
        if seed < 0:
            raise ConfigError(f"the seed must be >= 0, but got {seed}")
        torch_seed, numpy_seed = np.random.SeedSequence([seed, block]).generate_state(2, np.uint64)
        # torch takes signed 64-bit seeds.
        generator = torch.Generator(self.device).manual_seed(int(torch_seed >> np.uint64(1)))
        return generator, np.random.default_rng(int(numpy_seed))


def load_synthesizer(
    location: Location | str | PurePath, device: torch.device | str = "cpu"
) -> TabularVAESynthesizer:
    """Load an export.

    Args:
        location: The directory, a path or URI.
        device: Where to generate: ``cpu``, ``cuda``, or ``auto``.

    Raises:
        ExportError: If it is not an export, was written by a newer format version, or does not
            hold together.
        StorageError: If it cannot be read.
    """
    source = Location(location)
    if not (source / "synthesizer.json").exists():
        raise ExportError(f"{source}: {_why_no_export(source)}")
    document = read_document(source / "synthesizer.json")
    version = document.get("format_version")
    # True is an int.
    if document.get("format") != "tabvae_ray synthesizer" or type(version) is not int:
        raise ExportError(f"{source}: synthesizer.json is not that of a tabvae_ray export")
    if version < 1:
        raise ExportError(f"{source}: format_version must be >= 1, but got {version}")
    if version > FORMAT_VERSION:
        raise ExportError(
            f"{source}: format_version is {version}, but this tabvae_ray {__version__} reads up to "
            f"{FORMAT_VERSION}: install a newer tabvae_ray"
        )
    missing = {"spec", "encoder", "decoder", "prior", "config"} - document.keys()
    if missing:
        raise ExportError(f"{source}: synthesizer.json has no {', '.join(sorted(missing))}")
    tensors = read_tensors(source / "model.safetensors")
    try:
        spec = TableSpec.from_mapping(document["spec"], source=f"{source}: spec")
        encoder = TableEncoder.from_mapping(document["encoder"], spec, document.get("rules"))
        config = TabularVAEConfig.from_mapping(document["config"], source=f"{source}: config")
        _check_temperature(config.generation.temperature)
        decoder = RowDecoder.from_parts(document["decoder"], encoder.cardinalities, tensors)
        if decoder.latent_dim != config.architecture.latent_dim:
            raise ExportError(
                f"{source}: the decoder has {decoder.latent_dim} latent dimensions, but the "
                f"configuration {config.architecture.latent_dim}"
            )
        prior = read_prior(document["prior"], decoder.latent_dim, tensors)
        strange = tensors.keys() - decoder.tensors().keys() - prior.tensors().keys()
        if strange:
            raise ExportError(f"{source}: model.safetensors has {min(strange)!r}, which is no part")
        check_rows(encoder, decoder, prior)
    except (ConfigError, DataError, ExportError) as error:
        raise ExportError(str(error)) from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ExportError(f"{source}: does not hold together: {error!r}"[:500]) from None
    return TabularVAESynthesizer(encoder, decoder, prior, config, device)
