"""Make a directory of shards, in this process or by workers on a Ray cluster."""

import hashlib
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress

from rich.console import Console

from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.generation.export_files import loaded_files
from tabvae_ray.generation.shards.maker import MadeShards, ShardMaker
from tabvae_ray.generation.shards.manifest import ShardManifest, ShardRecord, versions
from tabvae_ray.generation.shards.plan import ShardPlan
from tabvae_ray.generation.shards.progress import INTERVAL_SECONDS, ShardProgress
from tabvae_ray.generation.synthesizer import BLOCK_ROWS, load_synthesizer
from tabvae_ray.storage import Location

__all__ = ["SHARD_ROWS", "generate_shards"]

SHARD_ROWS = 16 * BLOCK_ROWS


def generate_shards(
    model: Location | str,
    rows: int,
    out: Location | str,
    *,
    seed: int = 0,
    temperature: float | None = None,
    use_mean: bool | None = None,
    sample: bool | None = None,
    device: str = "auto",
    shard_rows: int = SHARD_ROWS,
    address: str | None = None,
    workers: int | None = None,
    console: Console | None = None,
    log: JsonLog | None = None,
) -> ShardManifest:
    """Make rows and write them to a directory of Parquet shards, with a manifest.

    The rows of all shards are those that ``generate`` makes with the same seed, for any number of
    workers and any ``shard_rows``. Different models of CPU round differently, so a few rows in a
    hundred may differ between them. Shards that an earlier run finished in the same directory are
    checked and kept.

    Args:
        model: The export, a path or URI.
        rows: Number of rows, >= 0.
        out: The directory, a path or URI; on a cluster, one that all nodes share.
        seed: See :meth:`TabularVAESynthesizer.generate`.
        temperature: See :meth:`TabularVAESynthesizer.generate`.
        use_mean: See :meth:`TabularVAESynthesizer.generate`.
        sample: See :meth:`TabularVAESynthesizer.generate`.
        device: ``cpu``, ``cuda``, or ``auto``, which on a cluster is ``cpu``: CPUs and GPUs make
            different rows, and not all nodes may have a GPU.
        shard_rows: Rows of each shard but the last, >= 1.
        address: The Ray cluster to use: ``auto``, ``host:port``, ``ray://host:port``, or ``local``
            to start one on this machine; without a cluster, in this process, if None.
        workers: Processes on the cluster, each with one CPU, and one GPU for ``cuda``; one per CPU
            or GPU that the cluster has now if None.
        console: Where to show progress; stderr if None.
        log: Where progress is events in place of what a console shows.

    Returns:
        The manifest.

    Raises:
        ConfigError: If an option is invalid, ``out`` was begun with another model, seed, number of
            rows or option, or the cluster cannot be reached.
        ExportError: If ``model`` is not an export.
        StorageError: If a shard cannot be written.
    """
    plan, target = ShardPlan(rows, shard_rows), Location(out)
    if seed < 0:
        raise ConfigError(f"--seed must be >= 0, but got {seed}")
    if workers is not None and (address is None or workers < 1):
        raise ConfigError(f"--workers must be >= 1 and needs --address, but got {workers}")
    on_driver = device if address is None else "cpu"
    synthesizer = load_synthesizer(model, on_driver)
    files = loaded_files(Location(model))
    defaults = synthesizer.config.generation
    manifest = ShardManifest(
        rows=rows,
        shard_rows=shard_rows,
        seed=seed,
        options={
            "temperature": defaults.temperature if temperature is None else temperature,
            "use_mean": defaults.use_mean if use_mean is None else use_mean,
            "sample": defaults.sample if sample is None else sample,
            "device": "cuda" if "cuda" in (device, synthesizer.device.type) else "cpu",
        },
        model=str(Location(model)),
        fingerprint=_fingerprint(files),
        versions=versions(),
    )
    known = _known(manifest, target)
    show = ShardProgress(console or Terminal(file=sys.stderr), plan, log)
    with ExitStack() as stack:
        if address is None:
            maker = ShardMaker(synthesizer, manifest, target)
            made: MadeShards = (
                (index, *maker.make(index, known.get(index))) for index in range(len(plan))
            )
        else:
            from tabvae_ray.generation.shards.workers import Job, on_ray

            job = Job(manifest, target)
            made = stack.enter_context(on_ray(job, files, known, address, workers, show.say))
        return _run(manifest, known, made, target, show)


def _run(
    manifest: ShardManifest,
    known: Mapping[int, ShardRecord],
    made: MadeShards,
    out: Location,
    show: ShardProgress,
) -> ShardManifest:
    """Collect finished shards, and keep the manifest and the progress display up to date."""
    records, n_done, written = dict(known), 0, time.monotonic()
    # Workers look for the manifest to check that they see the directory.
    manifest.with_shards(records).write(out)
    with show:
        try:
            for index, record, is_new in made:
                records[index] = record
                n_done += 1
                show.finished(record, is_new)
                if time.monotonic() - written >= INTERVAL_SECONDS:
                    manifest.with_shards(records).write(out)
                    written = time.monotonic()
        except BaseException:
            with suppress(StorageError):
                manifest.with_shards(records).write(out)
            show.say(
                f"{n_done} of {len(show.plan)} shards are done in {out}; "
                "run the same command again to continue"
            )
            raise
    complete = manifest.with_shards(records, complete=True)
    complete.write(out)
    for child in out.children():
        # Left behind by killed processes; no shard is being written any more.
        if child.name.startswith(".part-") and child.name.endswith(".tmp"):
            child.remove()
    return complete


def _known(manifest: ShardManifest, out: Location) -> dict[int, ShardRecord]:
    """Return the records of shards that an earlier run finished, by index."""
    plan = manifest.plan
    before = ShardManifest.read(out)
    if before is None:
        return {}
    manifest.check_resumes(before, out)
    numbers = {plan.name(index): index for index in range(len(plan))}
    return {numbers[record.name]: record for record in before.shards if record.name in numbers}


def _fingerprint(files: Mapping[str, bytes]) -> str:
    digests = (hashlib.sha256(content).digest() for content in files.values())
    return hashlib.sha256(b"".join(digests)).hexdigest()
