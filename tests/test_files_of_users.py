"""Commands replace no files but their own, and say before they work where they cannot write."""

from pathlib import Path

import pytest

from tabvae_ray.cli import main
from tabvae_ray.errors import ExportError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer


@pytest.mark.parametrize("name", ["README.md", "scores.json", "model.safetensors"])
def test_a_model_replaces_no_file_that_somebody_else_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text("mine")
    assert main(["train", "--data", str(table), "--out", str(tmp_path / "own")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"holds {name}, which the model would replace" in said
    assert (tmp_path / "own" / name).read_text() == "mine"


def test_saving_from_python_and_shards_replace_no_file_that_somebody_else_made(
    tmp_path: Path, synthesizer: TabularVAESynthesizer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ExportError, match=r"holds README\.md"):
        synthesizer.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_a_comparison_says_at_once_where_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, page = tmp_path / "t.csv", tmp_path / "page.html"
    table.write_text("a,b\n1,2\n")
    page.mkdir()
    files = ["compare", "--real", str(table), "--synthetic", str(table)]
    assert main([*files, "--html", str(page)]) == 2
    assert "page.html: cannot be written: is a directory" in capsys.readouterr().err
    assert main([*files, "--html", str(table / "page.html")]) == 2
    assert "t.csv is not a directory" in capsys.readouterr().err
    (page / "scores.json").write_text('{"holdout_nats": 3}')
    assert main([*files, "--out", str(page)]) == 2
    assert "scores.json, which is not of a comparison" in " ".join(capsys.readouterr().err.split())
    assert (page / "scores.json").read_text() == '{"holdout_nats": 3}'
