"""The Ray Tune trainable of a trial."""

import gc
from pathlib import Path
from typing import Any

from tabvae_ray.cluster.quick_imports import garbage_left

with garbage_left():
    import ray
    from ray.tune import Trainable

    from tabvae_ray.cluster.versions import check_versions, versions_here
    from tabvae_ray.results.checkpoints import STATE_FILE
    from tabvae_ray.search.trials.task import SearchTask
    from tabvae_ray.search.trials.trial import TrialRun

__all__ = ["VAETrial"]


class VAETrial(Trainable):
    """A :class:`TrialRun` for Ray Tune, which reuses its process for the next trial."""

    def setup(self, config: dict[str, Any], task: SearchTask | None = None) -> None:
        """Take what all trials share, and begin the first trial.

        Raises:
            ConfigError: If this node has other versions; it may have joined during the search.
        """
        assert task is not None
        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        check_versions(node, versions_here(), task.versions)
        # Everything loaded so far stays, and garbage collection between trials need not look at it,
        # which would take a quarter of a second each time.
        gc.freeze()
        self.run = TrialRun(task)
        self.run.begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in the same process; always possible."""
        self.run.begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung and report."""
        return self.run.step()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the state to the directory that Ray names."""
        (Path(checkpoint_dir) / STATE_FILE).write_bytes(self.run.state())

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """Save as Ray does, but retry while the storage is away."""
        ray_save = super().save
        return self.run.task.directory.attempt("written", lambda: ray_save(checkpoint_dir))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Continue from a state in the directory that Ray names."""
        self.run.restore((Path(checkpoint) / STATE_FILE).read_bytes())
