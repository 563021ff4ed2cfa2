"""The training of one model from files: inputs, scores on held-out rows, export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from tabvae_ray._version import model_versions
from tabvae_ray.command_line.lines import counted
from tabvae_ray.commands.early_checks import read_config
from tabvae_ray.comparison.options import ScoreName
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.scores.disclosure.attacks import disclosure_attacks
from tabvae_ray.comparison.scores.disclosure.verdicts import disclosure_document
from tabvae_ray.comparison.scores.membership.verdicts import membership_verdict
from tabvae_ray.documents import finite
from tabvae_ray.errors import ConfigError
from tabvae_ray.generation.private_card import guarantee_in_words
from tabvae_ray.space.auto import auto_space
from tabvae_ray.space.table_shape import TableShape
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.sample import Sample
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import description_of, read_sample
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tabvae_ray.training.membership import white_box_attacks

__all__ = ["SingleTraining", "score_lines"]

_SCORES: tuple[ScoreName, ...] = (
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
)
# Scores of fewer held-out rows are chance.
_FEWEST_HELD_OUT = 20
_MOST_ROWS = 50_000
_MOST_ATTACKED = 10_000


@dataclass(frozen=True)
class SingleTraining:
    """One model with its table, before or after the training.

    Args:
        vae: The model, prepared with the table.
        sample: The real rows, or a sample of them.
        source: Where they were read from.
        config_source: Where the configuration comes from.
    """

    vae: TabularVAE
    sample: Sample
    source: Location
    config_source: str

    @classmethod
    def prepare(
        cls,
        data: str,
        *,
        rows: int | None = None,
        spec: str | None = None,
        config: str | None = None,
        leaves: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Read and check the inputs, and build the model.

        Args:
            data: Path or URI of the table.
            rows: The most rows to read: of more, a sample. All rows if None.
            spec: Path or URI of its spec; inferred if None.
            config: Path or URI of the configuration, YAML or JSON; if None, the first point of the
                space ``auto`` for this table.
            leaves: Values that replace those of the configuration, by dotted name.
            seed: Seed of the split, of the initialisation and of the training.

        Raises:
            ConfigError: If the configuration breaks a rule.
            DataError: If the table cannot be modelled.
            StorageError: If a file cannot be read.
        """
        known = None if config is None else read_config(config)
        declared = None if spec is None else SpecDeclaration.load(spec)
        if declared is None and known is not None:
            named = known.data
            if named.continuous or named.categorical:
                declared = SpecDeclaration(
                    continuous=named.continuous, categorical=named.categorical
                )
        source = Location(data)
        sample = read_sample(source, declared, rows=rows, seed=seed)
        table = sample.rows
        found = TableSpec.infer(table, declared=declared, source=str(source))
        if known is None:
            space = auto_space(TableShape.of(table, found)).space
            known = space.config(space.initial[0])
        known = known.replace(leaves or {}, "options")
        if known.training.device.startswith("cuda"):
            _check_cuda(known.training.device)
        if known.training.dp is not None and sample.is_part:
            raise ConfigError(
                "with training.dp, all rows must be read: which rows a sample has depends on the "
                "number of rows, so that one row changes many; leave --rows out"
            )
        vae = TabularVAE.build(found, known, seed=seed, split_seed=seed, declared=declared)
        vae.prepare(table)
        return cls(vae, sample, source, config or "the space 'auto'")

    @property
    def table(self) -> pd.DataFrame:
        """The real rows."""
        return self.sample.rows

    @property
    def description(self) -> str:
        """Description of the training, in words."""
        training = self.vae.config.training
        if self.vae.guarantee is not None:
            return (
                f"{self.source} ({len(self.table):,} rows): "
                f"{counted(training.max_n_epochs, 'epoch')}, "
                f"configuration of {self.config_source}"
            )
        part = f"{self.sample.text} of " if self.sample.is_part else ""
        return (
            f"{part}{self.source} ({len(self.vae.trainer.codes):,} rows, "
            f"{len(self._held_out):,} held out): up to "
            f"{counted(training.max_n_epochs, 'epoch')}, "
            f"configuration of {self.config_source}"
        )

    def train(self) -> dict[str, Any]:
        """Train to the end of the budget, and return the scores.

        ``train_nats`` and ``holdout_nats`` are nats per row. ``held_out`` has the scores of
        generated rows against the held-out rows, and ``real`` those of as many training rows,
        which are the best that can be hoped for; both are empty with too few held-out rows.

        ``membership_attacks`` says how well training rows can be told from held-out rows, and
        ``disclosure_attacks`` what generated rows tell of columns under ``privacy`` in the spec.

        A private training has no scores of rows, only ``privacy``: what was spent.

        Raises:
            DivergenceError: If the loss becomes NaN or infinite.
        """
        self.vae.trainer.train()
        if self.vae.guarantee is not None:
            return {"epochs": self.vae.trainer.epoch, "privacy": self.vae.guarantee.to_mapping()}
        scores: dict[str, Any] = dict(self.vae.evaluate())
        scores |= {"epochs": self.vae.trainer.epoch, "held_out": {}, "real": {}}
        training, held_out = self._split
        if len(held_out) >= _FEWEST_HELD_OUT:
            rows = self.table.iloc[held_out].reset_index(drop=True)
            plan = ComparisonPlan(scores=_SCORES).prepare(rows, self.vae.spec)
            n = min(len(training), _MOST_ROWS)
            made = self.vae.synthesizer().generate(n, seed=self.vae.seed)
            real = self.table.iloc[training[:n]].reset_index(drop=True)
            scores["held_out"] = dict(plan.compute(made).scores)
            scores["real"] = dict(plan.compute(real).scores)
            if self.vae.spec.privacy is not None:
                reader = ColumnReader(self.vae.spec, self.table)
                inside, outside = (reader.real.take(np.sort(part)) for part in self._split)
                columns = self.vae.spec.privacy
                found = disclosure_attacks(reader.read(made), inside, outside, columns)
                scores["disclosure_attacks"] = disclosure_document(found)
        attacks = white_box_attacks(
            self.vae.trainer, most_rows=_MOST_ATTACKED, n_draws=8, n_bootstraps=200
        )
        if attacks is not None and attacks.n_non_members >= _FEWEST_HELD_OUT:
            scores["membership_attacks"] = {
                "verdict": membership_verdict(attacks, None),
                "white_box": attacks.to_mapping(),
            }
        clean: dict[str, Any] = finite(scores)
        return clean

    def save(self, target: Location, scores: Mapping[str, Any]) -> None:
        """Write the export.

        Raises:
            StorageError: If a file cannot be written.
        """
        guarantee = self.vae.guarantee
        if guarantee is None:
            n_training = len(self.vae.trainer.codes)
            table = {**description_of(self.sample), "training_rows": n_training}
        else:
            # A fingerprint would tell whether a row that somebody knows is in the table.
            table = {"rows": guarantee.rows, "columns": len(self.table.columns)}
        self.vae.synthesizer().save(
            target,
            scores=scores,
            provenance={
                "command": "train",
                "configuration": self.config_source,
                "epochs": scores["epochs"],
                "seed": self.vae.seed,
                "data": str(self.source),
                "table": table,
                **({} if guarantee is None else {"privacy": guarantee.to_mapping()}),
                "versions": model_versions(),
            },
        )

    @property
    def _split(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        fraction = self.vae.config.validation.holdout_fraction
        return split_rows(len(self.table), fraction, self.vae.split_seed)

    @property
    def _held_out(self) -> np.ndarray[Any, Any]:
        return self._split[1]


def score_lines(scores: Mapping[str, Any]) -> Sequence[str]:
    """Return the scores as lines of text."""
    lines = [f"trained {counted(scores['epochs'], 'epoch')}"]
    if "privacy" in scores:
        spent = scores["privacy"]
        return [
            *lines,
            f"differential privacy: {guarantee_in_words(spent)}",
            "no scores: no noise would protect numbers about the rows; 'tabvae compare' computes "
            "them for your eyes only",
        ]
    train, held_out = scores["train_nats"], scores["holdout_nats"]
    if held_out is None or train is None:
        lines.append("no rows are held out, so the model has no scores")
        return lines
    lines.append(
        f"nats per row: {held_out:.4g} on held-out rows, {train:.4g} on training rows "
        f"(a gap of {held_out - train:+.2g}; a large one means memorised rows)"
    )
    if "membership_attacks" in scores:
        lines.append(f"privacy: {scores['membership_attacks']['verdict']}")
    if "disclosure_attacks" in scores:
        lines.append(scores["disclosure_attacks"]["verdict"])
    if not scores["held_out"]:
        lines.append(f"fewer than {_FEWEST_HELD_OUT} held-out rows: no other scores")
        return lines
    lines.append("scores against the held-out rows:")
    lines.append(f"  {'':<22}{'generated':>10}{'real':>10}")
    for name, value in scores["held_out"].items():
        real = scores["real"][name]
        cells = ("-" if x is None else f"{x:.4f}" for x in (value, real))
        lines.append(f"  {name:<22}" + "".join(f"{cell:>10}" for cell in cells))
    lines.append("  (real: as many training rows; nothing honest is better)")
    return lines


def _check_cuda(device: str) -> None:
    if not torch.cuda.is_available():
        raise ConfigError(
            f"training.device is {device}, but torch finds no CUDA device here; use cpu or auto"
        )
