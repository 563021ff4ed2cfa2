"""Search spaces that come with the package."""

from pathlib import Path

import pytest

from tabvae_ray.cli import main
from tabvae_ray.errors import ConfigError
from tabvae_ray.space.named_spaces import find_space, named_space, space_names
from tabvae_ray.space.space_file import load_space

ROOT = Path(__file__).parents[2]


def test_every_space_of_the_repository_has_a_name() -> None:
    assert space_names() == sorted(file.stem for file in (ROOT / "search_spaces").glob("*.yaml"))
    for name in space_names():
        assert load_space(find_space(name)).base == load_space(named_space(name)).base


def test_a_path_and_a_file_of_that_name_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_space("spaces/beta") == "spaces/beta"
    assert find_space("beta.yaml") == "beta.yaml"
    assert find_space("s3://bucket/beta") == "s3://bucket/beta"
    assert find_space("beta") == str(named_space("beta"))
    monkeypatch.chdir(tmp_path)
    Path("beta").write_text("parameters: {}")
    assert find_space("beta") == "beta"


def test_an_unknown_name_is_told_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"'smal' is no search space .* did you mean small\?"):
        find_space("smal")


def test_the_command_prints_a_space_or_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["space"]) == 0
    assert capsys.readouterr().out.split() == space_names()
    assert main(["space", "small"]) == 0
    assert capsys.readouterr().out.rstrip() == named_space("small").read_text("utf-8").rstrip()
    assert main(["space", "large"]) == 2
    assert "'large' is no search space" in capsys.readouterr().err
