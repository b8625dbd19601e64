"""What starting the gateway, leaving it alone, and one unified query over slow systems cost."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

from .running import ANSWER_SECONDS, Ask, Deployment, Gateway, deploy, free_port, running

KIB = 1024
SLOW_MS = 200
REQUESTS = 30

# Everything that depends on the customer's id alone, so that nothing has to wait for something else.
UNIFIED = """
query Unified($id: ID!) {
  customer(id: $id) {
    party { fullName birthDate language customerNumber status }
    contactMedia { kind value }
    orders(first: 5) { nodes { number } }
    billingAccounts { name state }
    balances { amount currency }
    invoices(first: 20) { nodes { number state total { amount } } }
    complaints(first: 5) { nodes { subject state } }
    consents { purpose channel status }
    preferences { topic subscribed }
    campaigns { name }
    attributes { name value }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Seconds until it is ready, on the clock and of a processor, and MiB resident while nobody asks."""

    ready_seconds: float
    cpu_seconds: float
    idle_mib: float


def measure(gateway: Gateway) -> Footprint:
    """Start a gateway, look at its process when it is ready, and stop it."""
    began = time.monotonic()
    with running(gateway) as started:
        ready = time.monotonic() - began
        assert started.process is not None
        process = Path("/proc") / str(started.process.pid)
        return Footprint(ready, _cpu_seconds(process), _resident_mib(process))


def importing() -> float:
    """Return the seconds of a processor that this machine takes, at this moment, to import what a gateway is."""
    process = subprocess.Popen([sys.executable, "-c", "import klantbeeld.cli.serve"])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def figures(folder: Path) -> Mapping[str, str]:
    """Measure everything over a sandbox of its own."""
    with Sandbox(size=12) as sandbox:
        deployment = deploy(folder, sandbox)
        found = measure(Gateway(deployment.file, free_port(), name="measured"))
        seconds = slow_seconds(deployment, sandbox)
    return {
        "start until `/ready` answers": f"{found.ready_seconds:.2f} s",
        "processor time of it": f"{found.cpu_seconds:.2f} s",
        "memory while nobody asks (VmRSS)": f"{found.idle_mib:.0f} MiB",
        f"unified query, four systems at {SLOW_MS} ms each, median of {REQUESTS}": f"{seconds * 1000:.0f} ms",
    }


def slow_seconds(deployment: Deployment, sandbox: Sandbox) -> float:
    """Return the median time of a unified query over systems that take their time."""
    with running(Gateway(deployment.file, free_port(), name="slow")) as gateway:
        for system in SYSTEMS:
            sandbox.set_fault(system, {"mode": "latency", "ms": SLOW_MS})
        with httpx.Client(timeout=ANSWER_SECONDS) as http:
            ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
            found = [ask(UNIFIED, {"id": deployment.customers["fatima-el-amrani"]}) for _ in range(REQUESTS)]
    assert not any(reply.codes for reply in found)
    return statistics.median(reply.seconds for reply in found)


def _cpu_seconds(process: Path) -> float:
    """Read utime and stime (proc(5)); the name before them may hold spaces, and ends with the last bracket."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(process: Path) -> float:
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / KIB
