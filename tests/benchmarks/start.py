"""How long `klantbeeld serve` takes to be ready, and what it holds when it idles.

    python tests/benchmarks/start.py [--times 5]

Four sources are configured and none runs: nothing is asked of any. The first start makes the store, the others find it.
Prints seconds from the start of the process to a 200 of /ready, seconds of CPU that it had by then (what is left of the
first on a machine that others use too), and resident memory (VmRSS) a second later.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_settings import write_settings
from klantbeeld.cli.listening import listen, port_of
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

NOWHERE = 9  # the port of the discard service (RFC 863), which nobody runs
MOST_SECONDS, MOST_MIB = 3.0, 130.0
POLL, IDLE, GIVE_UP = 0.01, 1.0, 30.0

# What a gateway that only answers has no use for, or only later.
RARE = ("alembic", "asyncpg", "phonenumbers", "pydantic.v1", "pygments", "redis", "rich", "sqlalchemy.orm", "typer")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until ready, how many of them it worked, and MiB that it idles with."""

    seconds: float
    worked: float
    mib: float


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--times", type=int, default=5)
    times = options.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        file = settings_in(Path(folder))
        first, *others = (start(file) for _ in range(times + 1))
    say(f"{'':16}{'ready after':>12}{'CPU':>10}{'idles with':>16}")
    for name, one in {"new store": first, "old store": middle(others)}.items():
        say(f"{name:16}{one.seconds:>10.2f} s{one.worked:>8.2f} s{one.mib:>12.1f} MiB")
        if one.seconds > MOST_SECONDS or one.mib > MOST_MIB:
            say(f"                NOT under {MOST_SECONDS:.0f} s and {MOST_MIB:.0f} MiB")
    say(f"imported, and rarely needed: {', '.join(imported(RARE)) or 'nothing'}")


def middle(starts: Sequence[Start]) -> Start:
    """Return the median of each figure."""
    return Start(*(statistics.median(figures) for figures in zip(*map(astuple, starts), strict=True)))


def settings_in(folder: Path) -> Path:
    """Write the demo's settings for a sandbox that is not there."""
    sandbox = Sandbox(size=0, ports=dict.fromkeys(SYSTEMS, NOWHERE))
    return write_settings(folder, sandbox, DemoIssuer.new(clock=time.time), port=0)


def start(file: Path) -> Start:
    """Start the gateway, wait until it is ready, let it idle, and stop it."""
    listener = listen("127.0.0.1", 0)
    port = port_of(listener)
    listener.close()
    command: list[str | Path] = [
        Path(sys.executable).with_name("klantbeeld"),
        "serve",
        "--config",
        file,
        "--port",
        str(port),
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > GIVE_UP:
                sys.exit("the gateway did not become ready")
            time.sleep(POLL)
        seconds, worked = time.perf_counter() - began, cpu(process.pid)
        time.sleep(IDLE)
        return Start(seconds, worked, resident(process.pid))
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    """Ask whether the gateway is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=GIVE_UP) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def resident(process_id: int) -> float:
    """Return the resident memory of a process, in MiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def cpu(process_id: int) -> float:
    """Return the CPU that a process has had, user and system, in seconds."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def imported(names: Sequence[str]) -> list[str]:
    """Find which of some modules `serve` imports before it is asked anything."""
    code = f"import sys, klantbeeld.cli.serve; print(*({set(names)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return sorted(done.stdout.split())


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
