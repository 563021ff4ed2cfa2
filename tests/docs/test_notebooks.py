"""The notebooks in examples/ run, and the outputs that are kept in them are whole."""

import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.support.clocks import SECONDS

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOT = EXAMPLES.parent
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
# Each makes a search short enough for a test.
SHORTER = {
    'space="auto"': 'space="smoke"',
    r"time_budget=\w+": "time_budget=None",
    r'"training.max_n_epochs": \d+': '"training.max_n_epochs": 2',
}
# Directories of the machine that a notebook was executed on.
LOCAL = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|mnt|Users|var|builds)/[\w.-]+")

by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebooks_are_there() -> None:
    assert [file.stem for file in NOTEBOOKS] == ["heart", "your_table"]


@by_name
def test_kept_outputs_are_whole_and_name_no_place_of_a_machine(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    cells = code_cells(content)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    text = notebook.read_text()
    assert not LOCAL.findall(text)
    assert "--resume" not in text
    assert len(text) < 1_000_000


@pytest.mark.slow
# Those of the kernel are not ours.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "notebook",
    [
        pytest.param(file, marks=pytest.mark.nightly if file.stem == "heart" else [])
        for file in NOTEBOOKS
    ],
    ids=lambda file: file.stem,
)
def test_a_notebook_runs_from_top_to_bottom(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    content = nbformat.read(notebook, as_version=4)
    used = set()
    for cell in code_cells(content):
        for pattern, shorter in SHORTER.items():
            cell.source, n = re.subn(pattern, shorter, cell.source)
            used |= {pattern} if n else set()
    assert len(used) >= 2
    place = {"metadata": {"path": tmp_path}}
    client = nbclient.NotebookClient(
        content, timeout=3 * SECONDS, kernel_name="python3", resources=place
    )
    # Raises the error of a cell.
    client.execute()
    shown = " ".join(str(output) for cell in code_cells(content) for output in cell.outputs)
    assert "mean_js_distance" in shown and "<iframe srcdoc=" in shown
    assert (tmp_path / "runs").is_dir()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_importing_the_search_in_a_notebook_prints_nothing() -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("import tabvae_ray; _ = tabvae_ray.dry_run")]
    nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3").execute()
    assert notebook.cells[0].outputs == []
