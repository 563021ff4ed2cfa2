"""Connections that fail once, that fail for good, and that begin before they are needed."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import ray
from ray._private import worker

from tabvae_ray.cluster import connection, ray_private
from tabvae_ray.cluster.connection import connected, started_early
from tabvae_ray.cluster.ray_private import usable_cpus
from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.errors import ClusterUnavailableError, ConfigError

SLOW_START = "The current node timed out during startup. This could happen because of load."


DEAD_SERVER = "psutil.ZombieProcess: PID still exists but it's a zombie (pid=7)"


def fail_first(monkeypatch: pytest.MonkeyPatch, *messages: str) -> list[str]:
    """Let Ray fail with these messages, one per call, and succeed then; return the calls."""
    calls: list[str] = []

    def init(address: str, **_: object) -> None:
        calls.append(address)
        if len(calls) <= len(messages):
            raise RuntimeError(messages[len(calls) - 1])

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    return calls


def test_a_ray_that_starts_too_slowly_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    messages = SLOW_START, DEAD_SERVER
    calls, waits = fail_first(monkeypatch, *messages), []

    @contextmanager
    def waiting(seconds: float) -> Iterator[None]:
        waits.append(seconds)
        yield

    monkeypatch.setattr(connection, "waiting_for_node", waiting)
    with connected(None) as started_here:
        assert started_here
    assert calls == ["local"] * 3
    # Each attempt has more time than the one before.
    assert waits == sorted(set(waits)) and len(waits) == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"Ray did not start: {message}; trying again" for message in messages
    ]


def test_messages_of_nodes_are_logged_and_not_among_the_results(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_first(monkeypatch)
    many = "WARNING: 4 PYTHON worker processes have been started on node: 1, which is 4x the"

    def arrives(text: str) -> None:
        # As in Ray's thread that listens for them.
        origin = {"pid": "raylet", "is_err": False, "ip": "a", "localhost": "a"}
        worker.print_to_stdstream({"lines": [text, many], **origin}, ignore_prefix=False)

    with connected(None):
        arrives("a node died\nalone")
        # Often the same from many nodes.
        arrives("a node died\nalone")
    assert capsys.readouterr().out == ""
    # On a machine of one CPU, a streamed refit always has four processes.
    said = [record.getMessage() for record in caplog.records]
    assert said == ["Ray: (raylet) a node died", "Ray: alone"]
    with connected(None), JsonLog().taking_warnings():
        arrives("a node slept")
    assert json.loads(capsys.readouterr().err)["message"] == "Ray: (raylet) a node slept"


def test_a_cluster_that_does_not_answer_may_do_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_first(monkeypatch, "no disk space")
    for address in ("127.0.0.1:1", None):
        with pytest.raises(ClusterUnavailableError, match="cannot connect"), connected(address):
            pass
    with pytest.raises(ConfigError) as found, connected("nowhere"):
        pass
    assert (found.value.exit_code, ClusterUnavailableError.exit_code) == (2, 75)


@pytest.mark.parametrize(("given", "expected"), [(None, "0"), ("7", "7")])
def test_trials_of_a_ray_that_starts_here_do_not_yield_to_other_processes(
    monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
) -> None:
    fail_first(monkeypatch)
    # Set first, so that the variable is as before after the test.
    monkeypatch.setenv("RAY_worker_niceness", given or "")
    if given is None:
        monkeypatch.delenv("RAY_worker_niceness")
    with connected(None):
        assert os.environ["RAY_worker_niceness"] == expected


@pytest.mark.parametrize(("messages", "n_calls"), [([SLOW_START] * 3, 3), (["no disk space"], 1)])
def test_an_error_that_lasts_ends_the_attempts(
    monkeypatch: pytest.MonkeyPatch, messages: list[str], n_calls: int
) -> None:
    calls = fail_first(monkeypatch, *messages)
    with pytest.raises(ConfigError, match=messages[-1]), connected(None):
        pass
    assert len(calls) == n_calls


def test_ray_is_left_when_the_last_of_several_threads_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows may be generated in shards while a search runs."""
    calls, left, first_ended, started = fail_first(monkeypatch), [], threading.Event(), []
    monkeypatch.setattr(ray, "shutdown", lambda: left.append(1))

    def second() -> None:
        with connected(None) as started_here:
            started.append(started_here)
            assert first_ended.wait(60)
            left.append(0)

    thread = threading.Thread(target=second)
    with connected(None):
        thread.start()
        while not started:
            time.sleep(0.01)
    first_ended.set()
    thread.join()
    assert (calls, started, left) == (["local"], [False], [0, 1])
    with connected(None):
        pass
    assert calls == ["local"] * 2


def test_ray_starts_in_a_thread_while_the_block_prepares(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, begun = threading.Event(), threading.Event()
    options: dict[str, Any] = {}

    def init(**given: object) -> None:
        options.update(given)
        begun.set()
        assert prepared.wait(60)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    with started_early(None, ["some.module"]):
        assert begun.wait(60)
        prepared.set()
        with connected(None) as started_here:
            assert started_here
    assert options["_system_config"]["preload_python_modules"] == ["some.module"]
    assert options["num_cpus"] == usable_cpus() <= len(os.sched_getaffinity(0))


def test_a_block_that_fails_leaves_no_ray_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fail_first(monkeypatch)
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append("shutdown"))
    with pytest.raises(ValueError, match="no such table"), started_early(None):
        raise ValueError("no such table")
    assert calls == ["local", "shutdown"]


def test_what_keeps_ray_from_an_early_start_is_reported_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_first(monkeypatch, "no disk space")
    message = "cannot connect to Ray at local: no disk space"
    with started_early(None):
        with pytest.raises(ConfigError, match=message), connected(None):
            pass
        # Tried again, as without an early start.
        with connected(None) as started_here:
            assert started_here


def test_openmp_that_binds_threads_leaves_ray_all_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    monkeypatch.setattr(ray_private, "get_num_cpus", lambda **_: 7.5)
    assert usable_cpus() == 1
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    assert usable_cpus() == 7


@pytest.mark.parametrize(("address", "variable"), [("auto", ""), (None, "10.0.0.1:6379")])
def test_a_cluster_is_not_joined_early(
    monkeypatch: pytest.MonkeyPatch, address: str | None, variable: str
) -> None:
    calls = fail_first(monkeypatch)
    monkeypatch.setenv("RAY_ADDRESS", variable)
    with started_early(address):
        pass
    assert calls == []
