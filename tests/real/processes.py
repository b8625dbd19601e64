"""Starts a server of this folder in a process of its own, and stops it."""

import json
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SERVERS = FOLDER / "servers"
MODULES = FOLDER / "node_modules"
PYTHON = FOLDER.parents[1] / "build" / "real" / "venv" / "bin" / "python"
START_SECONDS = 20.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.1

# Debian's may be too old; then `install` took one from npm.
NODE = next((str(node) for node in MODULES.glob("node-linux-*/bin/node")), shutil.which("node"))

needs_install = pytest.mark.skipif(
    NODE is None or not MODULES.is_dir() or not (PYTHON.parents[1] / "installed").exists(),
    reason="the servers of others are not installed: tests/real/install",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `port` can be asked for again when it is started anew."""

    port: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[Server]:
    """Run a server as long as the block: it says its port, and stops when its standard input closes.

    What it says of itself beside that goes into the file `log`.
    """
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                assert selector.select(START_SECONDS), f"{command[1]} did not say its port"
            line = process.stdout.readline()
            assert line, log.read_text(encoding="utf-8", errors="replace")
            yield Server(json.loads(line)["port"])
        finally:
            process.stdin.close()
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end, and force it if it takes long."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(claim: Callable[[], bool], seconds: float) -> None:
    """Ask again and again until something holds; fails the test if it does not within the time."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(POLL_SECONDS)
