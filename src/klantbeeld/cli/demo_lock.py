"""One demo a folder: a second would write its settings over those of the first, and share its store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from klantbeeld.errors import ConfigurationError

NAME = "demo.lock"


@contextmanager
def alone_in(folder: Path, address: str) -> Iterator[None]:
    """Keep other demos out of a folder within the block; raises ConfigurationError where one runs already.

    `address` tells those kept out which one runs. The kernel lets go when the process ends, however it ends: the file
    stays, and keeps nobody out by itself.
    """
    try:
        lock = (folder / NAME).open("a+", encoding="utf-8")
    except OSError as error:
        mend = "Name another folder with --folder"
        raise ConfigurationError(str(folder), f"cannot be used as a folder: {error.strerror}", mend) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            problem = f"a demo runs there already: {lock.read() or 'it has just started'}"
            mend = "End it with Ctrl-C, or name another folder with --folder"
            raise ConfigurationError(str(folder), problem, mend) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {address}")
        lock.flush()
        yield
