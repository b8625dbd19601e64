"""Measures the identity map: imports a file of cross references, then looks up.

    python tests/benchmarks/identity.py sqlite:////var/tmp/bench/map.sqlite --links 1000000
    python tests/benchmarks/identity.py postgresql://user@host/empty_database --links 1000000

The store must be empty. Four links and four match keys a customer.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.importing import import_file
from klantbeeld.identity.match_keys import MatchKeyKind
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings import StoreSettings
from klantbeeld.store import open_store

SOURCES = ("crm", "billing", "complaints", "marketing")
TIMES = 20_000


async def measure(url: str, *, links: int) -> None:
    """Fill the map and print microseconds per look-up."""
    async with open_store(StoreSettings(url=url, timeout=60)) as store:
        identity = StoredIdentityMap(store, KeyRing(b"k" * 32, 1))
        await fill(identity, links)
        chance = random.Random(7)
        numbers = [chance.randrange(links // len(SOURCES)) for _ in range(TIMES)]
        ids = [await identity.by_reference("crm", f"crm-{n}") for n in numbers]
        looks: dict[str, Callable[[int], Awaitable[object]]] = {
            "links": lambda i: identity.links(str(ids[i])),
            "by_reference": lambda i: identity.by_reference("billing", f"billing-{numbers[i]}"),
            "by_references (4)": lambda i: identity.by_references([(s, f"{s}-{numbers[i]}") for s in SOURCES]),
            "by_match_key (e-mail)": lambda i: identity.by_match_key(MatchKeyKind.EMAIL, f"p{numbers[i]}@example.nl"),
            "by_match_key (phone)": lambda i: identity.by_match_key(MatchKeyKind.PHONE, phone(numbers[i])),
            "links of an unknown id": lambda _: identity.links("019ab000-0000-7000-8000-000000000001"),
        }
        for name, look in looks.items():
            say(f"{name:26} {await microseconds(look):7.1f} us")
        began = time.perf_counter()
        await identity.links_of([str(each) for each in ids[:500]])
        say(f"{'links_of (500)':26} {(time.perf_counter() - began) * 1e3:7.1f} ms")
        began = time.perf_counter()
        for n in range(500):
            await identity.first_sight("new", str(n))
        say(f"{'first_sight':26} {(time.perf_counter() - began) / 500 * 1e6:7.1f} us")
    say(f"most memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.1f} MiB")


async def fill(identity: StoredIdentityMap, links: int) -> None:
    """Import a file of so many lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.jsonl"
        write(path, links)
        began, worked = time.perf_counter(), time.process_time()
        report = await import_file(path, identity, decided_by="benchmark")
        seconds, busy = time.perf_counter() - began, time.process_time() - worked
    rate = f"{report.accepted / seconds:,.0f} lines a second"
    say(f"imported {report.accepted:,} lines in {seconds:.1f} s ({busy:.1f} s of CPU): {rate}")


def write(path: Path, links: int) -> None:
    """Write the cross references of so many records."""
    with path.open("w") as file:
        for n in range(links // len(SOURCES)):
            for source in SOURCES:
                line = {"customer": f"P-{n}", "source": source, "record_id": f"{source}-{n}"}
                if source == "crm":
                    line |= {"email": f"p{n}@example.nl", "phone": phone(n), "customer_number": f"K-{n}0"}
                    line |= {"postcode": f"{1000 + n % 9000} AB", "house_number": str(n % 400 + 1)}
                    line |= {"birth_date": f"{1940 + n % 60}-{n % 12 + 1:02}-{n % 28 + 1:02}"}
                file.write(json.dumps(line) + "\n")


def phone(number: int) -> str:
    """Make a Dutch mobile number."""
    return f"06{10_000_000 + number % 40_000_000:08}"


async def microseconds(look: Callable[[int], Awaitable[object]]) -> float:
    """Time look-ups one after the other: the best of ten rounds, because others use the machine too."""
    rounds = []
    for start in range(0, TIMES, TIMES // 10):
        began = time.perf_counter()
        for i in range(start, start + TIMES // 10):
            await look(i)
        rounds.append((time.perf_counter() - began) / (TIMES // 10) * 1e6)
    return min(rounds)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--links", type=int, default=1_000_000)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.url, links=arguments.links))
