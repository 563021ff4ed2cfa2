"""Signals during a search."""

import signal

import pytest

from tabvae_ray.search.driver.interrupts import Interrupts


def test_handlers_are_put_back_and_those_of_another_language_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R and Julia, which Python may be embedded in, have handlers that Python cannot put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with Interrupts(lambda _: None):
        assert all(signal.getsignal(number) is not before[number] for number in before)
    assert {number: signal.getsignal(number) for number in before} == before
    known = signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda number: None if number == signal.SIGINT else known(number)
    )
    with Interrupts(lambda _: None):
        assert known(signal.SIGINT) is before[signal.SIGINT]
        assert known(signal.SIGTERM) is not before[signal.SIGTERM]
    assert {number: known(number) for number in before} == before
