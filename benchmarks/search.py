"""The cost of a search, beside Ray Tune and Optuna combined by hand.

    python -m benchmarks.search overhead          # trials that do nothing, or sleep
    python -m benchmarks.search compare --seeds 5 # the same search, four ways

`compare` runs the same table, space, number of trials and budget on two slots: (a) Ray Tune with
OptunaSearch as in its documentation, (b) the same with reused actors and ASHA on the first
objective, (c) plain Optuna in one process, (d) this project. All train and score with the same
code. The result of (a) to (c) is their front. That of (d) is its candidates: the front and, if it
is small, its runners-up. All of these are scored again on fresh samples.
"""

import argparse
import gc
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
import ray
import yaml
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.common import ROOT, show
from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.results.pareto import as_losses, front, hypervolume
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver import tune_loop
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tabvae_ray.search.run import SearchRun, run_search
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import TrialRun, draw_rows, n_scored_rows

SPACE = ROOT / "search_spaces" / "beta.yaml"
NAMES = ("mean_js_distance", "correlation_distance")
SLOTS = 2


class Idle(tune.Trainable):
    """A trial that sleeps, reports and ends."""

    seconds = 0.0

    def setup(self, config: dict[str, Any], task: SearchTask | None = None) -> None:
        """Set the number."""
        self.number = config["number"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set another number."""
        self.number = new_config["number"]
        return True

    def step(self) -> dict[str, Any]:
        """Sleep and report."""
        started = time.perf_counter()
        time.sleep(self.seconds)
        scores = dict(zip(NAMES, np.random.default_rng(self.number).random(2), strict=True))
        return {
            "done": True,
            "stopped": "slept",
            "epoch": 1,
            "number": self.number,
            "scores": scores,
            "losses": {"process": os.getpid()},
            "seconds": time.perf_counter() - started,
            **scores,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write an empty checkpoint."""
        (Path(checkpoint_dir) / "state.pt").touch()


def overhead() -> None:
    """Measure the overhead per trial."""
    rows = []
    for title, seconds, n_trials, slots, sampler in (
        ("24 trials of one epoch, 2 slots", None, 24, 2, "tpe"),
        ("200 trials of 1 s, 2 slots", 1.0, 200, 2, "tpe"),
        ("1024 trials of 4 s, 64 slots", 4.0, 1024, 64, "random"),
        ("2000 trials of 0 s, 2 slots", 0.0, 2000, 2, "random"),
    ):
        home = Path(tempfile.mkdtemp())
        inputs = space_of(home, n_trials, 1, 0, sampler)
        times: list[float] = []
        processes: list[float] = []
        memory: list[float] = []

        class Clock(SearchProgress):
            def __call__(self, ledger: Any, record: Any) -> None:
                if record.state != "RUNNING":
                    times.append(time.perf_counter())  # noqa: B023
                    processes.append(record.rungs[-1].losses.get("process"))  # noqa: B023
                    memory.append(resident())  # noqa: B023

        real = tune_loop.VAETrial
        if seconds is not None:
            tune_loop.VAETrial = type("Idle", (Idle,), {"seconds": seconds})  # type: ignore[misc]
        cpus = 0.01 if slots > 2 else 1.0
        try:
            with connected(None):
                search = SearchRun(
                    inputs,
                    inputs.manifest(resources={"cpus": cpus, "gpus": 0.0}),
                    inputs.task(),
                    Resources(cpus),
                    Clock(inputs.space, quiet=True),
                    Interrupts(print),
                )
                inputs.directory.make_dir()
                parts = search.assemble(slots, None)
                started = time.perf_counter()
                search.train(parts)
        finally:
            tune_loop.VAETrial = real  # type: ignore[misc]
            shutil.rmtree(home)
        n = len(times) // 10
        # From when each process has finished a trial until no trial is left to start.
        begin = times[max(processes.index(process) for process in set(processes))]
        end = times[-slots]
        n_between = sum(begin < moment <= end for moment in times)
        rows.append(
            (
                title,
                f"{times[-1] - started:.1f} s",
                f"{n_between * seconds / (end - begin) / slots:.0%}" if seconds else "-",
                str(len(set(processes))) if seconds else "-",
                f"{(times[-1] - times[1]) / (len(times) - 2):.3f} s",
                f"{(times[-1] - times[-n]) / ((times[2 * n] - times[n]) or 1) * n / (n - 1):.2f}",
                f"{memory[n]:.0f} -> {memory[-1]:.0f} MiB",
            )
        )
    show(
        "Overhead of a search",
        rows,
        (
            "what",
            "wall time",
            "slots busy, once all have started",
            "processes",
            "per trial after the first two",
            "last tenth / second tenth",
            "driver's memory",
        ),
    )


def compare(seeds: int, n_trials: int, epochs: int) -> None:
    """Run the four ways in turns, and print their results."""
    ways: dict[str, Callable[[SearchInputs, Path], list[dict[str, Any]]]] = {
        "(a) Ray Tune + OptunaSearch": lambda s, home: by_hand(s, home, reuse=False),
        "(b) and reuse_actors, ASHA": lambda s, home: by_hand(s, home, reuse=True),
        "(c) Optuna, one process": plain_optuna,
        "(d) tabvae_ray": ours,
    }
    results: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for seed in range(seeds):
        half_time = None
        for name, way in ways.items():
            home = Path(tempfile.mkdtemp())
            inputs = space_of(home, n_trials, epochs, seed, "tpe")
            started = time.time()
            trials = way(inputs, home)
            seconds = time.time() - started
            half_time = half_time or seconds / 2
            results[name].append(judge(inputs, trials, seconds, started, half_time))
            shutil.rmtree(home)
            print(name, seed, results[name][-1], file=sys.stderr)
    keys = ("seconds", "epochs", "volume", "volume of the front", "volume at half")
    keys += ("js", "correlation", "zombies")
    show(
        f"The same search four ways: {n_trials} trials, {epochs} epochs, {SLOTS} slots, "
        f"medians over {seeds} seeds",
        [
            (name, *(f"{median(r[key] for r in found):.4g}" for key in keys))
            for name, found in results.items()
        ],
        (
            "way",
            "seconds",
            "epochs trained",
            "hypervolume",
            "of the front alone",
            "at (a)'s half time",
            "best mean_js_distance",
            "best correlation_distance",
            "trials left RUNNING",
        ),
    )
    *others, last = results.items()
    for name, found in others:
        pairs = list(zip(found, last[1], strict=True))
        seconds = median(theirs["seconds"] / ours["seconds"] for theirs, ours in pairs)
        volumes = [ours["volume"] / theirs["volume"] for theirs, ours in pairs]
        print(
            f"{last[0]} against {name}: wall time 1/{seconds:.1f}, "
            f"hypervolume x {median(volumes):.4f} ({min(volumes):.4f} to {max(volumes):.4f})"
        )


def judge(
    inputs: SearchInputs,
    trials: list[dict[str, Any]],
    seconds: float,
    started: float,
    half_time: float,
) -> dict[str, float]:
    """Score the result of a way again, and return its numbers."""
    complete = [t for t in trials if t["epochs"] == inputs.space.budget and t["values"]]
    values = [t["values"] for t in complete]
    early = [t["values"] for t in complete if t["finished"] - started <= half_time]
    best = [complete[i] for i in front(as_losses(values, ["minimize"] * 2))] if values else []
    others = [t for t in complete if t.get("candidate") and t not in best]
    again = [rescore(inputs, t["parameters"], t["number"]) for t in [*best, *others]]
    return {
        "seconds": seconds,
        "epochs": sum(t["epochs"] for t in trials),
        "volume": volume(again),
        "volume of the front": volume(again[: len(best)]),
        "volume at half": volume(early),
        "js": min((a[0] for a in again), default=float("nan")),
        "correlation": min((a[1] for a in again), default=float("nan")),
        "zombies": sum(t["state"] == "RUNNING" for t in trials),
    }


def volume(values: list[list[float]]) -> float:
    """Compute the hypervolume below 1, the largest value of both distances."""
    return hypervolume(np.array(values), [1.0, 1.0]) if values else 0.0


def rescore(inputs: SearchInputs, parameters: dict[str, Any], number: int) -> list[float]:
    """Train again, with the same result bit for bit, and score on five fresh samples."""
    run = TrialRun(inputs.task())
    run.begin({"number": number, "parameters": parameters, "checkpoint": None})
    while not run.step()["done"]:
        pass
    assert run.vae is not None
    n, made = n_scored_rows(run.task, run.vae.config), run.vae.synthesizer()
    found = [
        inputs.comparison.compute(draw_rows(made, n, seed=10**6 + sample)).scores
        for sample in range(5)
    ]
    return [float(np.mean([scores[name] for scores in found])) for name in NAMES]


def ours(inputs: SearchInputs, home: Path) -> list[dict[str, Any]]:
    """Search with this project: way (d)."""
    outcome = run_search(inputs, concurrency=SLOTS)
    chosen_among = {candidate.record.number for candidate in outcome.candidates}
    return [
        {
            "number": record["number"],
            "candidate": record["number"] in chosen_among,
            "parameters": record["parameters"],
            "state": record["state"],
            "epochs": record["rungs"][-1]["epoch"] if record["rungs"] else 0,
            "values": list(record["objectives"].values()),
            "finished": file.stat().st_mtime,
        }
        for file in sorted((inputs.directory / "trials").on_this_machine().glob("*.json"))
        for record in [json.loads(file.read_text())]
    ]


class ByHand(tune.Trainable):
    """A trainable as a user would write it: train to the next rung, score, report."""

    def setup(self, config: dict[str, Any], task: SearchTask | None = None) -> None:
        """Start the first trial."""
        assert task is not None
        # As VAETrial does: garbage collection then skips everything that is loaded already.
        gc.freeze()
        self.task, self.run = task, TrialRun(task)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial."""
        parameters = {k: v for k, v in new_config.items() if k != "seed"}
        if isinstance(parameters.get("architecture.encoder_layer_sizes"), str):
            sizes = parameters["architecture.encoder_layer_sizes"]
            parameters["architecture.encoder_layer_sizes"] = json.loads(sizes)
        self.run.begin({"number": 0, "parameters": parameters, "checkpoint": None})
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung, and report."""
        report = self.run.step()
        return {
            "epochs": report.get("epoch", 0),
            "done": report["done"],
            **report.get("scores", {}),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save the model."""
        (Path(checkpoint_dir) / "state.pt").write_bytes(self.run.state())


def by_hand(inputs: SearchInputs, home: Path, *, reuse: bool) -> list[dict[str, Any]]:
    """Search with Ray Tune and OptunaSearch: ways (a) and (b)."""
    space = inputs.space
    search = OptunaSearch(
        {name: p for name, p in space.distributions(space.quasi_random(1)[0]).items()},
        metric=list(NAMES),
        mode=["min", "min"],
        seed=space.settings.seed,
        points_to_evaluate=[space.to_optuna(point) for point in space.initial],
    )
    scheduler = None
    if reuse:
        scheduler = tune.schedulers.ASHAScheduler(
            time_attr="epochs",
            metric=NAMES[0],
            mode="min",
            max_t=space.budget,
            grace_period=inputs.rungs[0],
            reduction_factor=space.settings.eta,
        )
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(ByHand, task=inputs.task()), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=search,
                scheduler=scheduler,
                num_samples=space.settings.n_trials,
                reuse_actors=reuse,
            ),
            run_config=tune.RunConfig(storage_path=str(home / "ray"), verbose=0),
        )
        grid = tuner.fit()
    finally:
        ray.shutdown()
    states = [trial.state.name for trial in search._ot_study.trials]
    trials = []
    for i, result in enumerate(grid):
        metrics = result.metrics or {}
        parameters = dict(metrics.get("config", {}))
        sizes = parameters.get("architecture.encoder_layer_sizes")
        if isinstance(sizes, str):
            parameters["architecture.encoder_layer_sizes"] = json.loads(sizes)
        trials.append(
            {
                "number": 0,
                "parameters": parameters,
                "state": states[i] if i < len(states) else "RUNNING",
                "epochs": metrics.get("epochs", 0),
                "values": [metrics[name] for name in NAMES] if NAMES[0] in metrics else [],
                "finished": metrics.get("timestamp", float("inf")),
            }
        )
    return trials


def plain_optuna(inputs: SearchInputs, home: Path) -> list[dict[str, Any]]:
    """Search with Optuna alone: way (c)."""
    space, task = inputs.space, inputs.task()
    found = []

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        run = TrialRun(task)
        parameters = space.suggest(trial)
        run.begin({"number": 0, "parameters": parameters, "checkpoint": None})
        while not (report := run.step())["done"]:
            pass
        values = tuple(report["scores"][name] for name in NAMES)
        found.append(
            {
                "number": 0,
                "parameters": parameters,
                "state": "COMPLETE",
                "epochs": report["epoch"],
                "values": list(values),
                "finished": time.time(),
            }
        )
        return values

    study = optuna.create_study(
        directions=["minimize"] * 2, sampler=optuna.samplers.TPESampler(seed=space.settings.seed)
    )
    for point in space.initial:
        study.enqueue_trial(space.to_optuna(point))
    study.optimize(objective, n_trials=space.settings.n_trials)
    return found


def space_of(home: Path, n_trials: int, epochs: int, seed: int, sampler: str) -> SearchInputs:
    """Prepare a search of the space that ships, with another budget."""
    document = yaml.safe_load(SPACE.read_text())
    document["base"]["training"]["max_n_epochs"] = epochs
    document["search"] |= {"n_trials": n_trials, "seed": seed, "sampler": sampler}
    if epochs == 1:
        document["search"]["scheduler"] = "none"
    file = home / "space.yaml"
    file.write_text(yaml.safe_dump(document))
    return prepare_inputs(space=str(file), out=str(home / "runs"))


def resident() -> float:
    """Return the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("what", choices=("overhead", "compare"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    if options.what == "overhead":
        overhead()
    else:
        compare(options.seeds, options.trials, options.epochs)


if __name__ == "__main__":
    main()
