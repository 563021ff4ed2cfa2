"""Trial records and manifests for tests that need no search."""

from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location


def finished(number: int, state: str, epochs: int, js: float = 0.2) -> TrialRecord:
    scores = {"mean_js_distance": js, "correlation_distance": 0.5}
    record = TrialRecord(number, state, {}, rungs=[Rung(epochs, dict(scores))])  # type: ignore[arg-type]
    record.objectives = scores if state == "COMPLETE" else {}
    return record


def run_state(*active: TrialRecord) -> RunState:
    state = RunState(RecordStore(Location("/nothing")))
    state.active = {str(record.number): record for record in active}
    return state


def manifest(space: SearchSpace, **changes: object) -> SearchManifest:
    made = SearchManifest(
        name="mine",
        space=space.to_mapping(),
        space_file="x.yaml",
        data="t.csv",
        spec={},
        table={"fingerprint": "", "rows": 3, "columns": 1},
        rungs=[1],
        sampler="tpe",
        resources={},
        runs=1,
    )
    for key, value in changes.items():
        setattr(made, key, value)
    return made
