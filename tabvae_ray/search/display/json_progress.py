"""Progress of a search as lines of JSON (``--log-format json``)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.documents import finite
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["JsonProgress"]

_WARNING = "warning: "


class JsonProgress(SearchProgress):
    """Logs the progress of a search, for collectors of logs.

    Args:
        space: The search space.
        log: Where events go.
    """

    def __init__(self, space: SearchSpace, log: JsonLog) -> None:
        super().__init__(space, quiet=True)
        self._log = log
        # Epochs of the last report of each running trial.
        self._reported: dict[int, int] = {}

    def elsewhere(self) -> Callable[..., SearchProgress]:
        """Return a function that makes such a log in another process."""
        return partial(_log_elsewhere, self.space, self._log)

    def taking_warnings(self) -> AbstractContextManager[None]:
        """Log Python's warnings while the context is open."""
        return self._log.taking_warnings()

    def say(self, message: str) -> None:
        """Log a sentence."""
        level = "warning" if message.startswith(_WARNING) else "info"
        self._log.message(message.removeprefix(_WARNING), level)

    def describe(self, inputs: SearchInputs, *, resume: bool) -> None:
        """Log what the search starts from."""
        self._log.search = inputs.name
        table = {
            "path": str(inputs.data),
            "rows": len(inputs.table),
            "columns": {column.name: column.kind for column in inputs.spec.columns},
            "rules": [str(rule) for rule in inputs.spec.rules],
        }
        self._event(
            "search_started",
            directory=str(inputs.directory),
            resume=resume,
            table=table,
            space=inputs.space.to_mapping(),
            reasons=[] if inputs.chosen is None else list(inputs.chosen.reasons),
            trials_planned=inputs.space.settings.n_trials,
        )

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Log a report of a trial, or its end."""
        last = record.rungs[-1] if record.rungs else None
        trial: dict[str, Any] = {"trial": record.number, "epoch": record.epochs}
        trial["scores"] = {} if last is None else last.objectives
        if record.state == "RUNNING":
            if last is not None and self._reported.get(record.number) != record.epochs:
                self._reported[record.number] = record.epochs
                self._event("trial_reported", **trial, losses=last.losses)
            return
        self._reported.pop(record.number, None)
        trial |= {"state": record.state, "seconds": record.seconds, "reason": record.reason}
        if self._statistics is not None:
            now = self._statistics.snapshot()
            trial |= {"trials": now.states, "best_scores": now.best}
            trial |= {"hypervolume": now.hypervolume, "left": now.left}
        failed = record.state == "FAIL"
        self._event("trial_ended", level="warning" if failed else "info", **trial)

    def conclude(self, outcome: SearchOutcome, document: dict[str, Any]) -> None:
        """Log the end of the search.

        Args:
            outcome: What came of it.
            document: The same as ``--json`` prints.
        """
        failed = outcome.state == "failed"
        ended = {"directory": str(outcome.directory), "ended_early": outcome.reason, **document}
        self._event("search_ended", level="error" if failed else "info", **ended)

    def _event(self, event: str, *, level: str = "info", **values: Any) -> None:
        self._log.event(event, level=level, **finite(values))


def _log_elsewhere(space: SearchSpace, log: JsonLog, *, console: object) -> JsonProgress:
    """Return the log of a driver, whose stderr the user sees; a console is for other displays."""
    return JsonProgress(space, log)
