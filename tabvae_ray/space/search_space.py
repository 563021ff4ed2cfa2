"""The search space and the settings of a search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tabvae_ray.command_line.lines import counted
from tabvae_ray.command_line.sampling import DEFAULT_ROWS
from tabvae_ray.comparison.options import ComparisonOptions
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import brief
from tabvae_ray.space.parameters import (
    CategoricalParameter,
    Parameter,
    Strict,
    Value,
    distribution,
    encode,
    suggest,
    takes,
    value_at,
)

if TYPE_CHECKING:
    import numpy as np
    import optuna

__all__ = ["LOSSES", "Constraint", "SearchSettings", "SearchSpace", "WithTarget"]

# Numbers of the model itself that a trial reports with its scores; each may be an objective.
LOSSES = ("loss", "reconstruction", "kl", "train_nats", "holdout_nats", "membership")
# Share of a time budget for trials and choice, if a refit follows them.
_SHARE_BEFORE_REFIT = 0.8


class Constraint(Strict):
    """Bounds of a score; a trial that breaks one is infeasible."""

    min: float | None = None
    max: float | None = None


class WithTarget(Strict):
    """The additions of a space for a table whose spec names a target, the section ``with_target``.

    Args:
        objectives: Further objectives, such as ``tstr``.
        select: The setting ``search.select`` with them; that of the section ``search`` if None.
    """

    objectives: dict[str, Literal["minimize", "maximize"]] = Field(min_length=1)
    select: str | None = None


class SearchSettings(Strict):
    """Settings of the search, the section ``search`` of a space file.

    Args:
        n_trials: Number of trials to finish.
        rows: The most rows that trials see; of a larger table they share a sample, drawn with
            ``seed``. All rows if None.
        sampler: What proposes them; ``auto`` chooses one and says why.
        scheduler: ``moasha`` stops weak trials at rungs, ``none`` trains all to the end.
        grace_period: Epochs before the first rung; a ninth of the budget if not given.
        eta: At a rung, about one trial in ``eta`` goes on; rungs lie a factor ``eta`` apart.
        n_startup_trials: Quasi-random trials before the sampler begins.
        seed: Seed of all random numbers.
        time_budget: Seconds for the whole command, from its start to its report.
        max_failures: Failed trials in a row that end the search.
        n_candidates: Most trials of the front that are scored again before one is chosen. If the
            front has less than half as many, the next best trials join it.
        n_rescores: Fresh samples that each candidate is scored on.
        select: The candidate to choose: ``ideal`` (nearest to the best of every objective),
            ``knee``, ``constraint`` (the one that breaks the constraints least, then ideal), the
            name of an objective, or ``weights A,B``.
        refit: True to train the chosen parameters on all rows at the end, held-out ones too.
        suggestion_seconds: A warning follows a proposal that takes longer.
    """

    n_trials: int = Field(32, ge=1, lt=2**63)
    rows: int | None = Field(DEFAULT_ROWS, ge=2, lt=2**63)
    sampler: Literal["auto", "tpe", "random", "nsga2", "qmc", "gp"] = "tpe"
    scheduler: Literal["moasha", "none"] = "moasha"
    grace_period: int | None = Field(None, ge=1)
    eta: int = Field(3, ge=2)
    n_startup_trials: int = Field(8, ge=1)
    seed: int = Field(0, ge=0, lt=2**63)
    time_budget: float | None = Field(None, gt=0)
    max_failures: int = Field(3, ge=1)
    n_candidates: int = Field(8, ge=1)
    n_rescores: int = Field(5, ge=1)
    select: str = "ideal"
    refit: bool = False
    suggestion_seconds: float = Field(2.0, gt=0)

    @property
    def time_before_refit(self) -> float | None:
        """The time budget of trials and choice: a fifth of it is kept for a refit."""
        if self.time_budget is None or not self.refit:
            return self.time_budget
        return _SHARE_BEFORE_REFIT * self.time_budget


@dataclass(frozen=True)
class SearchSpace:
    """A search space, as one file describes it.

    It is shown by its parameters, objectives and budget; :meth:`to_mapping` has everything.

    Args:
        source: Where it was read from.
        base: The configuration whose leaves the parameters replace.
        parameters: By dotted name, each after those that its ``when`` names.
        objectives: Direction by name, in the order of Optuna's values.
        constraints: Bounds by score.
        initial: Parameter values of the trials that always run, before all others.
        settings: Settings of the search.
        comparison: How scores are computed.
        data: The table, if the file names one.
        spec: The table's spec, likewise.
        with_target: What is added where the spec names a target; None once that is decided.
    """

    source: str
    base: TabularVAEConfig
    parameters: Mapping[str, Parameter]
    objectives: Mapping[str, Literal["minimize", "maximize"]]
    constraints: Mapping[str, Constraint]
    initial: Sequence[Mapping[str, Value]]
    settings: SearchSettings
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    data: str | None = None
    spec: str | None = None
    with_target: WithTarget | None = None

    def __repr__(self) -> str:
        settings, n = self.settings, len(self.parameters)
        trials = f"{counted(settings.n_trials, 'trial')} of at most {counted(self.budget, 'epoch')}"
        extra = self.with_target
        bounds = [
            f"{name} {kind} {bound:g}"
            for name, constraint in self.constraints.items()
            for kind, bound in constraint
            if bound is not None
        ]
        return "\n".join(
            [
                f"SearchSpace of {PurePath(self.source).name}: {counted(n, 'parameter')}, {trials}",
                *(f"  {name}: {_in_words(each)}" for name, each in self.parameters.items()),
                f"  objectives: {_directed(self.objectives)}",
                *([] if extra is None else [f"  with a target: {_directed(extra.objectives)}"]),
                *([f"  constraints: {', '.join(bounds)}"] if bounds else []),
                f"  sampler {settings.sampler}, scheduler {settings.scheduler}, "
                f"seed {settings.seed}",
            ]
        )

    def for_target(self, *, has_target: bool) -> "SearchSpace":
        """Return the space with what it adds for a target, or without."""
        extra = self.with_target
        if extra is None or not has_target:
            return replace(self, with_target=None)
        settings = self.settings
        if extra.select is not None:
            settings = settings.model_copy(update={"select": extra.select})
        objectives = {**self.objectives, **extra.objectives}
        return replace(self, objectives=objectives, settings=settings, with_target=None)

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """Directions of the objectives."""
        return list(self.objectives.values())

    @property
    def budget(self) -> int:
        """Epochs of a trial that is never stopped."""
        return self.base.training.max_n_epochs

    def suggest(self, trial: "optuna.Trial") -> dict[str, Value]:
        """Let Optuna choose values for all parameters whose conditions hold, by dotted name."""
        values: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            if self._holds(parameter.when, values):
                values[name] = suggest(trial, name, parameter)
        return values

    def distributions(
        self, values: Mapping[str, Value]
    ) -> "dict[str, optuna.distributions.BaseDistribution]":
        """Return Optuna's distributions of the given parameters."""
        return {name: distribution(self.parameters[name]) for name in values}

    def to_optuna(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return values as Optuna sees them: lists as JSON text."""
        return {name: encode(self.parameters[name], value) for name, value in values.items()}

    def config(self, values: Mapping[str, Value]) -> TabularVAEConfig:
        """Return the configuration of a trial."""
        return self.base.replace(values, self.source)

    def drawn(self, rng: "np.random.Generator") -> dict[str, Value]:
        """Draw values for all parameters whose conditions hold, independently of other draws."""
        values: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            if self._holds(parameter.when, values):
                values[name] = value_at(parameter, float(rng.random()))
        return values

    def quasi_random(self, n: int) -> list[dict[str, Value]]:
        """Return ``n`` points that cover the space evenly (Sobol), a value for each parameter."""
        from scipy.stats import qmc

        sampler = qmc.Sobol(len(self.parameters), rng=self.settings.seed)
        points = sampler.random_base2(max(1, math.ceil(math.log2(max(n, 2)))))[:n]
        return [
            {
                name: value_at(parameter, float(position))
                for (name, parameter), position in zip(self.parameters.items(), point, strict=True)
            }
            for point in points
        ]

    def to_mapping(self) -> dict[str, Any]:
        """Return what determines the trials of a search, as plain values for JSON."""
        base = self.base.model_dump(mode="json")
        for name in self.parameters:
            section, _, leaf = name.partition(".")
            del base[section][leaf]
        extra = self.with_target
        return {
            "base": base,
            "parameters": {n: p.model_dump(mode="json") for n, p in self.parameters.items()},
            "objectives": dict(self.objectives),
            **({} if extra is None else {"with_target": extra.model_dump(exclude_none=True)}),
            "constraints": {n: c.model_dump(mode="json") for n, c in self.constraints.items()},
            "initial": [dict(point) for point in self.initial],
            "search": self.settings.model_dump(mode="json"),
            "comparison": self.comparison.model_dump(mode="json"),
        }

    def _holds(self, when: Mapping[str, Any], values: Mapping[str, Value]) -> bool:
        for parent, wanted in when.items():
            if parent not in values:
                return False
            accepted = wanted if isinstance(wanted, list) else [wanted]
            known = self.parameters[parent]
            if not any(takes(known, values[parent], value) for value in accepted):
                return False
        return True


def _directed(objectives: Mapping[str, str]) -> str:
    return ", ".join(f"{direction} {name}" for name, direction in objectives.items())


def _in_words(parameter: Parameter) -> str:
    """Return the values of a parameter in a line."""
    if isinstance(parameter, CategoricalParameter):
        text = brief(list(parameter.choices)).removeprefix("[").removesuffix("]")
    else:
        scale = ", logarithmic" if parameter.log else ""
        step = f", step {parameter.step}" if parameter.step not in (None, 1) else ""
        text = f"{parameter.low} to {parameter.high}{scale}{step}"
    when = [f"{name} is {brief(value)}" for name, value in parameter.when.items()]
    return f"{text}, where {' and '.join(when)}" if when else text
