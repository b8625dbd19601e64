"""A process that has imported everything and makes gateways of itself; orders come on standard input.

Starting a gateway anew costs seconds, most of them imports; a fork of one that is ready to begin costs hundredths. No
loop and no thread exists before the fork. A line of JSON each way:

    {"config": …, "port": …, "armed": …, "log": …, "writer": "ours", "mutant": null}   ->   {"started": PID}
                                                                                            {"ended": PID, "status": …}
"""

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import aiosqlite  # noqa: F401 - imported here, once, for all that are made of this process
import sqlalchemy.dialects.sqlite.aiosqlite  # noqa: F401 - as above
import uvloop
from starlette.types import ASGIApp
from tests.faults.writes.controls import CONTROLS
from tests.faults.writes.disk import Disk, take_over
from tests.faults.writes.mutants import with_fault
from tests.faults.writes.points import Armed, Point
from tests.faults.writes.seams import Breakable, BreakableAnswer, BreakableTransport
from tests.faults.writes.start import Start

from klantbeeld import app as application
from klantbeeld import opening
from klantbeeld.access.recording import Recording
from klantbeeld.app import build_app
from klantbeeld.cli.listening import listen
from klantbeeld.cli.server import run_server
from klantbeeld.graph.schema import build_schema
from klantbeeld.outside import Outside
from klantbeeld.settings import WriteSettings
from klantbeeld.settings_file import load_settings
from klantbeeld.sources.source import Source
from klantbeeld.writes import running
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.opening import Around, make_writer
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.telling import News

# Methods of the journal, each one durable transaction, and the point before or after it.
BEFORE = {"claim": Point.BEFORE_THE_JOURNAL}
AFTER = {"claim": Point.INTENT_DURABLE, "finish": Point.BETWEEN_STEPS, "take": Point.IN_RECOVERY}

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Take orders until standard input ends; those that were started end with this process."""
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    schema = build_schema()
    patch.object(application, "build_schema", lambda: schema).start()  # the same for all, so it is made once
    gc.collect()
    gc.freeze()
    waiting = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4_096)
            _reap()
        if 0 in ready:
            more = os.read(0, 65_536)
            if not more:
                return
            *lines, waiting = (waiting + more).split(b"\n")
            for line in lines:
                _say({"started": _fork(Start(**json.loads(line)))})


def _fork(start: Start) -> int:
    process_id = os.fork()
    if process_id:
        return process_id
    try:
        _become(start)
    finally:
        os._exit(1)


def _become(start: Start) -> None:
    """Be a gateway until killed."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if start.database:
        take_over(Disk(Path(start.database)))
    with with_fault(start.mutant), contextlib.closing(listen("127.0.0.1", start.port)) as listener:
        uvloop.run(_serve(start, listener))


async def _serve(start: Start, listener: socket.socket) -> None:
    armed = Armed(Path(start.armed))
    async with _built(start, armed) as app:
        await run_server(BreakableAnswer(app, armed), listener, then=lambda: None)


@contextlib.asynccontextmanager
async def _built(start: Start, armed: Armed) -> AsyncIterator[ASGIApp]:
    recording = _breakable(Recording, armed, before={"read": Point.AUDIT_NOT_WRITTEN})
    patch.object(opening, "Recording", recording).start()
    patch.object(running, "make_writer", _writer_maker(start.writer, armed)).start()
    outside = Outside(
        environ={},
        log_to=sys.stdout.buffer,
        make_transport=lambda address, settings: BreakableTransport(address, settings, armed),
        journal=_breakable(lambda journal: journal, armed, before=BEFORE, after=AFTER),
    )
    async with build_app(load_settings(Path(start.config), {}), outside) as app:
        yield app


def _writer_maker(name: str, armed: Armed) -> Callable[..., Any]:
    """Return what makes our writer, which passes a point before it tells caches; or a control in its place."""

    def make(sources: Mapping[str, Source], journal: Journal, settings: WriteSettings, around: Around) -> Any:
        if name != "ours":
            return CONTROLS[name](sources, settings.owners)

        def changed(operation: OperationRow, step: StepRow) -> News | None:
            news = around.changed(operation, step)
            return news and cast("News", Breakable(news, armed, before={"told": Point.CACHE_NOT_EVICTED}))

        return make_writer(sources, journal, settings, replace(around, changed=changed))

    return make


def _breakable(make: Callable[..., Any], armed: Armed, **points: dict[str, Point]) -> Callable[..., Any]:
    """Make what a maker makes, with members that pass points."""
    return lambda *given, **named: Breakable(make(*given, **named), armed, **points)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            process_id, status = os.waitpid(-1, os.WNOHANG)
            if process_id == 0:
                return
            _say({"ended": process_id, "status": status})


def _say(what: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
