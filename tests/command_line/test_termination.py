"""A command that is told to end, as by Kubernetes, ends in order."""

import os
import signal
import threading
from collections.abc import Iterator

import click
import pytest

from tabvae_ray.cli import run
from tabvae_ray.command_line.termination import ending_in_order


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Undo the handler of SIGTERM that Ray has left after other tests."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_sigterm_is_an_interrupt_and_what_is_half_done_is_undone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = []

    @click.command()
    def write() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            done.append("removed")
        return 0

    assert run(write, "write", []) == 130
    assert (done, capsys.readouterr().err) == (["removed"], "interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_others_stays() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ending_in_order():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_handled() -> None:
    handlers = []

    def work() -> None:
        with ending_in_order():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
