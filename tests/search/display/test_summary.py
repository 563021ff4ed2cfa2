import dataclasses
import io
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.summary import say_next, show
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tests.support.records import finished

MASKED = "s3://***@bucket/runs"


def ended(state: str, *, out: str = "/runs", reason: str | None = None) -> SearchOutcome:
    directory = Location(out) / "beta"
    record = finished(3, "COMPLETE", 9)
    record.parameters = {"architecture.encoder_layer_sizes": [512, 256, 128], "a.b": 0.123456}
    candidate = Candidate(record, record.objectives, dict.fromkeys(record.objectives, 0.0123))
    exported = state == "finished"
    return SearchOutcome(
        directory=directory,
        state=state,
        reason=reason,
        best=directory / "best" if exported else None,
        front=[3] if exported else [],
        trials={"COMPLETE": 1},
        seconds=75.0,
        candidates=[candidate] if exported else [],
        chosen=(candidate, "the only one there is") if exported else None,
        levels=ReferenceLevels(resample={"mean_js_distance": Level(0.044, 0.002)}),
    )


def setup_of(space: SearchSpace, *, out: str = "/runs", data: str = "/table.csv") -> SearchInputs:
    table = pd.DataFrame({"a": range(4)})
    # What is said needs no comparison.
    comparison: object = None
    return SearchInputs(
        space,
        Location(out) / "beta",
        "beta",
        Location(data),
        table,
        TableSpec.infer(table),
        comparison,  # type: ignore[arg-type]
    )


def said(outcome: SearchOutcome, inputs: SearchInputs, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    progress = SearchProgress(inputs.space, console=console)
    show(outcome, inputs, progress)
    say_next(outcome, inputs, progress)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_finished_search_is_shown_whole_and_the_next_command_comes_last(
    space: SearchSpace, width: int
) -> None:
    lines = said(ended("finished"), setup_of(space), width)
    text = "\n".join(lines)
    for expected in (
        *("1 complete in 1 min 15 s", "0.2 ± 0.012", "0.044 ± 0.002"),
        "resample: real rows against a bootstrap of themselves: the noise floor",
        "* 3: b=0.1235, encoder_layer_sizes=[512, 256, 128]",
        *("chosen: trial 3, the only one there is", "model:  /runs/beta/best"),
    ):
        assert expected in text, expected
    assert "…" not in text
    assert lines[-2] == "next:"
    assert lines[-1].endswith(
        "-m tabvae_ray.generate --model /runs/beta/best --rows 1000 --out synthetic.csv"
    )


def test_the_strongest_attack_is_told_before_the_choice(space: SearchSpace) -> None:
    leak = "Some leak of membership: someone who has the trained model."
    outcome = dataclasses.replace(ended("finished"), membership=leak)
    text = " ".join(said(outcome, setup_of(space)))
    assert "privacy: Some leak of membership: someone" in text
    assert text.index("privacy:") < text.index("chosen:")
    assert "privacy:" not in " ".join(said(ended("finished"), setup_of(space)))


def test_a_latent_that_is_not_used_is_told(space: SearchSpace) -> None:
    outcome = ended("finished")
    assert not any("latent is not" in line for line in said(outcome, setup_of(space)))
    assert outcome.chosen is not None
    chosen, reason = outcome.chosen
    chosen = dataclasses.replace(chosen, means={**chosen.means, "kl": 3e-5})
    outcome = dataclasses.replace(outcome, chosen=(chosen, reason))
    assert any("note: the latent is not used" in line for line in said(outcome, setup_of(space)))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (ended("interrupted"), "--out /runs --name beta --resume"),
        (ended("failed"), "--out /runs --name beta --resume --trials 12"),
        (ended("failed", reason="3 trials in a row failed"), "--out /runs --name beta --resume"),
    ],
)
def test_a_search_without_a_model_says_how_to_go_on(
    space: SearchSpace, outcome: SearchOutcome, expected: str
) -> None:
    lines = said(outcome, setup_of(space))
    assert lines[-2] == "go on with:"
    assert lines[-1].endswith(f"-m tabvae_ray.search {expected}")
    assert ("trials and their errors: /runs/beta/trials" in lines) == (outcome.state == "failed")


def test_masked_credentials_are_to_be_filled_in(space: SearchSpace) -> None:
    out = "s3://key:secret@bucket/runs"
    lines = said(ended("finished", out=out), setup_of(space, out=out))
    assert lines[-2] == "next, with the credentials in place of ***:"
    assert f"--model '{MASKED}/beta/best'" in lines[-1]
    table = "s3://key:secret@bucket/table.csv"
    lines = said(ended("interrupted"), setup_of(space, data=table))
    assert lines[-2] == "go on with, with the credentials in place of ***:"
    assert lines[-1].endswith("--name beta --data 's3://***@bucket/table.csv' --resume")


def interpreter(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.symlink_to(sys.executable)
    path.chmod(0o755)
    return path


def test_the_command_names_the_interpreter_that_has_the_package(
    space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command() -> str:
        return said(ended("finished"), setup_of(space))[-1].strip().partition(" -m ")[0]

    mine, other = interpreter(tmp_path / "my project/.venv/bin/python"), tmp_path / "bin/python"
    monkeypatch.setattr(sys, "executable", str(mine))
    monkeypatch.setenv("PATH", str(mine.parent))
    assert command() == "python"
    monkeypatch.setenv("PATH", str(interpreter(other).parent))
    monkeypatch.chdir(tmp_path / "my project")
    # Both are links to the same file, and only one knows what is installed beside it.
    assert command() == ".venv/bin/python"
    monkeypatch.chdir(other.parent)
    assert command() == f"'{mine}'"
    monkeypatch.setenv("PATH", "")
    assert command() == f"'{mine}'"


def test_who_typed_tabvae_reads_tabvae(
    space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(state: str) -> str:
        return said(ended(state), setup_of(space))[-1].strip()

    script = interpreter(tmp_path / "venv/bin/tabvae")
    monkeypatch.setattr(sys, "argv", [str(script), "search"])
    monkeypatch.setenv("PATH", str(script.parent))
    assert command("finished").startswith("tabvae generate --model /runs/beta/best ")
    assert command("interrupted").startswith("tabvae search --out /runs --name beta --resume")
    # Another one comes first on the path, or none.
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    assert command("finished").startswith("venv/bin/tabvae generate --model ")
