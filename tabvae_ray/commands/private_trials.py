"""A search whose trials are private, and whose choice is counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray._version import model_versions
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError, DivergenceError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.space.named_spaces import find_space
from tabvae_ray.space.parameters import CategoricalParameter, Parameter
from tabvae_ray.space.private import PRIVATE_SCORE
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import load_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.private.encoding import PrivateEncoding
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.private.accounting import secret_seed
from tabvae_ray.training.private.guarantee import Guarantee
from tabvae_ray.training.private.preparation import check_private, prepare_private
from tabvae_ray.training.private.random_stopping import drawn_trials
from tabvae_ray.training.private.trainer import PrivateTrainer

__all__ = ["Chosen", "PrivateSearch"]

Say = Callable[[str], None]
# They decide whether other parameters have an effect.
_KINDS = ("architecture.decoder", "architecture.latent")


@dataclass(frozen=True)
class Chosen:
    """The best trial.

    Args:
        score: Its noisy score.
        parameters: Its parameters, by dotted name.
        synthesizer: Its model.
    """

    score: float
    parameters: Mapping[str, Any]
    synthesizer: TabularVAESynthesizer


@dataclass(frozen=True)
class PrivateSearch:
    """A random number of independent private trials, of which the best is released.

    Args:
        space: The search space.
        spec: Spec of the table.
        source: Where the table was read from.
        n_columns: Columns of the table.
        encoding: The encoding that all trials share.
        guarantee: What the whole search spends.
    """

    space: SearchSpace
    spec: TableSpec
    source: Location
    n_columns: int
    encoding: PrivateEncoding
    guarantee: Guarantee

    @classmethod
    def prepare(
        cls,
        space: str,
        data: str | None,
        *,
        spec: str | None = None,
        leaves: Mapping[str, Any] | None = None,
        mean_trials: int | None = None,
    ) -> Self:
        """Read and check the inputs, and encode the table.

        Args:
            space: Path or URI of the space, or the name of one that comes with the package.
            data: Path or URI of the table; the space's if None.
            spec: Path or URI of the table's spec; the space's if None.
            leaves: Values that replace those of the space's base, by dotted name.
            mean_trials: Mean of the number of trials; the space's if None.

        Raises:
            ConfigError: If the space breaks a rule, or is not private.
            DataError: If the table cannot be encoded with what is declared.
            StorageError: If a file cannot be read.
        """
        found = load_space(find_space(space))
        dp = found.base.training.dp
        if dp is None:
            raise ConfigError(
                f"{found.source}: base.training.dp: is required: epsilon and delta of the search; "
                "for a search without them, use 'tabvae search'"
            )
        changed = {"training.dp": {**dp.model_dump(), **(leaves or {})}}
        base = found.base.replace(changed, "options")
        # Before the table is read: each look at it spends epsilon.
        for config in _corners(found, base):
            check_private(config)
        table_source, spec_source = data or found.data, spec or found.spec
        if table_source is None:
            raise ConfigError("--data: must be given, because the space names no table")
        declared = None if spec_source is None else SpecDeclaration.load(spec_source)
        source = Location(table_source)
        table: pd.DataFrame = read_table(source, declared)
        table_spec = TableSpec.infer(table, declared=declared, source=str(source))
        encoding, guarantee = prepare_private(
            table,
            table_spec,
            declared,
            base,
            mean_trials=float(mean_trials or found.settings.n_trials),
        )
        found = replace(found, base=base)
        return cls(found, table_spec, source, len(table.columns), encoding, guarantee)

    def run(self, say: Say | None = None) -> Chosen | None:
        """Train a random number of trials, and return the best; None if all diverged.

        The others must not be released, nor their number.
        """
        rng = np.random.default_rng(secret_seed())
        assert self.guarantee.mean_trials is not None
        best: Chosen | None = None
        for number in range(drawn_trials(self.guarantee.mean_trials, rng)):
            parameters = self.space.drawn(rng)
            vae = TabularVAE.build(
                self.spec, self.space.config(parameters), seed=int(rng.integers(2**31))
            )
            vae.prepare_encoded(self.encoding, self.guarantee)
            assert isinstance(vae.trainer, PrivateTrainer)
            try:
                vae.trainer.train()
            except DivergenceError:
                continue
            score = vae.trainer.noisy_nats()
            if best is None or score < best.score:
                best = Chosen(score, parameters, vae.synthesizer())
            if say is not None:
                say(f"trial {number + 1} is trained; best so far {best.score:.4g} nats per row")
        return best

    def save(self, chosen: Chosen, target: Location) -> dict[str, Any]:
        """Write the export of the best trial, and return its scores.

        Raises:
            StorageError: If a file cannot be written.
        """
        privacy = self.guarantee.to_mapping()
        epochs = self.space.budget
        scores = {PRIVATE_SCORE: chosen.score, "epochs": epochs, "privacy": privacy}
        chosen.synthesizer.save(
            target,
            scores=scores,
            provenance={
                "command": "private-search",
                "configuration": self.space.source,
                "epochs": epochs,
                "data": str(self.source),
                "table": {"rows": self.guarantee.rows, "columns": self.n_columns},
                "parameters": dict(chosen.parameters),
                "privacy": privacy,
                "versions": model_versions(),
            },
        )
        return scores


def _corners(space: SearchSpace, base: TabularVAEConfig) -> list[TabularVAEConfig]:
    """Return configurations with each choice, or end, of each parameter, for all kinds of model."""
    values: dict[str, Sequence[Any]] = {
        name: part.choices if isinstance(part, CategoricalParameter) else (part.low, part.high)
        for name, part in space.parameters.items()
    }
    kinds = [name for name in _KINDS if name in values]
    points = []
    for chosen in product(*(values[name] for name in kinds)):
        kind = dict(zip(kinds, chosen, strict=True))
        points.append(kind)
        for name, part in space.parameters.items():
            if _applies(part, kind):
                points += [{**kind, name: value} for value in values[name]]
    return [base.replace(point) for point in points]


def _applies(parameter: Parameter, kind: Mapping[str, Any]) -> bool:
    """Return True if a parameter may be searched in a kind of model."""
    wanted = {name: value for name, value in parameter.when.items() if name in kind}
    return all(
        kind[name] in value if isinstance(value, list) else kind[name] == value
        for name, value in wanted.items()
    )
