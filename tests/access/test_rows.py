"""Which customers a caller sees, on both databases."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from klantbeeld.access.defaults import default_access
from klantbeeld.access.grants import SQLITE, Grant, Grants, Partner, Terms
from klantbeeld.access.policy import Policy
from klantbeeld.access.rights import Caller
from klantbeeld.access.rows import WHOLE, Rows
from klantbeeld.access.tokens import AccessToken
from klantbeeld.errors import RequestError
from klantbeeld.identity.links import subject_reference
from klantbeeld.settings import StoreSettings
from klantbeeld.store import Store, open_store

pytestmark = pytest.mark.asyncio(loop_scope="function")

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
ANNA = "019ab000-0000-7000-8000-000000000001"
BRAM = "019ab000-0000-7000-8000-000000000002"
SHOP = Partner("https://issuer.invalid", "shop")
CRM = Terms(frozenset({"crm:read"}))


@dataclass
class FakeMap:
    customers: dict[tuple[str, str], str] = field(default_factory=dict)

    async def by_reference(self, source: str, record_id: str) -> str | None:
        return self.customers.get((source, record_id))


@dataclass
class Now:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


def caller(name: str, **changes: Any) -> Caller:
    claims: dict[str, Any] = {
        "issuer": SHOP.issuer,
        "audience": "a",
        "subject": "login-7",
        "client_id": SHOP.client_id,
        "token_id": "1",
        "scopes": frozenset({"crm:read", "billing:read"}),
        "purposes": None,
        "caller_class": name,
        "expires_at": 0.0,
    }
    purpose = changes.pop("purpose", None)
    return Policy(default_access()).caller(AccessToken(**claims | changes), purpose=purpose)


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=store_url)) as opened:
        yield opened


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def grants(store: Store) -> Grants:
    return Grants(store)


@pytest.fixture
def rows(grants: Grants, now: Now) -> Rows:
    return Rows(FakeMap({subject_reference(SHOP.issuer, "login-7"): ANNA}), grants, clock=now)


async def give(grants: Grants, customer: str = ANNA, **changes: Any) -> Grant:
    terms: dict[str, Any] = {"purpose": "offers", "terms": CRM, "evidence": "APP 2027-01", "valid_from": START}
    partner = changes.pop("partner", SHOP)
    return await grants.give(partner, customer, **terms | changes)


async def test_an_agent_sees_every_customer(rows: Rows) -> None:
    assert await rows.visible_many(caller("agent"), [ANNA, BRAM]) == {ANNA, BRAM}
    assert await rows.own(caller("agent")) is None


async def test_an_app_sees_the_customer_behind_its_token(rows: Rows) -> None:
    assert await rows.visible_many(caller("app"), [ANNA, BRAM]) == {ANNA}
    assert await rows.own(caller("app")) == ANNA


async def test_the_same_login_at_another_issuer_is_somebody_else(rows: Rows) -> None:
    stranger = caller("app", issuer="https://other.invalid")
    assert await rows.own(stranger) is None
    assert not await rows.visible(stranger, ANNA)


async def test_a_partner_sees_nobody_until_somebody_grants_it(rows: Rows, grants: Grants) -> None:
    assert not await rows.visible(caller("partner"), ANNA)
    await give(grants)
    assert await rows.visible(caller("partner"), ANNA)
    assert not await rows.visible(caller("partner"), BRAM)


async def test_a_partner_sees_of_many_customers_those_who_granted(rows: Rows, grants: Grants) -> None:
    await give(grants)
    await give(grants, BRAM, purpose="fulfilment")
    asked = [ANNA, BRAM, str(uuid.uuid4())]
    assert await rows.visible_many(caller("partner"), asked) == {ANNA}
    assert await rows.visible_many(caller("partner", purpose="fulfilment"), asked) == {BRAM}
    assert await rows.visible_many(caller("partner"), []) == frozenset()


async def test_what_is_no_id_is_as_invisible_as_what_is_forbidden(rows: Rows, grants: Grants) -> None:
    await give(grants)
    assert not await rows.visible(caller("partner"), "' OR 1=1 --")
    assert not await rows.visible(caller("partner"), BRAM)


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"issuer": "https://other.invalid"}])
async def test_a_grant_is_one_clients_of_one_issuer(rows: Rows, grants: Grants, changes: dict[str, str]) -> None:
    await give(grants)
    assert not await rows.visible(caller("partner", **changes), ANNA)


async def test_a_withdrawal_holds_for_the_next_request(rows: Rows, grants: Grants, now: Now) -> None:
    grant = await give(grants)
    assert await rows.visible(caller("partner"), ANNA)
    assert await grants.withdraw(grant.id, ANNA, now=now())
    assert not await rows.visible(caller("partner"), ANNA)


async def test_a_withdrawn_grant_can_be_given_again(rows: Rows, grants: Grants, now: Now) -> None:
    grant = await give(grants)
    await grants.withdraw(grant.id, ANNA, now=now())
    await give(grants)
    assert await rows.visible(caller("partner"), ANNA)


async def test_withdrawing_one_of_two_grants_leaves_the_other(rows: Rows, grants: Grants, now: Now) -> None:
    first = await give(grants)
    await give(grants, terms=Terms(frozenset({"billing:read"})))
    await grants.withdraw(first.id, ANNA, now=now())
    release = (await rows.releases(caller("partner"), [ANNA]))[ANNA]
    assert release.scopes == frozenset({"billing:read"})


async def test_nobody_withdraws_anothers_grant_or_the_same_twice(grants: Grants, now: Now) -> None:
    grant = await give(grants)
    assert not await grants.withdraw(grant.id, BRAM, now=now())
    assert not await grants.withdraw("not an id", ANNA, now=now())
    assert not await grants.withdraw(str(uuid.uuid4()), ANNA, now=now())
    assert await grants.withdraw(grant.id, ANNA, now=now())
    assert not await grants.withdraw(grant.id, ANNA, now=now())


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        (timedelta(0), {ANNA}),
        (-timedelta(microseconds=1), set()),
        (timedelta(days=1), set()),
        (timedelta(hours=23), {ANNA}),
    ],
    ids=["at its beginning", "before it", "at its end", "before its end"],
)
async def test_a_grant_holds_from_its_beginning_to_before_its_end(
    rows: Rows, grants: Grants, now: Now, after: timedelta, seen: set[str]
) -> None:
    await give(grants, valid_to=START + timedelta(days=1))
    now.now = START + after
    assert await rows.visible_many(caller("partner"), [ANNA]) == seen


async def test_only_the_granted_fields_are_released(rows: Rows, grants: Grants) -> None:
    await give(grants)
    invoices = Terms(frozenset({"billing:read"}), frozenset({"Customer.invoices"}))
    await give(grants, terms=invoices)
    release = (await rows.releases(caller("partner"), [ANNA]))[ANNA]
    assert release.covers("crm:read", "Customer.party")
    assert release.covers("billing:read", "Customer.invoices")
    assert not release.covers("billing:read", "Customer.balances")
    assert not release.covers("complaints:read", "Customer.invoices")
    assert release.scopes == frozenset({"crm:read", "billing:read"})


async def test_no_grant_widens_the_rights_of_the_token(rows: Rows, grants: Grants) -> None:
    partner = caller("partner", scopes=frozenset({"crm:read"}))
    await give(grants, terms=Terms(frozenset({"crm:read", "billing:read"})))
    release = (await rows.releases(partner, [ANNA]))[ANNA]
    assert partner.rights.narrowed(release.scopes or frozenset()).scopes == {"crm:read"}


async def test_an_agent_has_the_whole_of_every_customer(rows: Rows) -> None:
    release = (await rows.releases(caller("agent"), [ANNA]))[ANNA]
    assert release is WHOLE
    assert release.covers("billing:read", "Customer.invoices")
    assert release.scopes is None


async def test_a_customer_reads_all_its_grants(grants: Grants, now: Now) -> None:
    fields = frozenset({"Customer.party", "Customer.contactMedia"})
    first = await give(grants, terms=Terms(frozenset({"crm:read"}), fields), valid_to=START + timedelta(days=30))
    second = await give(grants, valid_from=START + timedelta(hours=1))
    await give(grants, BRAM)
    await grants.withdraw(second.id, ANNA, now=START + timedelta(hours=2))
    found = await grants.of_customer(ANNA.upper())
    assert found[0] == first
    assert (found[1].id, found[1].withdrawn_at) == (second.id, START + timedelta(hours=2))
    assert len(found) == 2


WRONG: dict[str, dict[str, Any]] = {
    "of nothing": {"terms": Terms(frozenset())},
    "that ends before it begins": {"valid_to": START - timedelta(days=1)},
    "of no time": {"valid_to": START},
    "of two words as a scope": {"terms": Terms(frozenset({"crm:read billing:read"}))},
    "of an empty field": {"terms": Terms(frozenset({"crm:read"}), frozenset({""}))},
    "of nobody": {"customer": "x"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
async def test_a_grant_that_makes_no_sense_is_refused(grants: Grants, changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        await give(grants, **changes)
    assert await grants.of_customer(ANNA) == []


async def test_many_customers_are_looked_up_at_once(rows: Rows, grants: Grants) -> None:
    await give(grants)
    asked = [ANNA, *(str(uuid.uuid4()) for _ in range(499))]
    assert await rows.visible_many(caller("partner"), asked) == {ANNA}


async def test_the_look_up_uses_the_index(store: Store, grants: Grants) -> None:
    if store.kind != "sqlite":
        pytest.skip("PostgreSQL chooses by the table's size")
    reader: Any = store.reader
    statement = "EXPLAIN QUERY PLAN " + SQLITE.format(marks="?, ?")
    plan = reader.execute(statement, (ANNA, BRAM, "i", "c", "p", "t", "t")).fetchall()
    assert "USING INDEX ix_grants_customer_id_issuer_client_id (customer_id=? AND issuer=? AND client_id=?)" in str(
        plan
    )
