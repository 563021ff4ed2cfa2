"""The time budget of a search, from the start of its command to its report."""

from dataclasses import dataclass

__all__ = ["TimeLimit"]

# Seconds after training that do not depend on the table: ending processes, drawing the report.
_FIXED = 15.0
# Times that rows are generated and scored for the export, its attacks and the report.
_SCORINGS_AT_END = 8
# Share of the budget that may be reserved. Fewer fresh samples are scored if that is too little.
_MOST_RESERVED = 0.2
# The same for what does not depend on the table, of which nothing can be left out: it takes most of
# a short budget that is not reserved.
_MOST_FIXED = 0.4
# Seconds that trials may report late. Ray Tune needs longer than that to end a busy process.
_GRACE = 5.0


@dataclass(frozen=True)
class TimeLimit:
    """The end of a time budget, and the time reserved for what follows training.

    After training, the best models are scored again, one is exported, and the report is drawn. The
    time for this is estimated from the time that a report of a trial takes to generate and score
    rows.

    Args:
        seconds: The time budget.
        ends: When the command must end, in seconds since 1970, which other machines know, too.
        n_rescored: Times that rows are generated and scored again, one after another.
        scoring_seconds: Estimated time of one of them, used until a trial has measured it.
    """

    seconds: float
    ends: float
    n_rescored: int = 0
    scoring_seconds: float = 0.0

    def reserve(self, scoring_seconds: float | None = None) -> float:
        """Return the seconds to reserve, given the measured time of a scoring if there is one."""
        each = self.scoring_seconds if scoring_seconds is None else scoring_seconds
        wanted = _FIXED + (self.n_rescored + _SCORINGS_AT_END) * each
        fixed = min(_FIXED, _MOST_FIXED * self.seconds)
        return min(wanted, max(fixed, _MOST_RESERVED * self.seconds))

    def training_ends(self, scoring_seconds: float | None = None) -> float:
        """Return when all trials should have reported, in seconds since 1970."""
        return self.ends - self.reserve(scoring_seconds)

    def patience_ends(self, scoring_seconds: float | None = None) -> float:
        """Return when trials that still have not reported are no longer waited for."""
        return self.training_ends(scoring_seconds) + _GRACE

    def n_scorings(self, now: float, scoring_seconds: float | None = None) -> int:
        """Return how many scorings, one after another, fit before the export and the report."""
        each = self.scoring_seconds if scoring_seconds is None else scoring_seconds
        left = self.ends - now - _FIXED - _SCORINGS_AT_END * each
        return max(0, int(left / each)) if each > 0 else self.n_rescored
