"""The demo's people: the identity map filled, the app's accounts linked, and what a partner was granted."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO

from klantbeeld.access.grants import Grants, Partner, Terms
from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.import_lines import read_lines
from klantbeeld.identity.importing import import_references
from klantbeeld.identity.links import IMPORT, Decision, Sighting, subject_reference
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.sandbox.facts import Person
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings
from klantbeeld.settings_file import read_secret
from klantbeeld.store import open_store

PARTNER = "koerier"
PARTNER_PURPOSE = "fulfilment"
GRANTS = Terms(frozenset({"customer:read", "crm:read"}))

# Customers of the cast who let the partner deliver to them.
GRANTERS = frozenset({"sanne-de-wit", "fatima-el-amrani", "mila-hendriks"})


async def settle(settings: Settings, sandbox: Sandbox, issuer: DemoIssuer) -> dict[str, str]:
    """Fill the store; returns the customer id of each of the cast, by key."""
    async with open_store(settings.store) as store:
        ring = load_key_ring(settings.identity, lambda secret, where: read_secret(secret, {}, where=where))
        identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
        lines = BytesIO("\n".join(sandbox.crossreferences()).encode())
        await import_references(
            read_lines(lines, "jsonl", name="sandbox"), identity, decided_by="demo", namespace="sandbox"
        )
        found = {}
        for member in sandbox.population.cast:
            customer_id = await identity.by_reference(*first_record(member.persons))
            assert customer_id  # noqa: S101 - all of the cast was imported a moment ago
            found[member.key] = customer_id
            account = subject_reference(issuer.issuer, member.key)
            await identity.add_link(customer_id, Sighting(*account), Decision(IMPORT, "demo"))
        grants = Grants(store)
        await grant(grants, issuer, (found[key] for key in sorted(GRANTERS)))
    return found


async def grant(grants: Grants, issuer: DemoIssuer, customer_ids: Iterable[str]) -> None:
    """Let the partner read name and address of these customers for a year, unless it may already."""
    now = datetime.now(UTC)
    partner = Partner(issuer.issuer, PARTNER)
    for customer_id in customer_ids:
        if await grants.terms(partner, PARTNER_PURPOSE, [customer_id], now=now):
            continue
        await grants.give(
            partner,
            customer_id,
            purpose=PARTNER_PURPOSE,
            terms=GRANTS,
            evidence="demo",
            valid_from=now,
            valid_to=now + timedelta(days=365),
        )


def first_record(persons: Iterable[Person]) -> tuple[str, str]:
    """Return source and id of a record of the first person."""
    person = next(iter(persons))
    system, records = next(iter(person.records.items()))
    return system, records[0].record_id
