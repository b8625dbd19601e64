"""What the application gets from outside: the environment, the clock, where logs go; tests bring their own."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from klantbeeld.gateway.graphiql import Example
from klantbeeld.gateway.stopping import Stopping
from klantbeeld.sources.opening import MakeTransport
from klantbeeld.sources.source import utc_clock
from klantbeeld.telemetry.logs import Log, through_log
from klantbeeld.writes.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the application gets from outside; tests bring their own."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    log_to: BinaryIO = sys.stdout.buffer
    now: Callable[[], datetime] = utc_clock
    make_transport: MakeTransport | None = None
    journal: Callable[[Journal], Journal] = lambda journal: journal
    examples: tuple[Example, ...] = ()
    demo_token: str | None = None
    stopping: Stopping = field(default_factory=Stopping)
    libraries: Callable[[Log], AbstractContextManager[None]] = through_log
    """Where to send what libraries say, while the application is open."""
