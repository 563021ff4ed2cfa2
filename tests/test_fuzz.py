"""Mutated files are refused with one short message of the package's own, or read."""

import json
import random
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.documents import read_document
from tabvae_ray.errors import TabVAEError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.storage import Location
from tests.support.mutations import as_json, mutated_bytes, mutated_value
from tests.support.records import finished

N = 500


def check(
    source: Path,
    content: bytes,
    read: Callable[[], object],
    seed: str,
    n: int = N,
) -> None:
    """Read ``n`` mutations of a file; half are of its bytes, half of its values."""
    document = None
    if source.suffix != ".safetensors":
        source.write_bytes(content)
        document = read_document(Location(source))
    for i in range(n):
        rng = random.Random(f"{seed} {i}")
        if i % 2 or document is None:
            changed = mutated_bytes(content, rng)
        else:
            changed = as_json(mutated_value(document, rng))
        source.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
        except TabVAEError as error:
            message = str(error)
            assert message and len(message.splitlines()) <= 21 and len(message) < 10_000
        except Exception as error:
            raise AssertionError(f"mutation {i} of {source.name}: {changed[:600]!r}") from error


def test_plans(tmp_path: Path) -> None:
    source = tmp_path / "plan.json"
    whole = ComparisonPlan.complete().model_dump(mode="json")
    check(
        source,
        as_json(whole),
        lambda: ComparisonPlan.from_mapping(read_document(Location(source)), "plan"),
        "plan",
    )


def test_trial_records(tmp_path: Path) -> None:
    store = RecordStore(Location(tmp_path), ["mean_js_distance"])
    record = finished(3, "COMPLETE", 4)
    record.parameters = {"architecture.latent_dim": 3, "training.learning_rate": 0.1, "x": [1, 2]}
    store.finish(record)
    source = tmp_path / "trials" / "000003.json"

    def read() -> None:
        for found in store.finished():
            found.values(["mean_js_distance"]) if found.state == "COMPLETE" else found.epochs
            json.dumps(asdict(found))
        store.write_table(store.finished(), ["mean_js_distance"])

    check(source, source.read_bytes(), read, "record")
