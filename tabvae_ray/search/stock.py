"""What is there already when a search starts or goes on."""

import time
from collections.abc import Sequence

from ray.tune.schedulers import TrialScheduler

from tabvae_ray.errors import ConfigError
from tabvae_ray.search.manifest import HEARTBEAT_SECONDS, Manifest
from tabvae_ray.search.records import Records, TrialRecord
from tabvae_ray.search.scheduler import MultiObjectiveASHA, PatientFIFO
from tabvae_ray.search.setup import Setup
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["earlier", "make_scheduler", "n_reports", "take_stock"]

# A search whose driver has written so long ago is not waited for: it has none.
_SURELY_DEAD_SECONDS = 3600.0


def earlier(directory: Location, *, resume: bool) -> Manifest | None:
    """The manifest of the search that is resumed; None if one begins.

    Raises:
        ConfigError: If the directory is not what the user takes it for, or its search is at work.
    """
    there = (directory / "search.json").exists()
    if resume and not there:
        raise ConfigError(f"--resume: there is no search in {directory}")
    if not there:
        # Hidden files are what a driver that was killed at once has left of its first write.
        if any(not child.name.startswith(".") for child in directory.children()):
            raise ConfigError(
                f"{directory} is not empty, and holds no search: give another --name or --out"
            )
        return None
    if not resume:
        raise ConfigError(
            f"{directory} holds a search already: go on with it by --resume, or give another --name"
        )
    before = Manifest.read(directory)
    _check_idle(before, directory)
    return before


def make_scheduler(setup: Setup) -> TrialScheduler:
    """The scheduler that the space asks for."""
    settings = setup.space.settings
    if settings.scheduler == "none":
        return PatientFIFO()  # type: ignore[no-untyped-call]
    return MultiObjectiveASHA(
        setup.space.objectives,
        max_t=setup.rungs[-1],
        grace_period=setup.rungs[0],
        eta=settings.eta,
        time_attr="epoch",
        trial_attr="number",
    )


def take_stock(
    records: Records, scheduler: TrialScheduler, space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Finished and unfinished trials, with the scheduler brought to where it was."""
    finished, unfinished = records.finished(), records.running()
    reports = [(rung, record) for record in [*finished, *unfinished] for rung in record.rungs]
    stopped = set()
    if isinstance(scheduler, MultiObjectiveASHA):
        for rung, record in sorted(reports, key=lambda report: report[0].order):
            known = {**rung.losses, **rung.objectives}
            values = [known.get(name) for name in space.objectives]
            goes_on = scheduler.report(
                str(record.number),
                rung.epoch,
                [float("nan") if value is None else value for value in values],
            )
            if not goes_on and rung.epoch < space.budget:
                stopped.add(record.number)
    still_running = []
    for record in unfinished:
        if record.number in stopped:
            # Its driver died between the scheduler's decision and the record of it.
            record.state, record.reason = "PRUNED", f"stopped at the rung of {record.epochs} epochs"
            records.finish(record)
            finished.append(record)
        else:
            records.forget_lost_checkpoint(record)
            still_running.append(record)
    return finished, still_running


def n_reports(known: Sequence[TrialRecord]) -> int:
    """How many reports the search has had."""
    return max((rung.order for record in known for rung in record.rungs), default=0)


def _check_idle(before: Manifest, directory: Location) -> None:
    """Two drivers of one search would train the same trials and remove each other's checkpoints."""
    if before.state != "running":
        return
    where = f"{before.driver.get('host')} (process {before.driver.get('pid')})"
    message = f"--resume: {directory} is at work on {where}: stop that one first"
    silent = time.time() - before.updated
    if before.is_driven_from_here():
        # A process that has written nothing for so long has but inherited the number.
        if before.is_driver_alive() and silent < 6 * HEARTBEAT_SECONDS:
            raise ConfigError(message)
        return
    # Clocks of two machines may differ by minutes, but not by an hour.
    if abs(silent) > _SURELY_DEAD_SECONDS:
        return
    time.sleep(2.5 * HEARTBEAT_SECONDS)
    if Manifest.read(directory).updated != before.updated:
        raise ConfigError(message)
