"""The option that continues a search or starts it."""

from pathlib import Path

import pytest

import tabvae_ray
from tabvae_ray.errors import ConfigError
from tabvae_ray.search.__main__ import main
from tabvae_ray.search.resume_or_start import is_resumed
from tabvae_ray.storage import Location


def test_a_search_is_resumed_if_it_has_begun(tmp_path: Path) -> None:
    def resumed(*, resume: bool = False, or_start: bool = True) -> bool:
        return is_resumed(tmp_path, "mine", resume=resume, or_start=or_start)

    assert not resumed()
    (Location(tmp_path) / "mine" / "search.json").write_text("{}")
    assert resumed() and not resumed(or_start=False) and resumed(resume=True, or_start=False)


def test_the_search_must_have_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--space", "smoke", "--resume-or-start", "--dry-run"]) == 2
    assert "--resume-or-start: needs the --name" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="resume_or_start=True: needs the name"):
        tabvae_ray.search(space="smoke", resume_or_start=True)


def test_only_one_of_both_options_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "mine", "--resume", "--resume-or-start"]) == 2
    assert "--resume and --resume-or-start: only one" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="resume=True and resume_or_start=True: only one"):
        tabvae_ray.search(space="smoke", name="mine", resume=True, resume_or_start=True)


def test_a_search_that_has_begun_needs_neither_space_nor_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--out", str(tmp_path), "--name", "mine", "--resume-or-start"]
    assert main(place) == 2
    assert "--space: must be given" in capsys.readouterr().err
    (Location(tmp_path) / "mine" / "search.json").write_text("{}")
    assert main(place) == 2
    assert "search.json: " in capsys.readouterr().err
