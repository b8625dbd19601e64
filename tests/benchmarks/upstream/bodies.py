"""Writes what the four upstreams answer: static JSON, one file an address, the same for every run.

    python tests/benchmarks/upstream/bodies.py FOLDER [CUSTOMERS]

Needs nothing but Python. Members that no query asks for are there too, as in real answers.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

CUSTOMERS = 500
LISTS = (5, 50, 100, 200, 500)
FIRST = ("Ada", "Grace", "Linus", "Ken", "Edsger", "Barbara", "Radia", "Margaret", "Alan", "Donald")
LAST = ("Lovelace", "Hopper", "Torvalds", "Thompson", "Dijkstra", "Liskov", "Perlman", "Hamilton", "Turing", "Knuth")
NOTE = "Prefers contact by e-mail in the mornings; has asked for paper invoices twice and for a call back once. "
SAID = "The customer says that the statement came late and was torn. "


def write_bodies(folder: Path, customers: int = CUSTOMERS) -> None:
    """Write the files of so many customers, and lists of the first few."""
    chance = random.Random(7)
    written = []
    for number in range(1, customers + 1):
        key = f"C{number:05d}"
        written.append(customer(chance, number, key))
        _write(folder / "crm/customers" / key, written[-1])
        _write(folder / "billing/accounts" / key / "invoices", [invoice(chance, number, k) for k in range(20)])
        _write(folder / "complaints/by" / key, [complaint(chance, number, k) for k in range(5)])
        _write(folder / "marketing/profiles" / key, profile(number, key))
    for size in LISTS:
        if size <= customers:
            _write(folder / "crm/lists" / str(size), written[:size])


def customer(chance: random.Random, number: int, key: str) -> dict[str, Any]:
    """Make a customer of the CRM."""
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return {
        "id": key,
        "first_name": first,
        "last_name": last,
        "full_name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "phone": f"+44 20 7946 {number:04d}",
        "status": chance.choice(("active", "dormant", "closed")),
        "segment": chance.choice(("retail", "smb", "enterprise")),
        "created_at": "2021-03-04T10:11:12Z",
        "updated_at": "2024-05-06T07:08:09Z",
        "birth_date": "1984-02-29",
        "language": "en-GB",
        "account_manager": "Zoë Quill",
        "address": {
            "line1": f"{number} High Street",
            "line2": "Flat 2",
            "city": "Zürich",
            "postal_code": f"CH-{8000 + number}",
            "country": "CH",
            "region": "ZH",
        },
        "lifetime_value": round(chance.random() * 10_000, 2),
        "score": chance.randint(0, 100),
        "vip": number % 7 == 0,
        "tags": ["alpha", "beta", "gamma"],
        "notes": NOTE * 3,
        "external_ref": f"EXT-{number:08d}",
    }


def invoice(chance: random.Random, number: int, place: int) -> dict[str, Any]:
    """Make an invoice of the billing system."""
    return {
        "id": f"INV-{number:05d}-{place:03d}",
        "number": f"2024/{place:04d}",
        "status": chance.choice(("paid", "open", "overdue")),
        "amount": round(chance.random() * 900, 2),
        "currency": "CHF",
        "issued_on": f"2024-{1 + place % 12:02d}-01",
        "due_on": f"2024-{1 + place % 12:02d}-28",
        "balance": round(chance.random() * 100, 2),
    }


def complaint(chance: random.Random, number: int, place: int) -> dict[str, Any]:
    """Make a complaint."""
    return {
        "id": f"CMP-{number:05d}-{place}",
        "subject": "Late delivery of statement",
        "status": chance.choice(("open", "closed")),
        "priority": chance.choice(("low", "high")),
        "opened_at": "2024-02-03T04:05:06Z",
        "closed_at": None if place % 2 else "2024-03-01T00:00:00Z",
        "channel": "phone",
        "body": SAID * 2,
    }


def profile(number: int, key: str) -> dict[str, Any]:
    """Make a profile of the marketing system."""
    channels = ("email", "sms", "phone", "post", "push", "partner")
    consents = [
        {
            "channel": channel,
            "granted": bool((number + place) % 2),
            "updated_at": "2024-01-02T03:04:05Z",
            "source": "web",
            "ip": "192.0.2.1",
        }
        for place, channel in enumerate(channels)
    ]
    campaigns = [
        {
            "id": f"CAM-{place:03d}",
            "name": f"Spring offer {place}",
            "sent_at": "2024-04-01T08:00:00Z",
            "opened": (number + place) % 3 == 0,
            "clicked": False,
            "template": "t-17",
        }
        for place in range(10)
    ]
    return {"customer_id": key, "consents": consents, "campaigns": campaigns, "persona": "saver"}


def _write(file: Path, body: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(body, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    write_bodies(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else CUSTOMERS)
