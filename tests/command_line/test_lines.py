import io

import pytest

from tabvae_ray.command_line.lines import (
    command_text,
    in_one_line,
    line_width,
    listed_name,
    rough_duration,
    wrapped,
)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_are_wrapped_between_words(width: int) -> None:
    text = "warning: " + "a column of digits is taken for an identifier; " * 8 + "\n\n  next line"
    lines = wrapped(text, width).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(wrapped(text, width).split()) == " ".join(text.split())
    assert lines[-2:] == ["", "  next line"]


def test_long_words_stay_whole() -> None:
    path = "/a-b/" + "c" * 100
    assert path in wrapped(f"error: {path}: cannot be read", 60)


def test_pipes_and_files_have_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert line_width(io.StringIO()) is None
    assert wrapped("word " * 50, None) == "word " * 50
    monkeypatch.setenv("COLUMNS", "60")
    assert line_width(io.StringIO()) == 60


def test_a_long_command_can_be_copied() -> None:
    words = "python -m tabvae_ray.generate --model /runs/patients/best --rows 1000 --out rows.csv"
    text = command_text(words, 60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.replace("\\\n", " ").split() == words.split()
    assert any("--rows 1000" in line for line in text.splitlines())
    assert command_text(words, None) == f"  {words}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "10 s"),
        (34, "30 s"),
        (100, "2 min"),
        (235, "4 min"),
        (7500, "2 h"),
        (7860, "2 h 10 min"),
    ],
)
def test_times_that_are_estimated_are_round(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


def test_names_of_columns_stay_in_one_line_and_apart() -> None:
    assert in_one_line("Is it\r\nso?\n") == "Is it so? "
    assert listed_name("Is it\nso?") == "Is it so?"
    assert [*map(listed_name, (" age", "City, Town", "age"))] == ["' age'", "'City, Town'", "age"]
