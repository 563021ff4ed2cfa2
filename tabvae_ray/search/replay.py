"""Train one trial of a search again, alone, to see whether its scores come back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.documents import finite
from tabvae_ray.errors import ConfigError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.resume import check_unchanged
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.sources import SpecSource
from tabvae_ray.search.trials.trial import TrialRun
from tabvae_ray.storage import Location
from tabvae_ray.table.reading.frames import Frame, Source

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """A trial and what it reported when it was trained again.

    Args:
        record: The trial as recorded.
        rungs: Its new reports.
    """

    record: TrialRecord
    rungs: list[Rung]

    def __repr__(self) -> str:
        n = len(self.rungs)
        return f"{type(self).__name__}(trial {self.record.number}, {n} reports, same={self.same})"

    @property
    def same(self) -> bool:
        """True if all reports came back, bit for bit."""
        return [(r.epoch, r.objectives, r.losses) for r in self.rungs] == [
            (r.epoch, r.objectives, r.losses) for r in self.record.rungs
        ]


def replay(
    file: str,
    *,
    data: Source | Frame | None = None,
    spec: SpecSource | None = None,
    on_rung: Callable[[Rung], None] = lambda rung: None,
) -> Replay:
    """Train a trial again, without Ray, for as many epochs as it had.

    Args:
        file: The trial's record, such as ``runs/beta/trials/000007.json``.
        data: The table; the one that the search read if not given.
        spec: The table's spec, likewise.
        on_rung: Called with every report.

    Raises:
        ConfigError: If the record is not in a search, or the table is another one.
    """
    source = Location(file)
    directory = source.parent.parent
    number = PurePosixPath(source.name).stem
    found = [r for r in RecordStore(directory).finished() if f"{r.number:06d}" == number]
    if not found or source.parent.name != "trials":
        raise ConfigError(f"--replay: {source} is no record of a finished trial of a search")
    record = found[0]
    if not record.rungs:
        raise ConfigError(f"--replay: {source} reported nothing: {record.reason}")
    before = SearchManifest.read(directory)
    inputs = prepare_inputs(
        space=None,
        out=directory.parent.uri,
        name=directory.name,
        data=data,
        spec=spec,
        resume=True,
    )
    check_unchanged(before, inputs.manifest(resources=before.resources))
    resources = Resources(cpus=before.resources["cpus"], gpus=before.resources["gpus"])
    task = inputs.task(resources)
    # A trial also reports where the time of its search was over.
    rungs_then = {*task.rungs, *(rung.epoch for rung in record.rungs)}
    run = TrialRun(replace(task, rungs=tuple(sorted(rungs_then))))
    run.begin({"number": record.number, "parameters": record.parameters, "checkpoint": None})
    rungs: list[Rung] = []
    while not rungs or rungs[-1].epoch < record.epochs:
        if record.batch_size is not None and record.batch_size_from == run.epoch:
            run.shrink()
        report = run.step()
        if "epoch" not in report:
            break
        rungs.append(Rung(int(report["epoch"]), finite(report["scores"]), finite(report["losses"])))
        on_rung(rungs[-1])
        if report["done"]:
            break
    return Replay(record, rungs)
