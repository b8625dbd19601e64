"""Measures servers side by side on the same upstreams: CPU a request, requests a second, latency, memory.

All servers of a comparison are started first, each pinned to core 0, asked once (and the answer held against the
upstreams' bodies) and warmed. Then in each round each is loaded in turn by wrk, which shares core 1 with the upstreams.
CPU is the user and system time of the server's whole process tree for each answered request. A ratio is taken within a
round, so that drift of the machine cancels.
"""

import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.leaves import check_answer

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
FIRST_PORT = 5101
TRIES = 150


@dataclass(frozen=True, slots=True)
class Row:
    """A server that is compared; `{port}` in its command is filled in.

    `bodies` are the requests that it gets in turn, each with the record ids of the customers that it is about.
    """

    name: str
    command: str
    folder: Path
    bodies: Sequence[tuple[str, Sequence[str]]]
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How hard, how long, how often; `checked` counts answers with errors, at the cost of the load's core."""

    connections: int = 16
    seconds: int = 4
    rounds: int = 5
    warm_up: int = 6
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """What one round of one server gave; memory in MiB, `idle` before any load."""

    cpu_ms: float
    per_second: float
    p50_ms: float
    p99_ms: float
    busy: float
    idle_mib: float
    peak_mib: float
    failures: int


@dataclass(slots=True)
class Running:
    """A started server."""

    row: Row
    process: "subprocess.Popen[bytes]"
    port: int
    values: int = 0
    idle_mib: float = 0.0


Figures = Mapping[str, Sequence[Figure]]


def compare(query: str, rows: Sequence[Row], folder: Path, load: Load) -> Figures:
    """Run a comparison; raises Different for an answer that is not what the upstreams hold."""
    found: dict[str, list[Figure]] = {row.name: [] for row in rows}
    with ExitStack() as stack:
        stack.enter_context(_upstreams(folder))
        running = [stack.enter_context(_server(row, port, folder)) for port, row in enumerate(rows, FIRST_PORT)]
        for one in running:
            one.values = _prove(query, one, folder)
            one.idle_mib = _memory(one.process.pid, "VmRSS")
            _wrk(one, folder, load, load.warm_up)
        for turn in range(load.rounds):
            shift = turn % len(running)
            for one in running[shift:] + running[:shift]:
                found[one.row.name].append(_measure(one, folder, load))
    return found


def spread(values: Sequence[float]) -> str:
    """Return least, median and most."""
    return " / ".join(_digits(one) for one in (min(values), statistics.median(values), max(values)))


def _digits(value: float) -> str:
    """Write three digits, and never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratios(figures: Figures, name: str, reference: str) -> list[float]:
    """Return the CPU of one server as a part of another's, round by round."""
    pairs = zip(figures[name], figures[reference], strict=True)
    return [mine.cpu_ms / theirs.cpu_ms for mine, theirs in pairs]


def as_json(figures: Figures) -> dict[str, list[dict[str, float]]]:
    """Return the figures as plain values."""
    return {name: [asdict(one) for one in rounds] for name, rounds in figures.items()}


@contextmanager
def _upstreams(folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        ["taskset", "-c", "1", "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _server(row: Row, port: int, folder: Path) -> Iterator[Running]:
    environ = {**os.environ, "NODE_ENV": "production", "PORT": str(port), **row.environ}
    with (folder / f"{row.name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", "0", *shlex.split(row.command.replace("{port}", str(port)))],
            cwd=row.folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Running(row, process, port)
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
        return


def _prove(query: str, one: Running, folder: Path) -> int:
    """Ask for every body once; returns how many values of the last answer agree with the upstreams."""
    values = 0
    for body, keys in one.row.bodies[:10]:
        answer = _ask(one, body)
        values = check_answer(query, answer, folder / "bodies", keys, ours=one.row.ours)
    return values


def _ask(one: Running, body: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{one.port}/graphql", body.encode(), {**_JSON, **one.row.headers}
    )
    for left in range(TRIES, 0, -1):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{one.row.name}: {error.code} {error.read()[:400]!r}") from error
        except OSError:
            if left == 1 or one.process.poll() is not None:
                raise
            time.sleep(0.2)
    raise AssertionError("unreachable")


def _measure(one: Running, folder: Path, load: Load) -> Figure:
    pid = one.process.pid
    before = _cpu_seconds(pid)
    got = _wrk(one, folder, load, load.seconds)
    used = _cpu_seconds(pid) - before
    if not got["requests"]:
        raise SystemExit(f"{one.row.name} answered nothing within {load.seconds} s: measure longer, with --seconds")
    return Figure(
        cpu_ms=1000 * used / got["requests"],
        per_second=got["requests"] / got["microseconds"] * 1e6,
        p50_ms=got["p50"] / 1000,
        p99_ms=got["p99"] / 1000,
        busy=used / (got["microseconds"] / 1e6),
        idle_mib=one.idle_mib,
        peak_mib=_memory(pid, "VmHWM"),
        failures=got["refused"] + got["broken"] + got["partial"],
    )


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def _wrk(one: Running, folder: Path, load: Load, seconds: int) -> Any:
    bodies, headers = (folder / f"{one.row.name}.{kind}" for kind in ("bodies", "headers"))
    bodies.write_text("".join(f"{body}\n" for body, _ in one.row.bodies))
    headers.write_text("".join(f"{name}: {value}\n" for name, value in {**_JSON, **one.row.headers}.items()))
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}", "--timeout", "20"]
    environ = {"BODIES": str(bodies), "HEADERS": str(headers), "TARGET": "/graphql"}
    done = subprocess.run(
        [*command, "-s", str(HERE / "load.lua"), f"http://127.0.0.1:{one.port}/"],
        env={**os.environ, **environ, **({"CHECK": "1"} if load.checked else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("JSON "):
            return json.loads(line.removeprefix("JSON "))
    raise SystemExit(done.stdout + done.stderr)


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name; none for a process that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    ticks = 0
    for process in _tree(pid):
        if stat := _stat(process):
            # The root's time has that of children that ended, which are no longer in the tree.
            ticks += sum(map(int, stat[11:15] if process == pid else stat[11:13]))
    return ticks / TICKS


def _memory(pid: int, name: str) -> float:
    kibibytes = 0
    for process in _tree(pid):
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            continue
        kibibytes += sum(int(line.split()[1]) for line in lines if line.startswith(name))
    return kibibytes / 1024


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
