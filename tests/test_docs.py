"""Documents name only what exists."""

import ast
import json
import re
import tomllib
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
import yaml

from tabvae_ray import __version__

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tabvae_ray"
GUIDES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "assets/*.md", "benchmarks/*.md", ".github/**/*.md")
    for file in ROOT.glob(pattern)
)
# `file.py: name`, where a name may have a class in front of it.
NAME_IN_FILE = re.compile(r"([\w/]+\.py): ([\w.]+)")
# `file.py`, `folder/` or `folder/file.md`.
PATH = re.compile(r"[\w./-]+(?:\.\w+|/)")


def prose(document: Path) -> str:
    """Return the text of a document, or of a notebook's cells, without its blocks of code."""
    text = document.read_text()
    if document.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def quoted(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(document))


def links(document: Path) -> list[str]:
    found = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(document))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def heading_anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    heads = re.findall(r"^#+ +(.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@cache
def names_in(file: Path) -> set[str]:
    """Return functions, classes, methods and constants of a module, without importing it."""

    def names(body: list[ast.stmt], prefix: str) -> set[str]:
        found = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                found |= names(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            found |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
        return found

    return names(ast.parse(file.read_text()).body, "")


@pytest.mark.parametrize("document", GUIDES, ids=lambda file: file.name)
def test_what_a_document_names_in_a_file_is_there(document: Path) -> None:
    named = {match.groups() for text in quoted(document) if (match := NAME_IN_FILE.match(text))}
    assert named
    absent = [
        f"{path}: {name}"
        for path, name in sorted(named)
        if not (PACKAGE / path).is_file() or name not in names_in(PACKAGE / path)
    ]
    assert not absent


@pytest.mark.parametrize("document", GUIDES, ids=lambda file: file.name)
def test_paths_that_a_document_names_are_there(document: Path) -> None:
    paths = {text.partition(": ")[0] for text in quoted(document)}
    named = {path for path in paths if path.endswith((".py", "/")) and PATH.fullmatch(path)}
    assert named
    assert not {path for path in named if not ((PACKAGE / path).exists() or (ROOT / path).exists())}


@pytest.mark.parametrize(
    "document",
    [*DOCUMENTS, *sorted((ROOT / "examples").glob("*.ipynb"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in heading_anchors(target)):
            broken.append(link)
    assert not broken


def test_modules_that_readme_runs_are_there() -> None:
    modules = set(re.findall(r"python -m (tabvae_ray[\w.]*)", (ROOT / "README.md").read_text()))
    assert {"tabvae_ray.search", "tabvae_ray.generate"} <= modules
    for module in modules:
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_the_code_refers_to_no_document_that_is_not_in_the_repository() -> None:
    known = {file.name for file in DOCUMENTS}
    for file in PACKAGE.rglob("*.py"):
        named = set(re.findall(r"\b[\w-]+\.md\b", file.read_text()))
        assert named <= known | {"README.md"}, file
        assert "DESIGN" not in file.read_text(), file


def test_the_architecture_describes_every_package() -> None:
    described = {text.rstrip("/") for text in quoted(GUIDES[0]) if text.endswith("/")}
    packages = {str(file.parent.relative_to(PACKAGE)) for file in PACKAGE.glob("*/**/__init__.py")}
    assert packages <= described


def test_the_picture_of_the_packages_has_the_layers_that_are_enforced() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:packages"]["layers"].split("\n")
    enforced = [set(re.findall(r"tabvae_ray\.(\w+)", line)) for line in layers if line.strip()]
    # Text, as a script that draws it would need the network.
    picture = re.findall(r"^```text\n(┌.*?┘)$", GUIDES[0].read_text(), re.DOTALL | re.MULTILINE)
    boxes = picture[0].split("├")
    drawn = [
        {
            word.removesuffix(".py")
            for line in re.findall(r"^│ (\S.{24})", box, re.MULTILINE)
            for word in re.split(r",? +", line.strip())
        }
        for box in boxes
    ]
    assert drawn == enforced


def test_the_version_and_the_pythons_are_the_same_wherever_they_are_said() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    pythons = workflow["jobs"]["ci"]["strategy"]["matrix"]["python-version"]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    declared = [found.group(1) for c in classifiers if (found := re.search(r":: (3\.\d+)$", c))]
    assert pythons == declared
    assert f"Python {pythons[0]} to {pythons[-1]}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_issue_forms_have_what_github_asks_of_them(form: str) -> None:
    document = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text())
    assert document["name"] and document["description"]
    ids = [field["id"] for field in document["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    assert all(
        field["attributes"].get("label") or field["attributes"]["value"]
        for field in document["body"]
    )


def test_the_wheel_ships_every_file_of_the_package() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    shipped = {
        file
        for package, patterns in tool["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    others = {file for file in PACKAGE.rglob("*") if file.is_file() and file.suffix != ".py"}
    others = {file for file in others if "__pycache__" not in file.parts}
    assert others
    assert others <= shipped
