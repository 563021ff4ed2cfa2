"""The result of a search, read from its directory."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any, TypeVar

import optuna
import pandas as pd

from tabvae_ray.callable_module.python_words import in_python_words, python_words
from tabvae_ray.command_line.lines import duration
from tabvae_ray.comparison.html import score_table
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.comparison.scores.membership.verdicts import membership_verdict
from tabvae_ray.errors import ConfigError, ExportError, StorageError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.report import write_report
from tabvae_ray.report.attacks import kept_attacks, read_scores
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.refits import SEARCHED, RefitRecord
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.api.page import Page
from tabvae_ray.search.optimize.study import create_study
from tabvae_ray.search.replay import Replay, replay
from tabvae_ray.space.search_space import LOSSES, SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.reading.frames import Frame, Source

__all__ = ["SearchResult", "load_search"]

_Number = TypeVar("_Number", bound=float | None)

_MOST_SCORES = 6


class SearchResult:
    """A search as it was when this object was made: its scores, trials and study, and its model.

    The model is loaded when it is first asked for.

    Args:
        directory: The search's directory, a path or URI.
        reason: Why the search ended before all trials were done, if it did.

    Raises:
        StorageError: If there is no search.
    """

    def __init__(self, directory: Source, *, reason: str | None = None) -> None:
        self._directory = Location(directory)
        self._manifest = SearchManifest.read(self._directory)
        self._space = self._manifest.search_space()
        # Read now, as the search may go on later.
        store = RecordStore(self._directory, list(self._space.objectives))
        self._records, self._unfinished = store.finished(), store.running()
        self.reason = reason

    @property
    def path(self) -> str:
        """The directory of the search, a path or URI."""
        return str(self._directory)

    @property
    def name(self) -> str:
        """The name of the search."""
        return self._manifest.name

    @property
    def state(self) -> str:
        """The state of the search: ``finished``, ``interrupted``, ``failed`` or ``running``."""
        return self._manifest.state

    @property
    def space(self) -> SearchSpace:
        """The search space, with the settings that the search ran with."""
        return self._space

    @cached_property
    def best(self) -> TabularVAESynthesizer:
        """The synthesizer of the chosen trial, refitted on all rows if that was asked for.

        Raises:
            ExportError: If the search has exported no model.
        """
        return self._load("best")

    @cached_property
    def searched(self) -> TabularVAESynthesizer:
        """The synthesizer of the chosen trial as the search trained it, which the scores are of.

        It is :attr:`best`, unless that was refitted.

        Raises:
            ExportError: If the search has exported no model.
        """
        return self.best if self._refit is None else self._load(SEARCHED)

    def _load(self, name: str) -> TabularVAESynthesizer:
        directory = self._directory / name
        if not (directory / "synthesizer.json").exists():
            why = "no trial was usable" if self.state == "failed" else f"it is {self.state}"
            if self.chosen is not None:
                why = f"there is no {directory}/synthesizer.json, which it had exported"
            raise ExportError(f"the search in {self.path} has no model: {why}")
        return load_synthesizer(directory)

    @property
    def chosen(self) -> int | None:
        """The number of the chosen trial; None if no model was exported."""
        return None if self._manifest.chosen is None else int(self._manifest.chosen["trial"])

    @property
    def scores(self) -> dict[str, float]:
        """The chosen model's scores, means over fresh samples, by name; objectives come first."""
        return _led(self._leading, _means(self._candidates.get(self.chosen, {})))

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviations of the scores over fresh samples, by name; 0 of a single sample."""
        return dict(self._candidates.get(self.chosen, {}).get("spread", {}))

    @cached_property
    def privacy(self) -> str | None:
        """Say what an attacker learns of who is in the table; None without a model.

        It is that of the model as the search trained it.
        """
        model = self._directory / ("best" if self._refit is None else SEARCHED)
        # It may have been moved away.
        if self.chosen is None or not (model / "scores.json").exists():
            return None
        return in_python_words(membership_verdict(*kept_attacks(read_scores(model))))

    @property
    def levels(self) -> ReferenceLevels:
        """The scores of real rows against themselves."""
        return ReferenceLevels.from_mapping(self._manifest.levels)

    @cached_property
    def front(self) -> pd.DataFrame:
        """The trials that no other dominates, with scores and parameters, by number.

        If none is complete, these are the candidates that were scored again. Scores are means over
        fresh samples of a trial that was ``rescored``, and otherwise those that it reported;
        compare only alike ones. ``chosen`` marks the chosen trial.
        """
        records = {record.number: record for record in [*self._unfinished, *self._records]}
        rows = []
        # Without a complete trial there is no front, but there may be candidates.
        for number in self._manifest.front or sorted(n for n in self._candidates if n is not None):
            record = records.get(number)
            fresh = _means(self._candidates.get(number, {}))
            if record is not None:
                scores = _led(self._leading, fresh or _last_scores(record))
                about = {"trial": number, "chosen": number == self.chosen}
                rows.append(about | {"rescored": bool(fresh), **scores} | _parameters(record))
        return _by_number(rows, "chosen", "rescored", *self._leading)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """All finished trials, with scores, losses and parameters, by number.

        The scores of a stopped trial are those of its last rung.
        """
        rows = [
            {
                "trial": record.number,
                "state": record.state,
                **_led(self._leading, _last_scores(record)),
                **_parameters(record),
                "epochs": record.epochs,
                "seconds": record.seconds,
                "reason": record.reason or None,
            }
            for record in self._records
        ]
        return _by_number(rows, "state", *self._leading, "epochs", "seconds", "reason")

    @cached_property
    def study(self) -> optuna.Study:
        """The Optuna study, in memory and built from the trials' records.

        Its directions, parameters and values are those that the sampler has seen.
        """
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            return create_study(self._space, self.name, None, self._records)
        finally:
            optuna.logging.set_verbosity(before)

    def generate(
        self,
        n_records: int,
        *,
        seed: int = 0,
        where: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> pd.DataFrame:
        """Make rows by the chosen model; see :meth:`TabularVAESynthesizer.generate`.

        Args:
            n_records: Number of rows.
            seed: The same seed gives the same rows.
            where: Conditions on the rows, by column.
            **options: Other options of the synthesizer.

        Raises:
            ConfigError: If a condition cannot be met.
            DataError: If a condition is too rare.
            ExportError: If the search has exported no model.
        """
        return self.best.generate(n_records, seed=seed, where=where, **options)

    def report(self, *, redraw: bool = False, height: int = 800) -> Page:
        """Return the report of the search, which a notebook shows inline.

        Args:
            redraw: Whether to draw it again although it is newer than the search.
            height: Height in a notebook, in pixels.

        Raises:
            StorageError: If the page cannot be written.
        """
        page = self._directory / "report.html"
        if (
            redraw
            or not page.exists()
            or _changed(page) < _changed(self._directory / "search.json")
        ):
            write_report(self._directory)
        return Page(page, height)

    @python_words()
    def replay(
        self, trial: int, *, data: Source | Frame | None = None, spec: Source | None = None
    ) -> Replay:
        """Train a trial again, alone and without Ray; ``same`` of the result says if it agrees.

        Args:
            trial: Number of the trial.
            data: The table; by default the one that the search read.
            spec: What its columns are, likewise.

        Raises:
            ConfigError: If there is no such trial, or the table is another one.
        """
        if trial not in {record.number for record in self._records}:
            raise ConfigError(f"replay: the search in {self.path} has no finished trial {trial!r}")
        file = self._directory / "trials" / f"{trial:06d}.json"
        return replay(file.uri, data=data, spec=spec)

    @property
    def _refit(self) -> RefitRecord | None:
        return RefitRecord.of(self._manifest.chosen)

    @property
    def _leading(self) -> list[str]:
        """Names of the scores that the search is about: objectives and constraints."""
        return [*self._space.objectives, *self._space.constraints]

    @property
    def _candidates(self) -> dict[int | None, dict[str, Any]]:
        """Scores of the candidates by number of their trial."""
        chosen = self._manifest.chosen
        return {} if chosen is None else {c["trial"]: c for c in chosen["candidates"]}

    def _headline(self) -> str:
        counts = ", ".join(f"{n} {s.lower()}" for s, n in sorted(self._manifest.trials.items()))
        unfinished = f"{len(self._unfinished)} unfinished" if self._unfinished else ""
        known = ", ".join(filter(None, (counts, unfinished))) or "no trial has ended"
        return f"search {self.name!r} {self.state}: {known}, in {duration(self._manifest.seconds)}"

    def _choice(self) -> str:
        chosen = self._manifest.chosen
        if chosen is None:
            return "no model"
        text = f"trial {chosen['trial']}, {chosen['reason']}"
        if self._refit is not None:
            text += f"; {self._refit.training}, with the scores of the model before"
        return text

    def _privacy_lines(self) -> list[str]:
        try:
            return [f"privacy: {self.privacy}"] if self.privacy else []
        except StorageError as error:  # A damaged file must not hide the rest.
            return [f"privacy: unknown: {error}"]

    def __repr__(self) -> str:
        levels = self.levels
        scores = [(name, v) for name, v in self.scores.items() if name not in LOSSES]
        lines = [self._headline(), f"  in {self.path}", f"  chosen: {self._choice()}"]
        lines += [f"  {name} {levels.describe(name, v)}" for name, v in scores[:_MOST_SCORES]]
        if len(scores) > _MOST_SCORES:
            lines.append(f"  and {len(scores) - _MOST_SCORES} more scores")
        lines += [f"  {line}" for line in self._privacy_lines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # Losses have no levels to be read against.
        scores = {name: v for name, v in self.scores.items() if name not in LOSSES}
        beside = self.levels, self._space.comparison, self.spread
        table = score_table(scores, *beside) if scores else ""
        notes = [f"ended early: {self.reason}"] if self.reason else []
        notes.append(f"chosen: {self._choice()}")
        notes += [*self.levels.verdicts(self.scores), *self._privacy_lines()]
        lines = "".join(f"<div>{escape(note)}</div>" for note in [*notes, self.path])
        return f"<div><strong>{escape(self._headline())}</strong>{table}{lines}</div>"


def load_search(location: Source) -> SearchResult:
    """Load the result of an earlier search, also of one that the command has made.

    Args:
        location: The search's directory, a path or URI.

    Raises:
        StorageError: If there is no search.
    """
    return SearchResult(location)


def _last_scores(record: TrialRecord) -> Mapping[str, float | None]:
    return record.rungs[-1].values if record.rungs else record.objectives


def _led(first: Sequence[str], scores: Mapping[str, _Number]) -> dict[str, _Number]:
    """Return scores with those first that the search is for."""
    names = [name for name in first if name in scores]
    return {name: scores[name] for name in dict.fromkeys([*names, *scores])}


def _means(candidate: Mapping[str, Any]) -> dict[str, float]:
    return {name: v for name, v in candidate.items() if name not in ("trial", "spread")}


def _parameters(record: TrialRecord) -> dict[str, Any]:
    return dict(record.parameters)


def _by_number(rows: list[dict[str, Any]], *names: str) -> pd.DataFrame:
    # Without a row, the columns that every row has.
    return pd.DataFrame(rows, columns=None if rows else ["trial", *names]).set_index("trial")


def _changed(file: Location) -> float:
    """Return when a file was last changed, in nanoseconds since 1970."""
    return float(file.filesystem.get_file_info(file.path).mtime_ns or 0)
