"""Messages speak of arguments in Python, where nobody has typed an option."""

from pathlib import Path

import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.callable_module.python_words import in_python_words, python_words
from tabvae_ray.cli import main
from tabvae_ray.errors import ConfigError, StorageError


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("runs/a holds a search: go on with it by --resume", "by resume=True"),
        ("the same command with --resume goes on", "the same call with resume=True goes on"),
        ("or give another --name or --out", "another name or out"),
        ("--time-budget must be > 0", "time_budget must be > 0"),
        ("continue by --resume with more --trials", "by resume=True with more trials"),
        # Neither a name with dashes nor a rule is an option.
        ("/data/a--resume.csv: a -- b", "/data/a--resume.csv: a -- b"),
    ],
)
def test_options_become_arguments(said: str, told: str) -> None:
    assert told in in_python_words(said)


def test_an_error_keeps_its_kind_and_its_place() -> None:
    @python_words()
    def search() -> None:
        raise StorageError("go on by --resume")

    with pytest.raises(StorageError, match=r"go on by resume=True$") as caught:
        search()
    assert caught.traceback[-1].name == "search"


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(KeyError, match="--resume"), python_words():
        raise KeyError("--resume")
    with pytest.raises(ConfigError, match="7"), python_words():
        raise ConfigError(7)


def test_a_function_speaks_of_arguments_and_its_command_of_options(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = pd.DataFrame({"a": range(30), "b": [1, 2] * 15})
    with pytest.raises(ConfigError, match=r"^plots: must come with out, where the pictures go"):
        tabvae_ray.compare(table, table, plots="pdf")
    file = tmp_path / "table.csv"
    table.to_csv(file, index=False)
    assert main(["compare", "--real", f"{file}", "--synthetic", f"{file}", "--plots", "pdf"]) == 2
    assert "--plots: must come with --out" in capsys.readouterr().err
