"""Names and values of a stranger's files reach no terminal as control characters."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from rich.table import Table

from tabvae_ray.cli import main
from tabvae_ray.command_line.lines import wrapped
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.space.space_file import load_space

HOSTILE = "a\x1b[31mb\x1b]0;title\x07\x9b2J\rx\u202eexe"
SHOWN = r"a\x1b[31mb\x1b]0;title\x07\x9b2J\rx\u202eexe"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def test_messages_show_control_characters_as_escapes() -> None:
    assert str(DataError(f"column {HOSTILE}: has none")) == f"column {SHOWN}: has none"
    for width in (None, 200):
        assert wrapped(f"warning: {HOSTILE}\n\tnext", width).startswith(f"warning: {SHOWN}\n")


def test_a_key_of_a_file_is_shown_as_escapes(tmp_path: Path) -> None:
    file = tmp_path / "space.json"
    file.write_text('{"search": {"\\u001b[31mkey": 1}}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"search\.\\x1b\[31mkey: no such key"):
        load_space(str(file))


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_console_shows_control_characters_of_tables_as_escapes(is_terminal: bool) -> None:
    file = io.StringIO()
    console = Terminal(file=file, width=200, force_terminal=is_terminal, no_color=True)
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)
    console.print(HOSTILE, markup=False, soft_wrap=True)
    text = file.getvalue()
    assert text.replace("\x1b[1m", "").count("\\x1b") == 6
    assert not _CONTROL.search(re.sub("\x1b\\[[0-9;]*m", "", text))


def test_no_command_prints_control_characters_of_a_table(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    n = 60
    values = ["p\x1b[2Jq", "r"] * (n // 2)
    name = HOSTILE.replace("\r", "")
    table = pd.DataFrame({name: range(n), "b\x1b[5m": values, "c": [1.5, 2.5, 3.5] * (n // 3)})
    table.to_csv(tmp_path / "real.csv", index=False)
    table.assign(c=table["c"] + 1).to_csv(tmp_path / "made.csv", index=False)
    real, made = str(tmp_path / "real.csv"), str(tmp_path / "made.csv")
    for words in (
        ["search", "--data", real, "--out", str(tmp_path), "--dry-run"],
        ["compare", "--real", real, "--synthetic", made],
        ["spec", real],
    ):
        assert main(words) == 0
        said = capfd.readouterr()
        assert not _CONTROL.search(said.out + said.err), words
        assert "1b[31mb" in said.out, words
