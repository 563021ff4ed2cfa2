"""Mutated files are refused with one short message of the package's own, or they work."""

import copy
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from optuna.trial import TrialState, create_trial

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TransformersConfig
from tabvae_ray.documents import read_document, write_json
from tabvae_ray.generation.shards.manifest import MANIFEST, ShardManifest
from tabvae_ray.generation.shards.run import generate_shards
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.report.chosen_model import chosen_model
from tabvae_ray.report.contents import gather
from tabvae_ray.report.page import render
from tabvae_ray.results.claims import claim
from tabvae_ray.results.claims.claim import claimed
from tabvae_ray.results.claims.holder import Holder
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.search.display.progress_log import ProgressLog
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.search.driver.finished import finished_outcome
from tabvae_ray.search.driver.resume import begin_or_resume, make_scheduler, restore_trials
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.optimize.sampler import choose_sampler, first_points
from tabvae_ray.search.optimize.study import create_study
from tabvae_ray.space.space_file import load_space, parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.mutations import N, as_json, check_mutations
from tests.support.records import finished
from tests.support.spaces import TINY
from tests.support.tables import small_config

SPACE: dict[str, Any] = {
    **TINY,
    "parameters": {
        **TINY["parameters"],
        "training.optimizer": {"type": "categorical", "choices": ["adam", "adamw"]},
        "training.weight_decay": {
            "type": "float",
            "low": 0.0,
            "high": 0.1,
            "step": 0.01,
            "when": {"training.optimizer": "adamw"},
        },
        "architecture.decoder_layer_sizes": {"type": "categorical", "choices": [[16], [8], None]},
    },
    "objectives": {"mean_js_distance": "minimize", "column_shapes": "maximize"},
    "constraints": {"correlation_distance": {"max": 0.5}},
    "initial": [{"architecture.latent_dim": 4, "training.optimizer": "adam"}],
    "search": {**TINY["search"], "select": "weights 1,2", "eta": 3, "time_budget": 60.0},
}
SPEC: dict[str, Any] = {
    "continuous": ["size"],
    "identifier": ["key"],
    "columns": {
        "day": {"kind": "datetime", "format": "%d/%m/%Y", "timezone": "Europe/Berlin"},
        "grade": {"kind": "categorical", "categories": ["A", "B", "C"], "missing_values": ["?"]},
        "number": {
            "kind": "continuous",
            "minimum": 0,
            "maximum": 99,
            "dtype": "float64",
            "padding": "{:>8}",
            "written_dtype": "str",
        },
        "code": {"kind": "identifier", "pattern": "[A-Z]-[0-9]{6}"},
    },
    "target": "grade",
    "missing_values": ["unknown"],
    "others": "infer",
    "rules": {"find": False, "add": ["total = size + number"], "deny": ["day"]},
}


def make_table(n: int = 40) -> pd.DataFrame:
    """Make a table with a column of each kind."""
    rng = np.random.default_rng(0)
    size, number = rng.normal(9, 2, n).round(1), rng.integers(0, 9, n)
    table = {
        "size": size,
        "number": number,
        "total": (size + number).round(1),
        "grade": rng.choice(["A", "B", "C"], n),
        "day": [f"{day:02d}/0{1 + day % 9}/2020" for day in rng.integers(1, 28, n)],
        "key": rng.permutation(10**6)[:n],
        "code": [f"K-{i:06d}" for i in rng.permutation(10**6)[:n]],
    }
    return pd.DataFrame(table)


def spec_of(table: pd.DataFrame) -> TableSpec:
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping(SPEC))


@pytest.mark.parametrize("name", ["space.json", "space.yaml"])
def test_spaces(name: str, tmp_path: Path) -> None:
    source = tmp_path / name

    def search_it() -> None:
        space = load_space(str(source))
        assert parse_space(space.to_mapping()).to_mapping() == space.to_mapping()
        choose_sampler(space)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for point in first_points(space)[:4]:
            study.enqueue_trial(space.to_optuna(point))
        for _ in range(5):
            values = space.suggest(study.ask())
            space.config(values)
            parts = space.to_optuna(values), space.distributions(values)
            create_trial(state=TrialState.FAIL, params=parts[0], distributions=parts[1])

    content = as_json(SPACE) if name.endswith("json") else yaml.safe_dump(SPACE).encode()
    check_mutations(source, content, search_it, name, N // 2)


@pytest.mark.parametrize("form", ["short", "complete"])
def test_specs(form: str, tmp_path: Path) -> None:
    table, source = make_table(), tmp_path / "spec.json"

    def encode_with_it() -> None:
        spec = TableSpec.infer(table, declared=SpecDeclaration.load(str(source)))
        written = json.loads(json.dumps(spec.to_mapping(), allow_nan=False))
        assert TableSpec.from_mapping(written) == spec
        encoder = TableEncoder.fit(table, spec, TransformersConfig())
        encoder.check_identifiers(len(table), 0)
        rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
        assert len(rows) == len(table)

    document = SPEC if form == "short" else spec_of(table).to_mapping(with_sources=False)
    check_mutations(source, as_json(document), encode_with_it, form, N // 2)


def test_plans(tmp_path: Path) -> None:
    source = tmp_path / "plan.json"
    whole = ComparisonPlan.complete().model_dump(mode="json")
    check_mutations(
        source,
        as_json(whole),
        lambda: ComparisonPlan.from_mapping(read_document(Location(source)), "plan"),
        "plan",
    )


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the export of a small model with all that an export may have."""
    table = make_table()
    small = {
        "architecture.encoder_layer_sizes": [4],
        "architecture.latent_dim": 2,
        "architecture.n_embd": 2,
        "architecture.prior": "gmm",
        "architecture.prior_components": 2,
        "training.max_n_epochs": 1,
        "transformers.max_categories": 2,
        "transformers.max_atoms": 4,
        "transformers.n_bins_cts": 3,
    }
    vae = TabularVAE.build(spec_of(table), small_config(**small))
    vae.fit(table)
    path = tmp_path_factory.mktemp("export") / "best"
    vae.synthesizer().save(path, scores={"mean_js_distance": 0.1}, provenance={"trial": 3})
    return path


@pytest.mark.parametrize("name", ["synthesizer.json", "model.safetensors"])
def test_exports(name: str, export: Path, tmp_path: Path) -> None:
    for file in export.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())

    def generate() -> None:
        synthesizer = load_synthesizer(tmp_path)
        rows = synthesizer.generate(20)
        assert len(rows) == 20 and len(synthesizer.generate(0)) == 0
        synthesizer.encoder.encode(rows)

    check_mutations(tmp_path / name, (export / name).read_bytes(), generate, name)


def test_manifests_of_shards(export: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"seed": 3, "shard_rows": 20, "device": "cpu"}

    def go_on() -> None:
        done = generate_shards(str(export), 40, str(tmp_path), **options)
        assert done.state == "complete" and sum(shard.rows for shard in done.shards) == 40
        assert ShardManifest.read(Location(tmp_path)) == done

    go_on()
    check_mutations(
        tmp_path / MANIFEST, (tmp_path / MANIFEST).read_bytes(), go_on, "shards", N // 10
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

    check_mutations(source, source.read_bytes(), read, "record")


class FinishedSearch:
    """A search of four finished trials on a disk.

    Args:
        directory: Where it is made.
    """

    def __init__(self, directory: Path) -> None:
        self.home, self.path = directory, directory / "search"
        table = directory / "table.csv"
        make_table()[["size", "total", "grade"]].to_csv(table, index=False)
        space: dict[str, Any] = copy.deepcopy(TINY)
        space["search"]["n_trials"] = 4
        write_json(Location(directory / "space.json"), space)
        self.inputs = prepare_inputs(
            space=str(directory / "space.json"), out=str(directory), name="search", data=str(table)
        )
        store = RecordStore(Location(self.path))
        for number in range(4):
            record = finished(number, "COMPLETE", 9, js=0.1 * (1 + number))
            record.parameters = {"architecture.loss_beta": 0.1, "architecture.latent_dim": 3}
            store.finish(record)
        made = self.inputs.manifest(resources=vars(Resources()))
        level = {"mean": 0.1, "spread": 0.01}
        made.levels = {"resample": {"mean_js_distance": level}, "n_rows": 40, "n_synthetic": 40}
        scores = {"mean_js_distance": 0.1, "correlation_distance": 0.5}
        candidate = {"trial": 0, **scores, "spread": dict.fromkeys(scores, 0.01)}
        made.chosen = {"trial": 0, "reason": "ideal", "candidates": [candidate]}
        made.state, made.runs, made.front, made.trials = "finished", 1, [0], {"COMPLETE": 4}
        made.write(Location(self.path))
        (self.path / "best").mkdir()
        (self.path / "best" / "synthesizer.json").write_text("{}")
        write_json(Location(self.path / "best" / "scores.json"), {**candidate, "trial": 1})

    def resume(self) -> None:
        """Do all that resuming does before Ray starts."""
        inputs = prepare_inputs(space=None, out=str(self.home), name="search", resume=True)
        start = begin_or_resume(inputs, Resources(), None, resume=True)
        store = RecordStore(Location(self.path), inputs.space.objectives)
        done, unfinished = restore_trials(store, make_scheduler(inputs), inputs.space)
        finished_outcome(inputs, start, done, unfinished)

    def restore(self) -> None:
        """Read the records, and make the study and the log of them."""
        store = RecordStore(Location(self.path), self.inputs.space.objectives)
        done, unfinished = restore_trials(store, make_scheduler(self.inputs), self.inputs.space)
        create_study(self.inputs.space, "search", None, [*done, *unfinished])
        ProgressLog(Location(self.path), RunStatistics(self.inputs.space, 1, done), done)

    def report(self) -> None:
        """Make the page without the table, whose pictures would take seconds each."""
        (self.home / "table.csv").unlink(missing_ok=True)
        render(gather(Location(self.path)))

    def describe_model(self) -> None:
        """Make what the page says of the chosen model."""
        (self.home / "table.csv").unlink(missing_ok=True)
        chosen_model(gather(Location(self.path)))


@pytest.fixture
def search(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> FinishedSearch:
    caplog.set_level(logging.ERROR, logger="tabvae_ray")
    return FinishedSearch(tmp_path)


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("search.json", FinishedSearch.resume),
        ("search.json", FinishedSearch.report),
        ("trials/000001.json", FinishedSearch.restore),
        ("progress.jsonl", FinishedSearch.restore),
        ("best/scores.json", FinishedSearch.describe_model),
    ],
)
def test_files_of_a_search(
    name: str, use: Callable[[FinishedSearch], None], search: FinishedSearch
) -> None:
    search.restore()
    source = search.path / name
    check_mutations(source, source.read_bytes(), lambda: use(search), name, N // 2)


def test_claims(search: FinishedSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    # How long a driver waits for the sign of another one's life.
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 0.0)
    source = search.path / "driver.json"
    dead = {**asdict(Holder.here()), "pid": 2**22 + 1}

    def hold() -> None:
        with claimed(Location(search.path)):
            pass

    check_mutations(source, as_json(dead), hold, "claim")
