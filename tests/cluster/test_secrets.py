"""A search whose table and directory lie in an object store, with the keys in their URIs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tabvae_ray.errors import ConfigError
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.storage import Location
from tests.support.drivers import fresh_search
from tests.support.s3_server import KEY, SECRET

ROOT = Path(__file__).parents[2]


def files_below(directory: Location) -> Iterator[Location]:
    for child in directory.children():
        if child.is_dir():
            yield from files_below(child)
        else:
            yield child


def forms(secret: str) -> tuple[bytes, ...]:
    """Return a secret as it is, and as Ray writes pickled objects into JSON."""
    return secret.encode(), secret.encode().hex().encode()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://key:hidden@bucket/a?region=eu", "s3://***@bucket/a?region=eu"),
        ("--study-storage=postgresql://me:hidden@host:5432/db", "postgresql://***@host:5432/db"),
        ("s3://key:hidden/hidden@bucket/a", "***"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_the_command_line_that_ray_shows_holds_no_credentials(given: str, shown: str) -> None:
    code = (
        "from ray._private.utils import get_entrypoint_name\n"
        "from tabvae_ray.cluster.secrets import mask_command_line\n"
        "mask_command_line(); print(get_entrypoint_name())"
    )
    command = [sys.executable, "-c", code, given]
    said = subprocess.check_output(command, text=True)
    assert shown in said
    assert "hidden" not in said


@pytest.mark.nightly
@pytest.mark.slow
def test_no_file_of_a_search_holds_the_keys_of_its_storage(
    tiny: dict, s3: Location, tmp_path: Path
) -> None:
    table = s3 / "heart.csv"
    table.write_bytes((ROOT / "assets" / "heart.csv").read_bytes())
    tiny["base"]["data"] = {"training_dataset_path": table.uri}
    tiny["search"] |= {"n_trials": 2, "scheduler": "none"}
    space = s3 / "keys.yaml"
    space.write_text(yaml.safe_dump(tiny))
    # Ray shows command lines: this one is the command's own.
    done = fresh_search("--space", space.uri, "--out", (s3 / "runs").uri, "--json")
    assert done.returncode == 0, done.stderr
    found = list(files_below(s3 / "runs"))
    names = {file.name for file in found}
    assert names >= {"search.json", "synthesizer.json", "report.html", "000001.json", "state.pt"}
    texts = {str(file): file.read_bytes() for file in found}
    texts |= {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    for secret in (KEY, SECRET):
        for form in forms(secret):
            assert [name for name, text in texts.items() if form in text] == []

    # What was masked must be given again.
    with pytest.raises(ConfigError, match=r"--data: must be given again, with credentials: s3://"):
        prepare_inputs(space=None, out=(s3 / "runs").uri, name="keys", resume=True)
    again = prepare_inputs(
        space=None, out=(s3 / "runs").uri, name="keys", resume=True, data=table.uri
    )
    assert len(again.table) > 900
