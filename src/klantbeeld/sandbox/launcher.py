"""Starts the servers of the sandbox as processes of their own, and stops them.

with Sandbox() as sandbox:
sandbox.base_url("stripe"), sandbox.credentials("stripe")
sandbox.set_fault("stripe", {"mode": "latency", "ms": 200})
"""

import http.client
import json
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import IO, Any, Self

from klantbeeld.sandbox.crossreferences import crossreferences
from klantbeeld.sandbox.facts import SYSTEMS, Population, System
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS

START_SECONDS = 30.0
STOP_SECONDS = 5.0
CALL_SECONDS = 10.0
POLL_SECONDS = 0.02


class SandboxError(Exception):
    """A server of the sandbox did not start, or did not do what it was told."""


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    port: int


class Sandbox:
    """The servers, their addresses, their credentials and the people in them.

    Started on entering a ``with`` block and stopped on leaving it. The servers also stop when the process that started
    them is gone, because they watch their standard input.
    """

    def __init__(
        self,
        names: Sequence[System] = SYSTEMS,
        *,
        seed: int = 7,
        size: int = 1000,
        today: date | None = None,
        ports: Mapping[System, int] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.population: Population = make_population(seed, size, today=today or datetime.now(UTC).date())
        self._options = ["--seed", str(seed), "--size", str(size), "--today", self.population.today.isoformat()]
        self._ports: dict[System, int] = dict(ports or {})
        self._running: dict[System, _Running] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *names: System) -> None:
        """Start these servers (all by default) together and wait until they are healthy.

        A server that ran before gets the port that it had. Raises SandboxError if one does not come up.
        """
        wanted = [name for name in names or self.names if name not in self._running]
        started = {name: self._spawn(name) for name in wanted}
        deadline = time.monotonic() + START_SECONDS
        failed: list[System] = []
        for name, process in started.items():
            port = _announced_port(process, deadline)
            if port is None:
                failed.append(name)
                _end(process)
                continue
            self._ports[name] = port
            self._running[name] = _Running(process, port)
        if failed:
            raise SandboxError(f"Did not start within {START_SECONDS:.0f} seconds: {', '.join(failed)}.")
        for name in started:
            self._await_health(name, deadline)

    def stop(self, *names: System) -> None:
        """Stop these servers, all by default. What is not running is left."""
        stopping = [self._running.pop(name).process for name in names or self.names if name in self._running]
        for process in stopping:
            process.terminate()
        for process in stopping:
            _end(process)

    def base_url(self, name: System) -> str:
        """Return where a server answers: ``http://127.0.0.1:41234``. It stays the same over a restart."""
        if name not in self._ports:
            raise SandboxError(f"{name} was not started.")
        return f"http://127.0.0.1:{self._ports[name]}"

    def process_id(self, name: System) -> int:
        """Return the id of a server's process, for whoever wants to stop it from outside."""
        return self._running[name].process.pid

    def credentials(self, name: System) -> Mapping[str, str]:
        """Return what a caller must show to a server."""
        return CREDENTIALS[name]

    def crossreferences(self) -> Iterator[str]:
        """Yield the import lines of the identity map for everybody, as JSON."""
        return crossreferences(self.population)

    def set_fault(self, name: System, fault: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Make a server misbehave (see ``faults``), in place of what it was told before."""
        self._control(name, "PUT", "fault", fault)

    def clear_fault(self, name: System) -> None:
        """Let a server behave again."""
        self._control(name, "DELETE", "fault")

    def log(self, name: System, path: str = "") -> list[dict[str, Any]]:
        """Return the requests that a server received since its start or ``clear_log``, oldest first."""
        requests: list[dict[str, Any]] = self._control(name, "GET", "log")["requests"]
        return [request for request in requests if request["path"].startswith(path)]

    def clear_log(self, name: System) -> None:
        """Forget the requests of a server."""
        self._control(name, "DELETE", "log")

    def reset(self, *names: System) -> None:
        """Give these servers (all that run by default) the store, the log and the behaviour of their start."""
        for name in names or tuple(self._running):
            self._control(name, "POST", "reset")

    def _spawn(self, name: System) -> subprocess.Popen[bytes]:
        port = str(self._ports.get(name, 0))
        command = [sys.executable, "-m", "klantbeeld.sandbox", name, "--port", port, "--attended", *self._options]
        return subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def _await_health(self, name: System, deadline: float) -> None:
        while True:
            try:
                self._control(name, "GET", "health")
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise SandboxError(f"{name} was started and does not answer.") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _control(self, name: System, method: str, path: str, body: Any = None) -> Any:
        if name not in self._running:
            raise SandboxError(f"{name} is not running.")
        connection = http.client.HTTPConnection("127.0.0.1", self._running[name].port, timeout=CALL_SECONDS)
        try:
            connection.request(method, f"/_sandbox/{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise SandboxError(f"{name} refused {method} {path}: {text.decode('utf-8', 'replace')}")
        return json.loads(text) if text else None


def _announced_port(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    """Return the port that a new server writes to its standard output; None if it ends or is too late."""
    output = _pipe(process.stdout)
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            return None
    line = output.readline()
    return int(json.loads(line)["port"]) if line else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close a process's pipes and wait for its end, which is forced if it takes long."""
    _pipe(process.stdin).close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _pipe(process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise SandboxError("The process was started without pipes.")
    return pipe
