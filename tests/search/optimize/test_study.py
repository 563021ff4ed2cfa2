from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.driver.resume import storage_url
from tabvae_ray.search.optimize.study import create_study, open_study
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import manifest


def test_the_storage_of_a_study_is_remembered_and_its_secrets_are_not(space: SearchSpace) -> None:
    assert storage_url(None, None) == (None, None)
    plain = "sqlite:///studies.db"
    assert storage_url(plain, None) == (plain, plain)
    assert storage_url(None, manifest(space, study_storage=plain)) == (plain, plain)
    secret = "postgresql://me:hidden@host/db?password=hidden"
    url, shown = storage_url(secret, manifest(space, study_storage=plain))
    assert url == secret
    assert shown is not None and "hidden" not in shown and "me" in shown and "host/db" in shown
    with pytest.raises(ConfigError, match="--study-storage: must be given again, with credentials"):
        storage_url(None, manifest(space, study_storage=shown))
    with pytest.raises(ConfigError, match="--study-storage: cannot be opened: must be a URL"):
        storage_url("nothing", None)


def test_the_study_of_a_driver_that_was_killed_makes_way_for_its_search(
    space: SearchSpace, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    directory, mine = Location(tmp_path), manifest(space, runs=2)
    optuna.create_study(study_name="mine", storage=url, directions=space.directions)
    with pytest.raises(ConfigError, match="has a study named 'mine' already"):
        open_study(space, manifest(space, runs=1), directory, url, [])
    open_study(space, mine, directory, url, [TrialRecord(0, "FAIL", {})])
    study = open_study(space, mine, directory, url, [])
    assert study.user_attrs["search"] == mine.id
    assert study.trials == []
    with pytest.raises(ConfigError, match="has a study named 'mine' already"):
        open_study(space, manifest(space, runs=2), directory, url, [])


def test_a_study_has_an_owner_before_it_has_trials(space: SearchSpace) -> None:
    class Killed(optuna.storages.InMemoryStorage):
        def create_new_trial(self, *arguments: object, **options: object) -> int:
            raise KeyboardInterrupt

    storage = Killed()
    with pytest.raises(KeyboardInterrupt):
        create_study(space, "mine", storage, [TrialRecord(0, "FAIL", {})], {"search": "id"})
    (summary,) = optuna.get_all_study_summaries(storage)
    assert summary.user_attrs == {"search": "id"}


def test_an_object_store_without_another_storage_is_worth_one_word(
    space: SearchSpace, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = Location("s3://bucket/runs/mine")
    for runs in (1, 2):
        open_study(space, manifest(space, runs=runs), bucket, None, [])
    assert caplog.text.count("there is no study.log") == 1


def test_a_rebuilt_study_says_when_its_trials_ran_and_names_its_objectives(
    space: SearchSpace, tmp_path: Path
) -> None:
    began = datetime(2026, 3, 1, 12, 30)
    times = {"started": began.timestamp(), "ended": began.timestamp() + 90}
    records = [TrialRecord(0, "FAIL", {}, **times), TrialRecord(1, "FAIL", {})]
    study = open_study(space, manifest(space, runs=2), Location(tmp_path), None, records)
    dated, undated = study.trials
    assert (dated.datetime_start, dated.duration) == (began, timedelta(seconds=90))
    assert undated.datetime_start is not None and undated.datetime_start > began
    assert study.metric_names == list(space.objectives)
