"""A log for collectors has one JSON object on every line, whatever happens."""

import json
import logging
import pickle
import warnings
from collections.abc import Callable

import click
import pytest

from tabvae_ray.cli import main
from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.errors import DataError


def events(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_has_time_level_event_and_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    log = JsonLog()
    log.message("starting")
    log.search = "wards"
    log.event("trial_ended", level="warning", trial=3)
    first, second = events(capsys)
    assert first["time"].endswith("+00:00")
    assert {**first, "time": 0} == {
        "time": 0,
        "level": "info",
        "event": "message",
        "message": "starting",
    }
    assert (second["search"], second["level"], second["trial"]) == ("wards", "warning", 3)


def test_text_of_several_lines_is_one_line_and_blank_text_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = JsonLog()
    log.message("\n")
    log.message("one\n  two ü \x1b[0m")
    (event,) = events(capsys)
    assert event["message"] == "one two ü \x1b[0m"


def test_warnings_and_logged_errors_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        warnings.warn("table: many\nare missing", stacklevel=1)
        logging.getLogger("tabvae_ray.some").warning("trial %d is slow", 3)
        logging.getLogger("tabvae_ray.some").info("not shown")
        return 7

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert JsonLog().run(command) == 7
    assert [(event["level"], event["message"]) for event in events(capsys)] == [
        ("warning", "table: many are missing"),
        ("warning", "trial 3 is slow"),
    ]
    assert not any("json_log" in type(h).__module__ for h in logging.getLogger().handlers)


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("table.csv: has no rows"), 2, "table.csv: has no rows"),
        (click.UsageError("--space: must be given"), 2, "--space: must be given"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("x"), 1, "ZeroDivisionError('x')"),
    ],
)
def test_errors_are_events_with_the_exit_code_of_the_command(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert JsonLog().run(raising(error)) == code
    (event,) = events(capsys)
    assert (event["event"], event["level"], event["exit_code"]) == ("failed", "error", code)
    assert event["message"] == message
    assert ("traceback" in event) == (code == 1)


def test_a_quiet_log_has_warnings_and_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    log = JsonLog(quiet=True)
    log.message("starting")
    log.event("epoch_ended", epoch=1)
    log.message("odd", "warning")
    assert log.run(raising(DataError("empty"))) == 2
    assert [event["level"] for event in events(capsys)] == ["warning", "error"]


def test_a_log_can_be_sent_to_another_process() -> None:
    log = JsonLog()
    log.search = "wards"
    assert pickle.loads(pickle.dumps(log)).search == "wards"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("search --log-format json --spce x", "No such option '--spce'. Did you mean '--space'?"),
        ("search --trials 0 --log-format=json", "--trials must be >= 1, but got 0"),
        ("search --data nope.csv --log-format json", "--data: nope.csv: cannot be read"),
        ("serch --log-format json", "No such command 'serch'. Did you mean 'search'?"),
        ("generate --log-format json --rows x", "--rows"),
        ("spec --log-format json", "No such option '--log-format'."),
    ],
)
def test_errors_in_options_are_events_too(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 2
    (event,) = events(capsys)
    assert (event["event"], event["exit_code"]) == ("failed", 2)
    assert event["message"].startswith(message)


def test_a_help_page_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--log-format", "json", "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and "Usage:" in captured.out
