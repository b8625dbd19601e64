"""What an act over three systems costs the gateway: processor time of its process for each `changeAddress`, on SQLite.

    python -m tests.benchmarks.sagas [NUMBER]

One client at first, whose every request waits for the one before; then several at a time, as in a gateway that is
used, where requests share commits and the processor's caches stay warm.

The gateway runs as an operator runs it, with the journal in full sync, over the sandbox's systems in processes of
their own; what it costs is read from the kernel's account of its process, with all that goes on beside requests. A read
of the same customer from the same systems stands beside it, and a write to one of them.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from tests.acceptance.running import Ask, Gateway, Reply, deploy, free_port, running

from klantbeeld.sandbox.launcher import Sandbox

KEY = "lotte-jansen"
NUMBER, WARM, CLIENTS = 200, 30, 8
AIM_MS = 5.0
BEYOND_A_READ_MS = 1.5
MOVE = """
mutation Move($input: ChangeAddressInput!) { changeAddress(input: $input) { status steps { source status } } }
"""
PHONE = """
mutation Phone($input: ChangeBillingDetailsInput!) { changeBillingDetails(input: $input) { status } }
"""
CONTACT = """
mutation Contact($input: ChangeContactDetailsInput!) { changeContactDetails(input: $input) { status } }
"""
READ_ONE = """
query One($id: ID!) { customer(id: $id) { billingAccounts { id } } }
"""
READ = """
query Read($id: ID!) {
  customer(id: $id) { contactMedia { kind address { street houseNumber } } billingAccounts { id } consents { status } }
}
"""

Request = Callable[[str, int], Reply]


def main() -> int:
    """Measure, and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER
    with tempfile.TemporaryDirectory() as folder, Sandbox(size=24) as sandbox:
        deployment = deploy(Path(folder) / "gateway", sandbox)
        with running(Gateway(deployment.file, free_port())) as gateway, httpx.Client(timeout=30) as http:
            assert gateway.process is not None
            asked = Requests(Ask(gateway.address, deployment.issuer, deployment.settings, http))
            customers = asked.everywhere(deployment.customers[KEY], deployment.customers.values())
            costs = {
                (name, clients): cost_ms(gateway.process.pid, one, customers[:clients], number)
                for clients in (1, min(CLIENTS, len(customers)))
                for name, one in asked.by_name.items()
            }
    for (name, clients), cost in costs.items():
        sys.stdout.write(f"{name:26} {clients} {'client' if clients == 1 else 'clients':8} {cost:6.2f} ms\n")
    for clients in sorted({clients for _, clients in costs}):
        beyond = costs["write to one, by key", clients] - costs["read of one system", clients]
        tell("a write beyond a read", clients, beyond, BEYOND_A_READ_MS)
        tell("a saga over three", clients, costs["saga over three", clients], AIM_MS)
    return 0


def tell(what: str, clients: int, cost: float, aim: float) -> None:
    """Print what came of an aim."""
    verdict = "kept" if cost <= aim else "missed"
    sys.stdout.write(f"{what}, {clients} at a time: {cost:.2f} ms, aim {aim:.2f}: {verdict}\n")


class Requests:
    """What is asked, each of one customer; `count` makes each one another."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._token = ask.token("agent")
        self.by_name: dict[str, Request] = {
            "read of one system": self.read_one,
            "write to one, by key": self.billing,
            "write to one, by version": self.contact,
            "read of three systems": self.read,
            "saga over three": self.move,
        }

    def everywhere(self, first: str, others: Iterable[str]) -> list[str]:
        """Return the customers whom all three systems know, one of them before the others."""
        known = []
        for place, customer in enumerate((first, *(other for other in others if other != first))):
            moved = (self.move(customer, -1 - place).data or {}).get("changeAddress")
            if moved and moved["status"] == "APPLIED" and len(moved["steps"]) == 3:
                known.append(customer)
        return known

    def move(self, customer: str, count: int) -> Reply:
        """Change an address everywhere."""
        number = str(abs(count) % 900 + 1)
        house = {"street": "Singel", "houseNumber": number, "postcode": "1016 AB", "city": "Amsterdam"}
        return self._write(MOVE, customer, count, address=house)

    def billing(self, customer: str, count: int) -> Reply:
        """Change a name at billing."""
        return self._write(PHONE, customer, count, name=f"Lotte {count}")

    def contact(self, customer: str, count: int) -> Reply:
        """Change a phone number in the CRM."""
        return self._write(CONTACT, customer, count, phone=f"+316{abs(count):08d}")

    def read_one(self, customer: str, _count: int) -> Reply:
        """Read from billing."""
        return self._ask(READ_ONE, {"id": customer}, token=self._token)

    def read(self, customer: str, _count: int) -> Reply:
        """Read from all three."""
        return self._ask(READ, {"id": customer}, token=self._token)

    def _write(self, document: str, customer: str, count: int, **given: object) -> Reply:
        key = f"{customer}-{document.split()[1][:5]}-{count}"
        asked = {"customerId": customer, "channel": "PHONE", "idempotencyKey": key, **given}
        return self._ask(document, {"input": asked}, token=self._token)


def cost_ms(pid: int, send: Request, customers: Sequence[str], number: int) -> float:
    """Return the processor time of a process for each request, in milliseconds; a client for each customer."""
    clients = len(customers)
    turns = max(number // clients, 1)
    first = clients * 100_000

    def client(place: int) -> None:
        for count in range(first + place, first + place + turns * clients, clients):
            assert "errors" not in send(customers[place], count).body

    for count in range(WARM):
        assert send(customers[count % clients], first + 50_000 + count).data
    with ThreadPoolExecutor(clients) as threads:
        began = processor_seconds(pid)
        list(threads.map(client, range(clients)))
        time.sleep(0.2)  # what goes on beside the last request belongs to it
        return (processor_seconds(pid) - began) / (turns * clients) * 1_000


def processor_seconds(pid: int) -> float:
    """Return the time that all threads of a process have run, in user and kernel mode: exactly, not in ticks."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


if __name__ == "__main__":
    sys.exit(main())
