"""What the gateways of the suite run on: settings over the owning systems, keys, a token, a store full of customers.

The store is made once and copied for each pair of replicas, so that no two pairs share anything but the systems.
"""

import asyncio
import base64
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.writes.owners.server import SYSTEMS
from tests.postgresql import beside, execute, new_database

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.import_lines import ImportLine
from klantbeeld.identity.importing import import_references
from klantbeeld.identity.links import Reference
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings import Settings
from klantbeeld.settings_file import load_settings, read_secret
from klantbeeld.store import open_store
from klantbeeld.store.migrate import migrate

HERE = Path(__file__).parent
SCOPES = (
    *("customer:read", "crm:read", "billing:read", "complaints:read", "marketing:read", "sources:read"),
    *("crm:write", "billing:write", "billing:credit", "complaints:write", "marketing:write", "operations:read"),
)
LIFETIME = 12 * 60 * 60.0  # seconds
TIMEOUT = 0.4  # seconds that a call to a source may take; the owners are silent for longer

SOURCE = """[sources.{name}]
connector = "owner_{name}"
base_url = "{owners}"
options = {{ system = "{name}" }}
importance = "important"
risk_when_missing = {{ nl = "ontbreekt", en = "is missing" }}
hosted_in = "NL"
processor = "nobody"
retention = "P1Y"
timeout = {timeout}

"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where it lies; `customers` are the ids of customers that nobody has touched, by their number at the systems."""

    folder: Path
    owners: str
    token: str
    template: str
    customers: dict[str, str]

    def settings(self, store: str, *, name: str) -> Path:
        """Write the settings over a store; returns their file."""
        issuer = DemoIssuer.load(self.folder / "issuer.json", clock=time.time)
        file = self.folder / f"{name}.toml"
        file.write_text(_filled(self.folder, issuer, self.owners, store), encoding="utf-8")
        return file

    async def store(self, name: str) -> str:
        """Copy the store to one of its own; returns its address."""
        if self.template.startswith("sqlite:"):
            file = self.folder / f"{name}.sqlite"
            shutil.copy(file_of(self.template), file)
            return f"sqlite:///{file}"
        await execute(beside(self.template, "postgres"), f"CREATE DATABASE {name} TEMPLATE suite")
        return beside(self.template, name)


def deploy(folder: Path, owners: str, *, server: str | None, customers: int) -> Deployment:
    """Write keys and settings into an empty folder, and fill a store with so many customers.

    The store is SQLite, or in a PostgreSQL `server`, by the address of its database `postgres`.
    """
    issuer = DemoIssuer.new(clock=time.time)
    issuer.save(folder / "issuer.json")
    (folder / "jwks.json").write_bytes(issuer.jwks())
    (folder / "secrets").mkdir()
    for name in ("match_key", "trail_key"):
        (folder / "secrets" / name).write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    token = issuer.token("agent-1", "suite", caller_class="agent", scopes=SCOPES, lifetime=LIFETIME)
    template = new_database(server, "suite") if server else f"sqlite:///{folder / 'template.sqlite'}"
    file = Deployment(folder, owners, token, template, {}).settings(template, name="template")
    return Deployment(folder, owners, token, template, asyncio.run(fill(load_settings(file, {}), customers)))


def file_of(store: str) -> Path:
    """Return the file of a SQLite store."""
    return Path(store.removeprefix("sqlite:///"))


async def fill(settings: Settings, customers: int) -> dict[str, str]:
    """Make the tables of a store and link so many customers to every system; returns their ids by number."""
    await migrate(settings.store.url)
    async with open_store(settings.store) as store:
        ring = load_key_ring(settings.identity, lambda secret, where: read_secret(secret, {}, where=where))
        identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
        await import_references(_lines(customers), identity, decided_by="suite", namespace="suite")
        found = await identity.by_references([Reference("crm", number_of(one)) for one in range(customers)])
    return {reference.record_id: customer for reference, customer in found.items()}


def number_of(place: int) -> str:
    """Give the number that every system has for a customer."""
    return f"C{place:05d}"


def _lines(customers: int) -> Iterator[tuple[int, ImportLine]]:
    for place in range(customers):
        number = number_of(place)
        for digit, system in enumerate(SYSTEMS):
            yield place * len(SYSTEMS) + digit, ImportLine(customer=number, source=system, record_id=number)


def _filled(folder: Path, issuer: DemoIssuer, owners: str, store: str) -> str:
    values = {
        "folder": folder,
        "connectors": HERE / "connectors",
        "store": store,
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "scopes": ", ".join(f'"{scope}"' for scope in SCOPES),
    }
    text = (HERE / "deployment.toml").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text + "".join(SOURCE.format(name=name, owners=owners, timeout=TIMEOUT) for name in SYSTEMS)
