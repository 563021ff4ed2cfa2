"""What README and the documentation tell users to type works."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from tabvae_ray import cli
from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.command_line.input_path import InputPath
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.table.declaration import SpecDeclaration

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEART = ROOT / "assets" / "heart.csv"
SMALL = ROOT / "search_spaces" / "small.yaml"
# Of a space file, and of no spec.
SECTIONS = {"parameters", "objectives", "constraints", "initial", "search", "with_target"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}$\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def all_blocks(language: str) -> list[tuple[Path, str]]:
    return [(page, block) for page in PAGES for block in blocks(page, language)]


def commands(block: str) -> list[list[str]]:
    """Return the words of every command of this package in a block of shell."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for start in range(len(words)):
            name = words[start].rpartition("/")[2]
            if name == "tabvae":
                found.append(words[start + 1 :])
            elif name == "python" and words[start + 1 : start + 2] == ["-m"]:
                package, _, command = words[start + 2].partition(".")
                if package == "tabvae_ray":
                    found.append([command, *words[start + 3 :]])
    return [words[: words.index(">")] if ">" in words else words for words in found]


ALL_COMMANDS = [(page, words) for page, block in all_blocks("sh") for words in commands(block)]


def test_there_are_commands_on_many_pages() -> None:
    assert len({page for page, _ in ALL_COMMANDS}) >= 8


@pytest.mark.parametrize(
    ("page", "words"),
    ALL_COMMANDS,
    ids=[f"{page.stem}-{' '.join(words)[:60]}" for page, words in ALL_COMMANDS],
)
def test_a_command_has_the_options_that_a_page_gives_it(
    page: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The files of the examples are not here.
    monkeypatch.setattr(InputPath, "convert", lambda self, value, param, context: str(value))
    with click.Context(cli._tabvae) as context:
        command = cli._tabvae.get_command(context, words[0])
        assert command is not None
        # Parses the options, and runs nothing.
        command.make_context(words[0], words[1:])


@pytest.mark.parametrize(
    ("page", "text"),
    all_blocks("yaml"),
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_yaml_of_a_page_is_a_space_a_configuration_or_a_spec(page: Path, text: str) -> None:
    document = parse_yaml(text)
    if document.keys() & SECTIONS:
        # A page may show a part of a space.
        rest = {} if "parameters" in document else parse_yaml(SMALL.read_text())
        assert parse_space({**rest, **document}, "page").parameters
    elif "training" in document:
        assert TabularVAEConfig.from_mapping(document, "page")
    else:
        assert SpecDeclaration.from_mapping(document, "page")


def shortened(code: str) -> str:
    """Return code with searches of seconds."""
    return re.sub(r'space="\w+", (?=.*time_budget)', "", code).replace(
        "time_budget=600", 'space="smoke"'
    )


@pytest.fixture(scope="module")
def user_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a table, and a search of it, as the tutorial makes them."""
    directory = tmp_path_factory.mktemp("user")
    shutil.copy(HEART, directory / "patients.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for block in blocks(ROOT / "docs" / "tutorial.md", "sh"):
            for words in commands(block):
                quick = (
                    ["--space", "smoke"] if words[0] == "search" and "--resume" not in words else []
                )
                budget = words.index("--time-budget") if "--time-budget" in words else len(words)
                assert cli.main([*words[:budget], *words[budget + 2 :], *quick]) == 0
    return directory


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.stem == "README" else pytest.mark.nightly)
        for page in PAGES
        if blocks(page, "python")
    ],
    ids=lambda page: page.stem,
)
def test_python_of_a_page_runs(
    page: Path, user_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(user_directory, tmp_path, dirs_exist_ok=True)
    code = blocks(page, "python")
    if any("ray.search(" in block for block in code):
        shutil.rmtree(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "sh"):
        for words in commands(block):
            if words[0] == "generate" and "--shard-rows" in words and "--address" not in words:
                assert cli.main(words) == 0
    names: dict[str, object] = {}
    for block in code:
        exec(compile(shortened(block), str(page), "exec"), names)
