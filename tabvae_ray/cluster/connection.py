"""Connect to Ray, with messages that name what is wrong."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext

import ray

from tabvae_ray.cluster.ray_private import (
    STATE_LOGGERS,
    grpc_channel,
    messages_logged,
    usable_cpus,
    waiting_for_node,
    without_services,
)
from tabvae_ray.cluster.secrets import mask_command_line
from tabvae_ray.errors import ClusterUnavailableError, ConfigError, last_line

__all__ = ["connected", "started_early", "through_client"]

_LOG = logging.getLogger(__name__)

# Timeout of one connection.
_CONNECT_SECONDS = 10.0
# For the agents of a Ray that starts here. Its own 30 seconds are too few on a busy machine, and
# without its agents Ray ends.
_AGENTS_MILLISECONDS = 180_000
# After which Ray ends a process that it has started early and that nothing has used.
_IDLE_MILLISECONDS = 600_000
_ATTEMPTS = 3
# What each attempt may take beyond the half minute that Ray gives its processes.
_LONGER_SECONDS = (0.0, 30.0, 60.0)
# A busy machine may need longer than Ray waits for its processes. A server that Ray forks for a
# client now and then dies before it has begun. Both succeed when tried again.
_PASSING = ("timed out during startup", "starting ray client server failed", "zombieprocess")
# A Ray that starts in a thread and that nobody has waited for yet.
_early: Future[None] | None = None
# Blocks of this process that use a Ray that this module has joined, and what ends with the last.
_users, _inside, _LOCK = 0, ExitStack(), threading.Lock()


@contextmanager
def started_early(address: str | None, modules: Sequence[str] = ()) -> Iterator[None]:
    """Start Ray on this machine in a thread, while the block prepares what it needs Ray for.

    :func:`connected` in the block waits for that Ray and uses it. Nothing happens if the address is
    that of a cluster, or this process is connected already.

    Args:
        address: As of :func:`connected`.
        modules: Modules that Ray's processes import in the meantime, one process per CPU.
    """
    global _early
    target, _ = _target(address)
    if target != "local" or ray.is_initialized():
        yield
        return
    _quiet()
    mask_command_line()
    # Ray's processes end with the thread that has started them, so it lives as long as the block.
    with ThreadPoolExecutor(1, "start of Ray") as thread:
        _early = starting = thread.submit(_init_ray, target, modules)
        try:
            yield
        finally:
            _early = None
            # Ray cannot be ended before it has started.
            wait([starting])
            ray.shutdown()


@contextmanager
def connected(address: str | None) -> Iterator[bool]:
    """Start Ray on this machine or join a cluster, and disconnect at the end of the block.

    A Ray that this process is connected to already is used, and stays connected.

    Args:
        address: ``auto``, ``host:port`` or ``ray://host:port``; if None, the value of
            ``RAY_ADDRESS``, or without that a new Ray on this machine.

    Yields:
        True if Ray was started here.

    Raises:
        ClusterUnavailableError: If no cluster answers at the address, or Ray does not start.
        ConfigError: If the address is none, or the cluster refuses the token.
    """
    global _users
    with _LOCK:
        # One thread of an application may generate shards while another searches.
        is_shared = _users > 0
        started_here = False
        if is_shared or (_early is None and ray.is_initialized()):
            _quiet()
        else:
            started_here = _join(address)
            is_shared = True
        _users += is_shared
    try:
        yield started_here
    finally:
        if is_shared:
            with _LOCK:
                _users -= 1
                if _users == 0:
                    _inside.close()


def _join(address: str | None) -> bool:
    """Start Ray on this machine or join a cluster; ``_inside`` is closed to leave it."""
    target, origin = _target(address)
    _quiet()
    _check_reachable(target, origin)
    mask_command_line()
    # Also after an interrupt in the middle of connecting.
    with ExitStack() as leaving:
        leaving.callback(ray.shutdown)
        leaving.enter_context(messages_logged())
        _connect(target)
        _inside.push(leaving.pop_all())
    return target == "local"


def _connect(target: str) -> None:
    global _early
    starting, _early = _early, None
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if starting is None:
            _init_ray(target)
        else:
            starting.result()
    except SystemExit:
        # Ray turns SIGTERM into this while it starts its processes.
        raise KeyboardInterrupt from None
    except Exception as error:
        raise _not_connected(target, error) from error
    finally:
        # Ray installs a handler of its own, and its C++ part one that prints a dump and aborts.
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _init_ray(target: str, modules: Sequence[str] = ()) -> None:
    """Connect by Ray's own function, and try again after errors that pass."""
    is_local = target == "local"
    if is_local:
        os.environ.setdefault("RAY_agent_register_timeout_ms", str(_AGENTS_MILLISECONDS))
        # By default Ray's processes yield to all others. On a busy machine trials would then get
        # next to no time, and no time budget could be kept.
        os.environ.setdefault("RAY_worker_niceness", "0")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            longer = waiting_for_node(_LONGER_SECONDS[attempt - 1])
            with longer, without_services() if is_local else nullcontext():
                ray.init(
                    address=target,
                    num_cpus=usable_cpus() if is_local else None,
                    include_dashboard=False if is_local else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _system_config=_kept_ready(modules) if modules else None,
                )
            return
        except Exception as error:
            if attempt == _ATTEMPTS or not any(text in str(error).lower() for text in _PASSING):
                raise
            _LOG.warning("Ray did not start: %s; trying again", last_line(error))
            ray.shutdown()


def _kept_ready(modules: Sequence[str]) -> dict[str, object]:
    """Return Ray's settings for processes that import modules and stay until they are used."""
    return {
        "preload_python_modules": list(modules),
        # Otherwise Ray ends them as soon as their CPUs are reserved for trials.
        "idle_worker_killing_time_threshold_ms": _IDLE_MILLISECONDS,
    }


def through_client(address: str | None) -> bool:
    """Return True if Ray is, or will be, used through a client server on the cluster."""
    if ray.is_initialized():
        is_client: bool = ray.util.client.ray.is_connected()  # type: ignore[no-untyped-call]
        return is_client
    return _target(address)[0].startswith("ray://")


def _target(address: str | None) -> tuple[str, str]:
    """Return the address to connect to and its source; RAY_ADDRESS replaces ``auto``, as in Ray."""
    if address and address != "auto":
        return address, "--address"
    return os.environ.get("RAY_ADDRESS") or address or "local", "RAY_ADDRESS"


def _check_reachable(target: str, origin: str) -> None:
    """Fail at once where Ray would retry: for ten minutes where nobody listens.

    With a wrong token it would retry for 20 seconds.
    """
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
        raise _not_connected(target, error) from error
    _check_token(target)


def _check_token(target: str) -> None:
    """Make a harmless call with the token that Ray would use, to see if it is accepted."""
    try:
        import grpc

        channel = grpc_channel(target.removeprefix("ray://"))
    except ImportError:
        # Without gRPC for Python the message of Ray itself must do.
        return
    is_client = target.startswith("ray://")
    method = "RayletDriver/ClusterInfo" if is_client else "NodeInfoGcsService/CheckAlive"
    try:
        channel.unary_unary(f"/ray.rpc.{method}")(b"", timeout=_CONNECT_SECONDS)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise _token_refused(target, error.details()) from error
    except Exception as error:
        # Ray raises this if RAY_AUTH_MODE is token and there is none.
        raise _not_connected(target, error) from error
    finally:
        channel.close()


def _token_refused(target: str, text: str) -> ConfigError:
    missing = (
        "copy the head node's ~/.ray/auth_token to this machine, or set RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH"
    )
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        # Without this mode Ray sends a token only to a cluster on this machine, found by auto.
        missing = (
            f"set RAY_AUTH_MODE=token, without which none is sent to a given address; {missing}"
        )
    return ConfigError(
        f"the Ray cluster at {target} asks for a token that is missing or wrong here: {missing} "
        f"({text})"
    )


def _not_connected(target: str, error: Exception) -> ConfigError:
    text = last_line(error)
    lowered = str(error).lower()
    if "token" in lowered or "unauthenticated" in lowered or "authentication" in lowered:
        return _token_refused(target, text)
    hint = "is it up, and does RAY_ADDRESS or --address name its head?"
    if isinstance(error, ConnectionError) and not error.errno and target != "local":
        # Raised by Ray after the port accepted a connection; its text does not mention tokens.
        hint = (
            "something listens there: is it a Ray head of this version, and is the token its own?"
        )
    elif target == "auto":
        hint = "start one with ray start --head, or leave --address out to run on this machine"
    if target == "local":
        hint = "is there memory and disk space left?"
    return ClusterUnavailableError(f"cannot connect to Ray at {target}: {text}; {hint}")


def _quiet() -> None:
    """Let Ray log nothing but errors."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for name in ("ray", "ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Lists incomplete trials by Ray's ids; the records have the reason for each of them.
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)
    for name in STATE_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
