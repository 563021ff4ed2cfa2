"""TensorBoard event files of trials, over their epochs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ray.tune.logger import TBXLoggerCallback

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

__all__ = ["TensorBoardLog", "shown_values"]


class TensorBoardLog(TBXLoggerCallback):
    """Logger of Ray Tune that shows losses and scores once each, over the epochs of a trial."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def log_trial_result(self, iteration: int, trial: "Trial", result: dict[str, Any]) -> None:
        """Log a report of a trial."""
        super().log_trial_result(iteration, trial, shown_values(result))


def shown_values(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TensorBoard shows of a report; the logger takes its key of Ray for the step."""
    shown: dict[str, Any] = {name: dict(result.get(name) or {}) for name in ("losses", "scores")}
    step = result.get("epoch") or result.get("training_iteration", 0)
    return {**shown, "training_iteration": step}
