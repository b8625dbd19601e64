"""Servers that tests start go with the test process, however that ends: at its end, at Ctrl-C, killed.

Such servers make themselves independent of whoever starts them, so a process of ours watches over each folder: its
standard input ends with the test process, whose end needs no handler for that. This file is that process, too.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Time that a server has to end, in seconds, before it is killed.
PATIENCE = 10.0


@contextmanager
def watched(folder: Path) -> Iterator[Path]:
    """Remove a folder after the block or with this process, and before it the servers whose pid files are below it."""
    command = [sys.executable, "-I", __file__, str(folder)]
    # In a session of its own: Ctrl-C is meant for the whole group of the foreground.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield folder


def clear(folder: Path) -> None:
    """End the servers below a folder, and remove it."""
    for file in folder.glob("*/*.pid"):
        with suppress(OSError, ValueError, IndexError):
            _end(int(file.read_text(encoding="utf-8").split()[0]), file)
    shutil.rmtree(folder, ignore_errors=True)


def _end(pid: int, file: Path) -> None:
    """Tell a server to end, without waiting for its clients: it removes its pid file when it has."""
    os.kill(pid, signal.SIGINT)
    late = time.monotonic() + PATIENCE
    while file.exists() and time.monotonic() < late:
        os.kill(pid, 0)
        time.sleep(0.05)
    if file.exists():
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
