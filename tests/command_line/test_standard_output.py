"""A stdout that takes nothing more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def told(words: list[str], *, redirected: str, buffered: bool = True) -> tuple[int, str]:
    """Run a command with a redirected stdout, and return its exit code and its stderr."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-m", "tabvae_ray", *words],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("words", [["--version"], ["search", "--help"], ["space", "beta"]])
def test_a_full_disk_is_told_in_one_message(words: list[str], buffered: bool) -> None:
    code, said = told(words, redirected=f">{FULL}", buffered=buffered)
    assert (code, said) == (2, "error: stdout: cannot be written: No space left on device\n")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_is_a_line_of_json_where_the_log_is(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "1,x\n2,y\n3,x\n" * 30)
    words = ["compare", "--real", str(table), "--synthetic", str(table), "--no-levels"]
    code, said = told([*words, "--json", "--log-format", "json"], redirected=f">{FULL}")
    last = json.loads(said.splitlines()[-1])
    assert code == last["exit_code"] == 2
    assert last["message"] == "stdout: cannot be written: No space left on device"


@pytest.mark.parametrize("words", [["--version"], ["search", "--help"]])
@pytest.mark.parametrize("redirected", [">&-", ">&- 2>&-"])
def test_a_closed_stdout_stops_no_command(words: list[str], redirected: str) -> None:
    assert told(words, redirected=redirected) == (0, "")


def test_a_document_for_a_closed_stdout_is_not_lost_in_silence() -> None:
    message = "error: stdout: is closed, so nothing can be written to it\n"
    assert told(["space", "beta"], redirected=">&-") == (2, message)
    assert told(["space", "beta"], redirected=">&- 2>&-")[0] == 2
