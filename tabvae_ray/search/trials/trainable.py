"""The Ray Tune trainable of a trial."""

import gc
from pathlib import Path
from typing import Any

import ray
from ray.tune import Trainable

from tabvae_ray.cluster.versions import check_versions, versions_here
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.search.trials.trial import SearchTask, TrialRun

__all__ = ["VAETrial"]


class VAETrial(Trainable):
    """A :class:`TrialRun` for Ray Tune, which reuses its process for the next trial."""

    def setup(self, config: dict[str, Any], task: SearchTask | None = None) -> None:
        """Take what all trials share, and begin the first.

        Raises:
            ConfigError: If this node, which may have come during the search, has other versions.
        """
        assert task is not None
        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        check_versions(node, versions_here(), task.versions)
        # What is loaded by now stays: collections between trials need not look through it, which
        # takes a quarter of a second each.
        gc.freeze()
        self.run = TrialRun(task)
        self.run.begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in the same process."""
        self.run.begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung and report."""
        return self.run.step()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the state to the directory that Ray names."""
        (Path(checkpoint_dir) / STATE_FILE).write_bytes(self.run.state())

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """As Ray does it, but patient with a storage that is away for a while."""
        ray_save = super().save
        return self.run.task.directory.attempt("written", lambda: ray_save(checkpoint_dir))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a state, in the directory that Ray names."""
        self.run.restore((Path(checkpoint) / STATE_FILE).read_bytes())
