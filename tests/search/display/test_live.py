import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from tabvae_ray.command_line.lines import duration
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.display import live
from tabvae_ray.search.display.live import SearchProgress, number
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tests.support.clocks import Clock
from tests.support.records import finished, run_state


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the display."""
    made = Clock()
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=made))
    return made


def on(
    space: SearchSpace, *, terminal: bool, width: int = 80
) -> tuple[SearchProgress, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, _environ={})
    return SearchProgress(space, console=console), file


def rendered(progress: SearchProgress, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(progress._render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def follow(progress: SearchProgress, clock: Clock, *records: TrialRecord) -> None:
    statistics = RunStatistics(progress.space, 2, clock=clock)
    progress.follow(statistics)
    state = run_state(TrialRecord(9, "RUNNING", {}))
    for record in records:
        statistics(state, record)
        progress(state, record)


def test_without_a_terminal_every_finished_trial_is_a_line_that_says_how_far_things_are(
    space: SearchSpace, clock: Clock
) -> None:
    progress, file = on(space, terminal=False, width=40)
    with progress:
        follow(progress, clock, finished(0, "COMPLETE", 9), finished(1, "PRUNED", 1))
    lines = file.getvalue().splitlines()
    assert [line[:13] for line in lines] == ["[1/6] trial  ", "[2/6] trial  "]
    assert "stopped  after 1 epoch" in lines[1]
    assert "mean_js_distance=0.2  correlation_distance=0.5" in lines[1]
    assert "best: mean_js_distance 0.2, correlation_distance 0.5" in lines[1]
    assert "1 running, 1 stopped, 0 s elapsed" in lines[1]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_live_display_says_everything_at_any_width(
    space: SearchSpace, clock: Clock, width: int
) -> None:
    progress, _ = on(space, terminal=True)
    assert "0/6" in rendered(progress, width)
    records = [finished(0, "COMPLETE", 9), finished(1, "PRUNED", 1), finished(2, "FAIL", 1)]
    follow(progress, clock, *records)
    clock.move(1.0)
    text = " ".join(rendered(progress, width).split())
    for expected in (
        *("3/6", "1 running", "1 stopped", "1 failed", "1 of 2 slots busy", "elapsed"),
        *("8 epochs saved", "overhead", "hypervolume 0.4000"),
        "mean_js_distance 0.2, correlation_distance 0.5",
    ):
        assert expected in text, expected
    assert "…" not in text


def test_the_clocks_move_while_no_trial_reports(space: SearchSpace, clock: Clock) -> None:
    progress, _ = on(space, terminal=True)
    follow(progress, clock, finished(0, "COMPLETE", 9))
    assert "0 s elapsed" in rendered(progress, 80)
    clock.move(61.0)
    assert "1 min 1 s elapsed" in rendered(progress, 80)


def test_a_summary_says_what_the_run_has_cost_until_it_ended(
    space: SearchSpace, clock: Clock
) -> None:
    progress, _ = on(space, terminal=False)
    record = finished(0, "PRUNED", 3)
    record.seconds = 5.0
    with progress:
        follow(progress, clock, record, finished(1, "COMPLETE", 9))
        assert progress.summary() is None
        clock.move(10.0)
    said = progress.summary()
    assert said is not None
    assert said.startswith("12 epochs trained, 6 saved (33%)")
    assert said.endswith("hypervolume 0.4000")
    clock.move(10.0)
    assert progress.summary() == said


def running(n_epochs: int) -> TrialRecord:
    rungs = [Rung(n_epochs, {}, {"loss": 12.3456})] if n_epochs else []
    return TrialRecord(9, "RUNNING", {}, rungs=rungs)


def test_before_a_trial_is_complete_the_display_says_how_far_the_running_ones_are(
    space: SearchSpace, clock: Clock
) -> None:
    progress, _ = on(space, terminal=True)
    statistics = RunStatistics(space, 2, clock=clock)
    progress.follow(statistics)
    statistics(run_state(running(0)), running(0))
    clock.move(5.0)
    assert "trial 9: training for 5 s, no report yet" in rendered(progress, 80)
    statistics(run_state(running(3)), running(3))
    shown = rendered(progress, 80)
    assert f"trial 9: epoch 3 of {space.budget}, loss 12.35" in shown
    assert "hypervolume" not in shown
    assert "no trial is complete" not in shown


def test_without_a_terminal_reports_are_lines_until_the_first_trial_ends(
    space: SearchSpace, clock: Clock
) -> None:
    progress, file = on(space, terminal=False)
    with progress:
        trials = running(0), running(3), running(3), finished(0, "COMPLETE", 9), running(3)
        follow(progress, clock, *trials)
    lines = file.getvalue().splitlines()
    assert lines[0] == f"trial 9: epoch 3 of {space.budget}, loss 12.35"
    assert len(lines) == 2


def test_lines_on_a_terminal_break_between_words(space: SearchSpace) -> None:
    progress, file = on(space, terminal=True, width=60)
    words = ["hypervolume", "0.9241,", "overhead", "/a/path/that/is/longer/" + "x" * 60] * 4
    progress.say(" ".join(words))
    assert file.getvalue().split() == words
    assert all(len(line) <= 60 or len(line.split()) == 1 for line in file.getvalue().splitlines())


def test_messages_in_a_notebook_break_between_words(space: SearchSpace) -> None:
    console = Console(file=io.StringIO(), width=60, _environ={})
    assert SearchProgress(space, console=console).width is None
    # As rich finds it out.
    console.is_jupyter = True
    assert SearchProgress(space, console=console).width == 60


def test_an_ended_display_names_no_time_left(space: SearchSpace, clock: Clock) -> None:
    progress, _ = on(space, terminal=False)
    with progress:
        follow(progress, clock, finished(0, "COMPLETE", 9))
        clock.move(7)
        assert "left" in rendered(progress, 100)
    assert "left" not in rendered(progress, 100) and "7 s elapsed" in rendered(progress, 100)


def test_quiet_says_nothing(
    space: SearchSpace, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = SearchProgress(space, quiet=True)
    with progress:
        follow(progress, clock, finished(0, "COMPLETE", 9))
        progress.say("hello")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (42, "42 s"), (185, "3 min 5 s"), (7620, "2 h 7 min")]
)
def test_seconds_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_have_four_digits() -> None:
    assert [number(value) for value in (0.123456, 12, None, [1, 2])] == [
        "0.1235",
        "12",
        "not finite",
        "[1, 2]",
    ]
