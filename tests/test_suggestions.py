"""The nearest name is suggested wherever a user writes one."""

import re
from pathlib import Path

import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.cli import main
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import TabVAEError, closest
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec, check_table
from tabvae_ray.table.where_option import parse_where

TABLE = pd.DataFrame({"Age": [28, 77, 40, 55] * 5, "Outcome": ["a", "b", "b", "a"] * 5})
SPEC = TableSpec.infer(TABLE)
PARAMETERS = {"architecture.latent_dim": {"type": "int", "low": 2, "high": 4}}


@pytest.mark.parametrize(
    ("act", "suggestion"),
    [
        (
            lambda: TabularVAEConfig().replace({"training.lerning_rate": 1}),
            "learning_rate",
        ),
        (lambda: TabularVAEConfig().replace({"trainin.patience": 1}), "training.patience"),
        (lambda: TabularVAEConfig.from_mapping({"trainng": {}}), "training"),
        (lambda: TabularVAEConfig.from_mapping({"training": {"sheduler": "cosine"}}), "scheduler"),
        (lambda: TabularVAEConfig.from_mapping({"training": {"scheduler": "cosin"}}), "cosine"),
        (lambda: ComparisonPlan.from_mapping({"score": []}), "scores"),
        (lambda: ComparisonPlan.from_mapping({"scores": ["detecton"]}), "detection"),
        (lambda: ComparisonPlan.from_mapping({"options": {"n_bin": 3}}), "n_bins"),
        (lambda: SpecDeclaration.from_mapping({"continous": ["Age"]}), "continuous"),
        (
            lambda: SpecDeclaration.from_mapping({"columns": {"Age": {"knd": "continuous"}}}),
            "kind",
        ),
        (
            lambda: TableSpec.infer(TABLE, declared=SpecDeclaration(continuous=("Agee",))),
            "Age",
        ),
        (lambda: TableSpec.infer(TABLE, declared=SpecDeclaration(target="outcome")), "Outcome"),
        (lambda: parse_where(["Agee=3"], SPEC), "Age"),
        (lambda: check_table(TABLE.rename(columns={"Age": "age"}), SPEC), "age"),
        (
            lambda: ComparisonPlan.from_mapping(
                {"scores": ["tstr"], "options": {"target": "Outcom"}}
            ).prepare(TABLE, SPEC),
            "Outcome",
        ),
        (lambda: parse_space({"parameters": PARAMETERS, "serch": {}}), "search"),
        (lambda: parse_space({"parameters": PARAMETERS, "search": {"n_trial": 3}}), "n_trials"),
        (lambda: parse_space({"parameters": PARAMETERS, "search": {"sampler": "tp"}}), "tpe"),
    ],
)
def test_the_nearest_name_is_suggested(act, suggestion: str) -> None:
    with pytest.raises(TabVAEError, match=re.escape(f"did you mean {suggestion}?")):
        act()


@pytest.mark.parametrize(
    "words",
    [
        ["show", "{}/patient"],
        ["report", "--search", "{}/patient"],
        ["search", "--resume", "--name", "patient", "--out", "{}"],
        ["generate", "--model", "{}/patient/best", "--rows", "1", "--out", "-"],
    ],
)
def test_the_nearest_search_is_suggested(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Location(tmp_path) / "patients" / "search.json").write_text("{}")
    assert main([word.format(tmp_path) for word in words]) == 2
    error = capsys.readouterr().err
    assert "there is no such file" in error and "did you mean patients?" in error


@pytest.mark.parametrize(
    "act",
    [
        lambda home: tabvae_ray.load_search(home / "patient"),
        lambda home: tabvae_ray.load_synthesizer(home / "patient"),
        lambda home: tabvae_ray.read_table(home / "patient" / "rows.csv"),
        lambda home: tabvae_ray.compare(home / "patient" / "rows.csv", TABLE),
    ],
)
def test_the_nearest_file_is_suggested_in_python(act, tmp_path: Path) -> None:
    (tmp_path / "patients").mkdir()
    with pytest.raises(TabVAEError, match=r"did you mean patients\?"):
        act(tmp_path)


@pytest.mark.parametrize(
    ("given", "known", "shown"),
    [
        ("hight", "height", "height"),
        ("weight", " weight ", "' weight '"),
        ("height in c", "height in cm", "'height in cm'"),
        ("is a smoker", "is\na smoker?", r"'is\na smoker?'"),
        ("really", "really?", "'really?'"),
        ("ville", "ville (code postal)", ""),
    ],
)
def test_a_suggestion_shows_where_a_name_ends(given: str, known: str, shown: str) -> None:
    assert closest(given, [known]) == (f"; did you mean {shown}?" if shown else "")


def test_the_nearest_argument_is_suggested() -> None:
    with pytest.raises(TypeError, match=r"no argument 'spce'; did you mean space\?"):
        tabvae_ray.search(TABLE, spce="smoke")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="xyzzy"):
        tabvae_ray.compare(TABLE, TABLE, xyzzy=1)  # type: ignore[call-arg]
