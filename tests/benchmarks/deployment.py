"""The deployment that is measured: settings, keys, a token, and a map of a million links.

Written once into the comparison's folder; the map stays, the token is new for each run.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.prepare import HERE, UPSTREAMS

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.import_lines import ImportLine
from klantbeeld.identity.importing import import_references
from klantbeeld.identity.links import Reference
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings import Settings
from klantbeeld.settings_file import load_settings, read_secret
from klantbeeld.store import open_store

LINKS = 1_000_000
SOURCES = ("crm", "billing", "complaints", "marketing")
ASKED = 500
LIFETIME = 8 * 60 * 60.0  # seconds

SOURCE = """[sources.{name}]
connector = "plain_{name}"
base_url = "{upstreams}{digit}"
{trust}importance = "important"
risk_when_missing = {{ nl = "ontbreekt", en = "is missing" }}
hosted_in = "NL"
processor = "nobody"
retention = "P1Y"
max_connections = 256

"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where it lies: `ids` are the customer ids of the upstreams' first customers, in their order."""

    folder: Path
    token: str
    ids: tuple[str, ...]

    def config(self, upstreams: str) -> Path:
        """Return the settings file over these upstreams."""
        return self.folder / f"klantbeeld-{upstreams.replace(' ', '-')}.toml"

    @property
    def ids_file(self) -> Path:
        """Return the file of the ids, one a line."""
        return self.folder / "ids.txt"


async def deploy(
    folder: Path,
    *,
    customers: int = LINKS // len(SOURCES),
    asked: int = ASKED,
    upstreams: Mapping[str, str] = UPSTREAMS,
) -> Deployment:
    """Write the settings and fill the map, as far as that was not done before; `asked` customers will be asked for."""
    issuer = _issuer(folder)
    (folder / "secrets").mkdir(exist_ok=True)
    for name in ("match_key", "trail_key"):
        if not (folder / "secrets" / name).exists():
            (folder / "secrets" / name).write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    for name, address in upstreams.items():
        Deployment(folder, "", ()).config(name).write_text(_filled(folder, issuer, address))
    settings = load_settings(Deployment(folder, "", ()).config(next(iter(upstreams))), {})
    ids = await _settle(settings, customers, asked)
    scopes = settings.access.classes["agent"].scopes
    token = issuer.token("agent-1", "bench", caller_class="agent", scopes=scopes, lifetime=LIFETIME)
    made = Deployment(folder, token, ids)
    made.ids_file.write_text("".join(f"{one}\n" for one in ids))
    return made


def _issuer(folder: Path) -> DemoIssuer:
    file = folder / "issuer.json"
    issuer = DemoIssuer.load(file, clock=time.time) if file.exists() else DemoIssuer.new(clock=time.time)
    issuer.save(file)
    (folder / "jwks.json").write_bytes(issuer.jwks())
    return issuer


def _filled(folder: Path, issuer: DemoIssuer, upstreams: str) -> str:
    text = (HERE / "deployment.toml").read_text(encoding="utf-8")
    values = {"folder": folder, "connectors": HERE / "connectors", "issuer": issuer.issuer, "audience": issuer.audience}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    trust = f"ca_bundle = {json.dumps(str(folder / 'server.pem'))}\n" if upstreams.startswith("https:") else ""
    return text + "".join(
        SOURCE.format(name=name, digit=digit, upstreams=upstreams, trust=trust) for digit, name in enumerate(SOURCES, 1)
    )


async def _settle(settings: Settings, customers: int, asked: int) -> tuple[str, ...]:
    """Fill the map unless it is full; returns the ids of the customers that are asked for."""
    async with open_store(settings.store) as store:
        ring = load_key_ring(settings.identity, lambda secret, where: read_secret(secret, {}, where=where))
        identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
        if await identity.by_reference("crm", f"C{customers:05d}") is None:
            await import_references(_lines(customers), identity, decided_by="benchmark", namespace="benchmark")
        records = [Reference("crm", f"C{number:05d}") for number in range(1, asked + 1)]
        found = await identity.by_references(records)
    return tuple(found[one] for one in records)


def _lines(customers: int) -> Iterator[tuple[int, ImportLine]]:
    """Make the lines of four records of each customer."""
    for number in range(1, customers + 1):
        key = f"C{number:05d}"
        for place, source in enumerate(SOURCES):
            yield number * len(SOURCES) + place, ImportLine(customer=key, source=source, record_id=key)
