"""All attacks on the columns that a spec names, on training rows and on held-out rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores.disclosure.nearest import NearestRows
from tabvae_ray.comparison.scores.disclosure.risk import DisclosureRisk
from tabvae_ray.comparison.scores.disclosure.singling_out import singling_out
from tabvae_ray.table.attacked.columns import AttackedColumns

__all__ = ["DisclosureAttacks", "disclosure_attacks"]

_MOST_TARGETS = 2_000
_N_DESCRIPTIONS = 500


@dataclass(frozen=True)
class DisclosureAttacks:
    """Risks of the people in the table, by kind of attack.

    Attributes:
        columns: The columns that were attacked.
        linkability: Risk that known and secret columns of a person are linked.
        inference: Risk that a secret is guessed, by column.
        singling_out: Risk that a person is singled out; None if no synthetic row can be.
    """

    columns: AttackedColumns
    linkability: DisclosureRisk
    inference: dict[str, DisclosureRisk]
    singling_out: DisclosureRisk | None

    @property
    def risks(self) -> dict[str, DisclosureRisk]:
        """Risks by name, guesses first."""
        found = {f"inference of {name}": risk for name, risk in self.inference.items()}
        found["linkability"] = self.linkability
        if self.singling_out is not None:
            found["singling out"] = self.singling_out
        return found

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        single = self.singling_out
        return {
            **self.columns.model_dump(mode="json"),
            "linkability": self.linkability.to_mapping(),
            "inference": {name: risk.to_mapping() for name, risk in self.inference.items()},
            "singling_out": None if single is None else single.to_mapping(),
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read the result of :meth:`to_mapping`."""
        read, single = DisclosureRisk.from_mapping, mapping["singling_out"]
        return cls(
            AttackedColumns(known=tuple(mapping["known"]), secret=tuple(mapping["secret"])),
            read(mapping["linkability"]),
            {name: read(risk) for name, risk in mapping["inference"].items()},
            None if single is None else read(single),
        )


def disclosure_attacks(
    synthetic: TableColumns,
    training: TableColumns,
    held_out: TableColumns,
    columns: AttackedColumns,
    *,
    most_rows: int = 10_000,
    seed: int = 0,
) -> DisclosureAttacks:
    """Attack people in the training rows, and people in the held-out rows for comparison.

    Args:
        synthetic: The synthetic table.
        training: The rows that the model was trained on.
        held_out: Real rows that it was not trained on.
        columns: Columns that the attacker knows, and columns that must stay secret.
        most_rows: Largest number of synthetic rows, drawn at random. Of training and held-out rows
            at most 2,000 each are attacked.
        seed: Seed of all draws.
    """
    rng = np.random.default_rng(seed)
    synthetic = synthetic.sample(most_rows, rng)
    targets, others = (table.sample(_MOST_TARGETS, rng) for table in (training, held_out))
    nearest = NearestRows(synthetic, [targets, others], columns.known, columns.secret)
    (linked, guessed), (linked_control, guessed_control) = map(nearest.successes, (targets, others))
    n, m = targets.n_rows, others.n_rows
    return DisclosureAttacks(
        columns,
        DisclosureRisk(
            n, float(linked.sum()), m, float(linked_control.sum()), 1 / synthetic.n_rows
        ),
        {
            name: DisclosureRisk(
                *(n, float(guessed[name].sum()), m, float(guessed_control[name].sum())),
                nearest.baseline(targets, name),
            )
            for name in columns.secret
        },
        singling_out(
            *(synthetic, training, held_out, columns.names), n_attacks=_N_DESCRIPTIONS, seed=seed
        ),
    )
