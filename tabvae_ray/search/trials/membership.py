"""Attacks on the people in the table, with the chosen model and with rows that it generates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks, disclosure_attacks
from tabvae_ray.comparison.scores.disclosure.verdicts import disclosure_document, disclosure_verdict
from tabvae_ray.comparison.scores.membership.black_box import black_box_attacks
from tabvae_ray.comparison.scores.membership.levels import black_box_levels
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import membership_verdict
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import draw_rows, n_scored_rows
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tabvae_ray.training.membership import white_box_attacks

__all__ = ["ChosenAttacks", "attack_chosen", "attack_model"]

# More than at a rung, because few models are attacked once.
_MOST_ROWS, _N_DRAWS, _N_BOOTSTRAPS = 10_000, 8, 200
# Keeps the seed of the rows apart from those of trials and of fresh samples.
_ATTACKED = 0xA77AC7


@dataclass(frozen=True)
class ChosenAttacks:
    """Attacks on the training rows of the chosen model.

    Args:
        white_box: Attacks with the network; None without held-out rows.
        black_box: Attacks with generated rows; None with fewer than two held-out rows.
        levels: Levels of ``membership_black_box``, by kind of reference level.
        disclosure: Attacks with generated rows on the columns that the spec names under
            ``privacy``, if it does.
    """

    white_box: MembershipAttacks | None
    black_box: MembershipAttacks | None
    levels: dict[str, Level]
    disclosure: DisclosureAttacks | None = None

    @property
    def verdict(self) -> str:
        """Meaning of the strongest attack on membership, in words."""
        return membership_verdict(self.white_box, self.black_box)

    @property
    def in_words(self) -> str:
        """Meaning of all attacks."""
        named = [] if self.disclosure is None else [disclosure_verdict(self.disclosure)]
        return " ".join([self.verdict, *named])

    @property
    def disclosure_mapping(self) -> dict[str, Any]:
        """The scores of the attacks on named columns, for JSON; empty if there are none."""
        if self.disclosure is None:
            return {}
        return {"disclosure_attacks": disclosure_document(self.disclosure)}

    def to_mapping(self) -> dict[str, Any]:
        """Return the verdict and the attacks on membership for JSON."""
        found = {"white_box": self.white_box, "black_box": self.black_box}
        measured = {name: attacks.to_mapping() for name, attacks in found.items() if attacks}
        return {"verdict": self.verdict, **measured}


def attack_model(vae: TabularVAE, *, n_bootstraps: int = 0) -> MembershipAttacks | None:
    """Attack the training rows with a model, harder than at a rung; None without held-out rows.

    Args:
        vae: The model.
        n_bootstraps: Bootstraps for the interval; 0 saves their time.
    """
    return white_box_attacks(
        vae.trainer, most_rows=_MOST_ROWS, n_draws=_N_DRAWS, n_bootstraps=n_bootstraps
    )


def attack_chosen(task: SearchTask, vae: TabularVAE, number: int) -> ChosenAttacks:
    """Attack the training rows of a trained model.

    Args:
        task: What the trials shared.
        vae: The model.
        number: Number of its trial.
    """
    white_box = attack_model(vae, n_bootstraps=_N_BOOTSTRAPS)
    fraction = vae.config.validation.holdout_fraction
    training, held_out = split_rows(len(task.table), fraction, task.seed)
    if len(held_out) < 2:
        return ChosenAttacks(white_box, None, {})
    reader = ColumnReader(task.spec, task.table)
    real = reader.real.take(np.sort(training)), reader.real.take(np.sort(held_out))
    seed = np.random.SeedSequence([task.seed, number, _ATTACKED]).generate_state(1)[0]
    n_rows = n_scored_rows(task, vae.config)
    rows = draw_rows(vae.synthesizer(), n_rows, seed=int(seed))
    most_rows = task.comparison.plan.options.privacy_max_rows
    synthetic = reader.read(rows)
    black_box = black_box_attacks(synthetic, *real, most_rows=most_rows)
    attacked, disclosure = task.spec.privacy, None
    if attacked is not None:
        disclosure = disclosure_attacks(synthetic, *real, attacked, most_rows=most_rows)
    resample, fresh = black_box_levels(
        *real, n_synthetic=n_rows, most_rows=most_rows, n_repeats=1, seed=task.seed
    )
    levels = {
        kind: Level(float(np.mean(areas)), 0.0)
        for kind, areas in (("resample", resample), ("fresh", fresh))
        if areas
    }
    return ChosenAttacks(white_box, black_box, levels, disclosure)
