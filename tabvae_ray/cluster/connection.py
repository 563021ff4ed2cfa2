"""Connecting to Ray, and what it says of its nodes.

A room of its own because it is about machines, and nothing else in a search is.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from tabvae_ray.cluster.secrets import mask_command_line
from tabvae_ray.errors import ConfigError

__all__ = ["connected", "last_line", "through_client"]

_LOG = logging.getLogger(__name__)
# Seconds that an address has to take a connection.
_CONNECT_SECONDS = 10.0


@contextmanager
def connected(address: str | None) -> Iterator[bool]:
    """Ray, started on this machine or joined at an address; left or stopped at the end.

    Yields whether it was started, so that it is this process's own.

    Args:
        address: ``auto``, ``host:port`` or ``ray://host:port``; if None, what ``RAY_ADDRESS`` says,
            or a Ray of our own on this machine.

    Raises:
        ConfigError: If there is no cluster at the address, or it does not let us in.
    """
    target, origin = _target(address)
    _quiet()
    if ray.is_initialized():
        # The caller's own; it stays as it is.
        yield False
        return
    _check_reachable(target, origin)
    mask_command_line()
    try:
        _connect(target)
        yield target == "local"
    finally:
        # Also what an interrupt has left half connected.
        ray.shutdown()


def _connect(target: str) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=target,
            include_dashboard=False if target == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except SystemExit:
        # What Ray makes of SIGTERM while it starts its processes.
        raise KeyboardInterrupt from None
    except Exception as error:
        raise ConfigError(_why_not_connected(target, error)) from error
    finally:
        # Ray has put its own in its place, and the C++ below it one that prints a dump and aborts.
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def through_client(address: str | None) -> bool:
    """Whether Ray's calls are sent through a server on the cluster, or will be, once connected."""
    if ray.is_initialized():
        is_client: bool = ray.util.client.ray.is_connected()  # type: ignore[no-untyped-call]
        return is_client
    return _target(address)[0].startswith("ray://")


def _target(address: str | None) -> tuple[str, str]:
    """What to connect to, and what has named it; Ray takes RAY_ADDRESS for ``auto``, too."""
    if address and address != "auto":
        return address, "--address"
    return os.environ.get("RAY_ADDRESS") or address or "local", "RAY_ADDRESS"


def _check_reachable(target: str, origin: str) -> None:
    """Ray itself tries an address where nobody listens for ten minutes, a wrong token for 20 s."""
    if target in ("auto", "local"):
        return
    host, _, port = target.removeprefix("ray://").rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"{origin}: must be auto, host:port or ray://host:port, but got {target!r}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ConfigError(_why_not_connected(target, error)) from error
    _check_token(target)


def _check_token(target: str) -> None:
    """Ask something harmless, with the token that Ray would use.

    The answer is of no interest, unless it is that the token is missing or wrong.
    """
    try:
        import grpc
        from ray._private.grpc_utils import init_grpc_channel
    except ImportError:
        # A Ray without gRPC for Python, or before tokens: what Ray says then has to do.
        return
    is_client = target.startswith("ray://")
    channel = init_grpc_channel(target.removeprefix("ray://"))
    method = "RayletDriver/ClusterInfo" if is_client else "NodeInfoGcsService/CheckAlive"
    try:
        channel.unary_unary(f"/ray.rpc.{method}")(b"", timeout=_CONNECT_SECONDS)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise ConfigError(_token_refused(target, error.details())) from error
    except Exception as error:
        # Ray's own complaint that the mode is token and there is none.
        raise ConfigError(_why_not_connected(target, error)) from error
    finally:
        channel.close()


def _token_refused(target: str, text: str) -> str:
    missing = (
        "copy the head node's ~/.ray/auth_token to this machine, or set RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH"
    )
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        # Ray sends a token by itself only to a cluster of this machine that it has found by auto.
        missing = (
            f"set RAY_AUTH_MODE=token, without which none is sent to a given address; {missing}"
        )
    return (
        f"the Ray cluster at {target} asks for a token that is missing or wrong here: {missing} "
        f"({text})"
    )


def _why_not_connected(target: str, error: Exception) -> str:
    text = last_line(error)
    lowered = str(error).lower()
    if "token" in lowered or "unauthenticated" in lowered or "authentication" in lowered:
        return _token_refused(target, text)
    hint = "is it up, and does RAY_ADDRESS or --address name its head?"
    if isinstance(error, ConnectionError) and not error.errno and target != "local":
        # Ray's own error, after the address has taken a connection: it does not say of tokens.
        hint = (
            "something listens there: is it a Ray head of this version, and is the token its own?"
        )
    elif target == "auto":
        hint = "start one with ray start --head, or leave --address out to run on this machine"
    if target == "local":
        hint = "is there memory and disk space left?"
    return f"cannot connect to Ray at {target}: {text}; {hint}"


def last_line(error: BaseException) -> str:
    """The last line of an error's text, which with Ray's is the one that says something."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else type(error).__name__


def _quiet() -> None:
    """Keep Ray's chatter from drowning what the user wants to see; errors still come through."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for name in ("ray", "ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Says that trials did not complete, with Ray's names of them: the records say it of each.
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)
    # Say with tracebacks that Tune's own state was not written, which no search is resumed from.
    for name in ("ray.tune.execution.experiment_state", "ray.train._internal.storage"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
