"""Stop weak trials of any Ray trainable early, by several objectives at once.

The example is not about tables: it minimises both the error and the size of the weights of a ridge
regression. Run it with ``python examples/any_trainable.py``.
"""

import logging
import os
import tempfile

import numpy as np
import ray
from ray import tune

from tabvae_ray import MultiObjectiveASHA
from tabvae_ray.results.pareto import as_losses, rank_order

OBJECTIVES = {"error": "minimize", "weights": "minimize"}
MAX_STEPS = 27


class Ridge(tune.Trainable):
    """Gradient descent on a ridge regression; one iteration of Tune is ten steps of descent."""

    def setup(self, config: dict[str, float]) -> None:
        """Draw the data, and set the weights to zero."""
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(200, 30))
        truth = np.where(np.arange(30) < 5, 3.0, 0.0)
        self.y = self.x @ truth + rng.normal(size=200)
        self.w = np.zeros(30)

    def step(self) -> dict[str, float]:
        """Take ten steps, and report both objectives."""
        for _ in range(10):
            residual = self.x @ self.w - self.y
            gradient = self.x.T @ residual / len(self.y) + self.config["penalty"] * self.w
            self.w -= self.config["learning_rate"] * gradient
        error = float(np.mean((self.x @ self.w - self.y) ** 2))
        return {"error": error, "weights": float(np.abs(self.w).sum())}

    def reset_config(self, new_config: dict[str, float]) -> bool:
        """Start another trial in the same process."""
        self.setup(new_config)
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save the weights."""
        np.save(f"{checkpoint_dir}/w.npy", self.w)

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Load the weights."""
        self.w = np.load(f"{checkpoint_dir}/w.npy")


def main() -> None:
    """Search, and print the trials that reached the full budget, best first."""
    # A Ray of its own that logs errors only, and a Tune without output.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        with tempfile.TemporaryDirectory() as directory:
            tuner = tune.Tuner(
                Ridge,
                param_space={
                    "penalty": tune.loguniform(1e-3, 10),
                    "learning_rate": tune.loguniform(0.02, 0.5),
                },
                tune_config=tune.TuneConfig(
                    num_samples=20,
                    # A new process per trial would take seconds to start; see reset_config.
                    reuse_actors=True,
                    scheduler=MultiObjectiveASHA(
                        OBJECTIVES, max_t=MAX_STEPS, grace_period=1, eta=3
                    ),
                ),
                run_config=tune.RunConfig(storage_path=directory, verbose=0),
            )
            results = [result.metrics for result in tuner.fit()]
    finally:
        ray.shutdown()
    steps = sum(metrics["training_iteration"] for metrics in results)
    print(f"{steps} steps instead of {len(results) * MAX_STEPS}")
    full = [metrics for metrics in results if metrics["training_iteration"] >= MAX_STEPS]
    values = [[metrics[name] for name in OBJECTIVES] for metrics in full]
    for position in rank_order(as_losses(values, list(OBJECTIVES.values()))):
        metrics = full[position]
        print(
            f"error {metrics['error']:6.3f}, weights {metrics['weights']:6.3f}: "
            f"penalty {metrics['config']['penalty']:.4f}, "
            f"learning_rate {metrics['config']['learning_rate']:.4f}"
        )


if __name__ == "__main__":
    main()
