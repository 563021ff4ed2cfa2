"""Searches inside an application that uses Ray itself, and inside a Ray job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clusters import SECONDS, started_head, without_ray
from tests.support.s3_server import free_ports
from tests.support.tables import make_mixed

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
ROOT = Path(__file__).parents[2]

APPLICATION = """
import os
import ray
import tabvae_ray

os.chdir({home!r})
ray.init(**{options!r})

@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.count = 0

    def add(self):
        self.count += 1
        return self.count

counter = Counter.remote()
before = ray.get_runtime_context().get_job_id()
for name in {names!r}:
    result = tabvae_ray.search(
        "table.csv", space="smoke", name=name, display=False, report=False
    )
    assert result.state == "finished" and len(result.generate(5)) == 5
    assert ray.is_initialized() and ray.get_runtime_context().get_job_id() == before
assert ray.get(counter.add.remote()) == 1
print("the application goes on")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a directory with a table."""
    make_mixed(200).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def script(home: Path, names: tuple[str, ...], **options: object) -> Path:
    file = home / "application.py"
    file.write_text(APPLICATION.format(home=str(home), names=names, options=options))
    return file


def completed(*words: object) -> subprocess.CompletedProcess[str]:
    environment = without_ray() | {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"}
    return subprocess.run(
        list(map(str, words)), env=environment, capture_output=True, text=True, timeout=2 * SECONDS
    )


def test_an_application_that_has_called_ray_init_searches_twice_and_goes_on(home: Path) -> None:
    # By default Ray would join a cluster that another test has started on this machine.
    options = {"address": "local", "num_cpus": 2, "include_dashboard": False, "namespace": "mine"}
    done = completed(sys.executable, script(home, ("first", "second"), **options))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the application goes on"
    assert "SIGABRT" not in done.stdout + done.stderr
    assert {file.name for file in (home / "runs").iterdir()} == {"first", "second"}


def test_a_ray_job_searches_on_its_cluster(home: Path) -> None:
    port, dashboard, agent = free_ports(3)
    ray = Path(sys.executable).parent / "ray"
    with started_head(
        "--num-cpus=2",
        "--include-dashboard=true",
        f"--dashboard-port={dashboard}",
        f"--dashboard-agent-listen-port={agent}",
        port=port,
        RAY_AUTH_MODE="disabled",
        PYTHONPATH=str(ROOT),
        PATH=f"{ray.parent}{os.pathsep}{os.environ['PATH']}",
    ):
        job = sys.executable, script(home, ("job",))
        done = completed(
            ray, "job", "submit", f"--address=http://127.0.0.1:{dashboard}", "--", *job
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the application goes on" in done.stdout
    assert (home / "runs" / "job" / "best" / "synthesizer.json").is_file()
