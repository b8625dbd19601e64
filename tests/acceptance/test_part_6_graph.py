"""Part 6. The graph: the whole customer, live from four systems."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .caching import live_only
from .running import Ask, Calls

MILA = "mila-hendriks"


def customer(ask: Ask, customer_id: str, selection: str, **more: Any) -> Any:
    """Read a selection of a customer, whole."""
    document = f"query Read($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
    return ask(document, {"id": customer_id}, **more).data["customer"]


@pytest.mark.feature("2.6", "me: the customer behind the token")
def test_me_is_the_customer_behind_the_token(ask: Ask, ids: dict[str, str]) -> None:
    assert ask("{ me { id party { givenName } } }", who=MILA).data["me"] == {
        "id": ids[MILA],
        "party": {"givenName": "Mila"},
    }


@pytest.mark.feature("2.6", "party: a person, with the tussenvoegsel a field of its own")
def test_a_party_is_a_person_with_a_tussenvoegsel(ask: Ask, ids: dict[str, str]) -> None:
    selection = "party { kind fullName givenName infix familyName birthDate customerNumber status }"
    assert customer(ask, ids["sanne-de-wit"], selection)["party"] == {
        "kind": "PERSON",
        "fullName": "Sanne de Wit",
        "givenName": "Sanne",
        "infix": "de",
        "familyName": "Wit",
        "birthDate": "1988-05-17",
        "customerNumber": "K100001",
        "status": "ACTIVE",
    }


@pytest.mark.feature(
    "2.6", "party: an organisation with its KvK number, a deceased person, a prospect, a former customer"
)
def test_parties_are_of_every_kind(ask: Ask, ids: dict[str, str]) -> None:
    selection = "party { kind organisationName kvkNumber status deceasedOn }"
    company = customer(ask, ids["de-ketting"], selection)["party"]
    assert (company["kind"], company["kvkNumber"]) == ("ORGANISATION", "90004567")
    assert company["organisationName"] == "Fietsenmakerij De Ketting B.V."
    assert customer(ask, ids["hendrik-smit"], selection)["party"]["deceasedOn"] is not None
    states = {key: customer(ask, ids[key], selection)["party"]["status"] for key in ("emma-visser", "bram-ter-horst")}
    assert states == {"emma-visser": "PROSPECT", "bram-ter-horst": "FORMER"}


@pytest.mark.feature("2.6", "contact media: several e-mail addresses, a phone, a postal address in its parts")
def test_contact_media_come_in_their_parts(ask: Ask, ids: dict[str, str]) -> None:
    selection = "contactMedia { kind value address { street houseNumber addition postcode city country } }"
    media = customer(ask, ids["sanne-de-wit"], selection)["contactMedia"]
    by_kind = {kind: [medium for medium in media if medium["kind"] == kind] for kind in {m["kind"] for m in media}}
    assert {m["value"] for m in by_kind["EMAIL"]} == {"sanne.dewit@example.nl", "sanne@example.org"}
    assert [m["value"] for m in by_kind["PHONE"]] == ["+31612345601"]
    assert [m["address"] for m in by_kind["POSTAL_ADDRESS"]] == [
        {
            "street": "Lindelaan",
            "houseNumber": "12",
            "addition": "A",
            "postcode": "3512 JE",
            "city": "Utrecht",
            "country": "NL",
        }
    ]


@pytest.mark.feature("2.6", "products: subscriptions and what was bought once")
def test_products_are_subscriptions_and_purchases(ask: Ask, ids: dict[str, str]) -> None:
    products = customer(ask, ids[MILA], "products { nodes { name status startedOn price { amount } period } }")
    found = {product["name"]: product for product in products["products"]["nodes"]}
    assert set(found) == {"Internet 500 Mbit/s", "Tablet 11 inch", "Slimme deurbel 3"}
    assert found["Internet 500 Mbit/s"]["period"] == "P1M"
    assert found["Tablet 11 inch"]["period"] is None


@pytest.mark.feature("2.6", "orders and deliveries: what was bought, and when it arrived")
def test_orders_come_with_their_deliveries(ask: Ask, ids: dict[str, str]) -> None:
    selection = """orders { nodes {
        number status total { amount currency } lines { description product { code } } deliveries { status deliveredAt }
    } }"""
    newest, older = customer(ask, ids[MILA], selection)["orders"]["nodes"]
    assert (newest["number"], older["number"]) == ("SO-00009-01", "SO-00009-02")
    assert newest["lines"] == [{"description": "Tablet 11 inch", "product": {"code": "KB-TABLET-11"}}]
    assert newest["deliveries"][0]["status"] == "DELIVERED"
    assert newest["deliveries"][0]["deliveredAt"]


@pytest.mark.feature("2.6", "accounts: two billing accounts of one customer, their balances added up by currency")
def test_a_customer_has_several_accounts(ask: Ask, ids: dict[str, str]) -> None:
    found = customer(ask, ids["de-ketting"], "billingAccounts { email balance { amount } } balances { currency }")
    assert {account["email"] for account in found["billingAccounts"]} == {
        "administratie@example.com",
        "werkplaats@example.com",
    }
    assert found["balances"] == [{"currency": "EUR"}]


@pytest.mark.feature("2.6", "invoices: what is overdue, since when, and what is due")
def test_invoices_say_what_is_overdue(ask: Ask, ids: dict[str, str]) -> None:
    selection = "invoices { nodes { number state issuedOn dueOn daysOverdue due { amount currency } } }"
    found = {one["number"]: one for one in customer(ask, ids[MILA], selection)["invoices"]["nodes"]}
    assert {number: one["state"] for number, one in found.items()} == {
        "KB-00009-0001": "PAID",
        "KB-00009-0002": "OVERDUE",
        "KB-00009-0003": "OPEN",
    }
    assert found["KB-00009-0002"]["due"] == {"amount": "47.50", "currency": "EUR"}
    issued, due = (date.fromisoformat(found["KB-00009-0002"][member]) for member in ("issuedOn", "dueOn"))
    assert (due - issued).days == 14
    # The systems count days in UTC, the organisation where it is: there tomorrow begins an hour or two earlier.
    assert found["KB-00009-0002"]["daysOverdue"] == (datetime.now(ZoneInfo("Europe/Amsterdam")).date() - due).days
    assert found["KB-00009-0003"]["daysOverdue"] is None
    assert customer(ask, ids[MILA], "balances { amount }")["balances"] == [{"amount": "426.50"}]  # 47.50 and 379.00
    overdue = customer(ask, ids[MILA], "invoices(state: OVERDUE) { nodes { number } }")["invoices"]["nodes"]
    assert overdue == [{"number": "KB-00009-0002"}]


@pytest.mark.feature("2.6", "complaints, and the product that they are about")
def test_complaints_name_their_product(ask: Ask, ids: dict[str, str]) -> None:
    selection = "complaints { nodes { subject state channel about { name } comments { nodes { author body } } } }"
    newest, older = customer(ask, ids["sanne-de-wit"], selection)["complaints"]["nodes"]
    assert (newest["subject"], newest["state"]) == ("Koffiemachine lekt weer", "OPEN")
    assert older["state"] in {"SOLVED", "CLOSED"}
    assert newest["about"] == older["about"] == {"name": "Koffiemachine Aroma 200"}
    assert {comment["author"] for comment in older["comments"]["nodes"]} == {"CUSTOMER", "STAFF"}
    only_open = customer(ask, ids["sanne-de-wit"], "complaints(open: true) { nodes { subject } }")
    assert [one["subject"] for one in only_open["complaints"]["nodes"]] == ["Koffiemachine lekt weer"]


@pytest.mark.feature("2.6", "consents by purpose and channel, preferences and campaigns")
def test_consents_preferences_and_campaigns(ask: Ask, ids: dict[str, str]) -> None:
    selection = """
        consents { purpose channel status noticeVersion changedAt } preferences { topic channel subscribed }
        campaigns { name channel sentAt opened }
    """
    found = customer(ask, ids["sanne-de-wit"], selection)
    consents = {(one["purpose"], one["channel"]): one for one in found["consents"]}
    assert consents["marketing", "EMAIL"]["status"] == "GIVEN"
    assert all(one["noticeVersion"] and one["changedAt"] for one in consents.values())
    assert ("profiling", None) in consents
    assert {"topic": "newsletter", "channel": "EMAIL", "subscribed": True} in found["preferences"]
    assert [(one["name"], one["opened"]) for one in found["campaigns"]] == [("Alles voor een verse kop", True)]


@pytest.mark.feature("2.3", "SAP Customer Data Cloud delivers something of each data group")
def test_each_data_group_is_delivered(ask: Ask, ids: dict[str, str]) -> None:
    found = customer(ask, ids["sanne-de-wit"], "attributes { name category provenance { source } }")["attributes"]
    assert {one["category"] for one in found} == {"SOCIAL", "REGISTRATION", "CUSTOM", "SYSTEM"}
    assert {"age", "likes", "relations", "viewedVideos", "comments", "productRegistrations"} <= {
        one["name"] for one in found
    }
    assert {"loginsLast30Days", "lastLocation"} <= {one["name"] for one in found if one["category"] == "SYSTEM"}
    assert {one["provenance"]["source"] for one in found} == {"sap_customer_data_cloud"}
    chosen = customer(ask, ids["sanne-de-wit"], "attributes(category: SYSTEM) { category }")["attributes"]
    assert {one["category"] for one in chosen} == {"SYSTEM"}


@pytest.mark.feature("2.6", "The merged timeline: contacts, purchases, deliveries, invoices and complaints, by time")
def test_the_timeline_is_merged_by_time(ask: Ask, ids: dict[str, str]) -> None:
    selection = "interactions(first: 50) { nodes { kind occurredAt provenance { source } } }"
    entries = customer(ask, ids["sanne-de-wit"], selection)["interactions"]["nodes"]
    times = [entry["occurredAt"] for entry in entries]
    assert times == sorted(times, reverse=True)
    assert {entry["kind"] for entry in entries} == {"CONTACT", "PURCHASE", "DELIVERY", "INVOICE", "COMPLAINT"}
    assert {entry["provenance"]["source"] for entry in entries} == {"dataverse", "stripe", "zendesk"}
    by_phone = customer(ask, ids["sanne-de-wit"], "interactions(channels: [PHONE]) { nodes { channel subject } }")[
        "interactions"
    ]["nodes"]
    assert {entry["channel"] for entry in by_phone} == {"PHONE"}


@pytest.mark.feature("2.6", "Cursor pagination works across sources: every entry once, in one order")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_across_sources_hold_every_entry_once(size: int, ask: Ask, ids: dict[str, str]) -> None:
    page = "nodes { id kind occurredAt } pageInfo { hasNextPage endCursor }"
    whole = customer(ask, ids["sanne-de-wit"], f"interactions(first: 50) {{ {page} }}")["interactions"]["nodes"]
    document = f"""query Page($id: ID!, $first: Int!, $after: String) {{
        customer(id: $id) {{ interactions(first: $first, after: $after) {{ {page} }} }} }}"""
    seen: list[Any] = []
    after = None
    while True:
        reply = ask(document, {"id": ids["sanne-de-wit"], "first": size, "after": after})
        found = reply.data["customer"]["interactions"]
        seen += found["nodes"]
        assert len(found["nodes"]) == size or not found["pageInfo"]["hasNextPage"]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert seen == whole


@pytest.mark.feature("2.6", "A source that failed on a page keeps its position, and the next page delivers it")
def test_a_source_that_failed_on_a_page_comes_with_the_next(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    page = "nodes { id } pageInfo { hasNextPage endCursor } incomplete { source }"
    whole = customer(ask, ids["sanne-de-wit"], f"interactions(first: 50) {{ {page} }}")["interactions"]["nodes"]
    document = f"""query Page($id: ID!, $after: String) {{
        customer(id: $id) {{ interactions(first: 4, after: $after) {{ {page} }} }} }}"""
    sandbox.set_fault("zendesk", {"mode": "status", "status": 503})
    first = ask(document, {"id": ids["sanne-de-wit"]}).part["customer"]["interactions"]
    assert first["incomplete"] == [{"source": "zendesk"}]
    sandbox.clear_fault("zendesk")
    seen, found = [*first["nodes"]], first
    while found["pageInfo"]["hasNextPage"]:
        after = found["pageInfo"]["endCursor"]
        found = ask(document, {"id": ids["sanne-de-wit"], "after": after}).data["customer"]["interactions"]
        seen += found["nodes"]
    assert sorted(node["id"] for node in seen) == sorted(node["id"] for node in whole)


@pytest.mark.feature("2.6", "A cursor is bound to field, arguments and customer")
def test_a_cursor_of_another_customer_is_refused(ask: Ask, ids: dict[str, str]) -> None:
    found = customer(ask, ids["sanne-de-wit"], "invoices(first: 1) { pageInfo { endCursor } }")["invoices"]
    document = (
        "query P($id: ID!, $after: String) { customer(id: $id) { invoices(first: 1, after: $after) { nodes { id } } } }"
    )
    reply = ask(document, {"id": ids[MILA], "after": found["pageInfo"]["endCursor"]})
    assert reply.errors == {"customer.invoices": ("CURSOR_INVALID", None)}


@pytest.mark.feature("2.6", "Survivorship at read time: the owner's value, with the alternatives and the rule")
def test_other_values_are_shown_with_their_rule(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    plain = customer(ask, ids["emma-visser"], "party { birthDate origins { field source rule } }")["party"]
    assert plain["birthDate"] == "1998-01-30"
    assert {name for name, asked in calls().items() if asked} == {"dataverse"}  # compared only when that is asked for
    compared = customer(
        ask, ids["emma-visser"], "party { birthDate origins { field source rule alternatives { source value } } }"
    )["party"]
    (origin,) = [one for one in compared["origins"] if one["field"] == "birthDate"]
    assert (origin["source"], bool(origin["rule"])) == ("dataverse", True)
    assert origin["alternatives"] == [{"source": "sap_customer_data_cloud", "value": "1998-01-03"}]


@pytest.mark.feature("2.6", "Every value says where it comes from")
def test_every_record_says_where_it_comes_from(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    where = "provenance { source recordId freshness ageSeconds fetchedAt }"
    found = customer(ask, ids[MILA], f"party {{ {where} }} complaints {{ nodes {{ {where} }} }}")
    record = sandbox.population.member(MILA).persons[0].record("dataverse")
    assert record is not None
    assert found["party"]["provenance"]["recordId"] == record.record_id
    assert {node["provenance"]["source"] for node in found["complaints"]["nodes"]} == {"zendesk"}
    assert found["party"]["provenance"]["freshness"] == "LIVE"


@pytest.mark.feature(
    "2.6", "dataQuality: four measures with their formulas and fields; the unreachable is unknown, not bad"
)
@live_only
def test_data_quality_shows_its_formulas(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    measure = "{ value formula fields { field counts } unknown }"
    selection = f"dataQuality {{ completeness {measure} accuracy {measure} currency {measure} conflicts {measure} }}"
    found = customer(ask, ids["emma-visser"], selection)["dataQuality"]
    assert all(one["formula"] and 0 <= one["value"] <= 1 for one in found.values())
    assert "birthDate" in {one["field"] for one in found["conflicts"]["fields"] if one["counts"]}
    sandbox.stop("sap_customer_data_cloud")
    document = f"query Read($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
    without = ask(document, {"id": ids["emma-visser"]}).part["customer"]["dataQuality"]
    assert without["completeness"]["unknown"]
    assert set(without["completeness"]["unknown"]).isdisjoint(one["field"] for one in without["completeness"]["fields"])


@pytest.mark.feature("2.6", "profileGaps: what is missing, most useful first, and what must not be asked")
def test_profile_gaps_say_what_may_be_asked(ask: Ask, ids: dict[str, str]) -> None:
    document = """query Gaps($id: ID!) {
        customer(id: $id) { profileGaps(view: "service") { field title usefulness mayBeAsked reason } } }"""
    gaps = ask(document, {"id": ids["lotte-jansen"]}).data["customer"]["profileGaps"]
    may = [gap for gap in gaps if gap["mayBeAsked"]]
    assert [gap["usefulness"] for gap in may] == sorted((gap["usefulness"] for gap in may), reverse=True)
    never = {gap["field"]: gap["reason"] for gap in gaps if not gap["mayBeAsked"]}
    assert {"nationalNumber", "specialCategories"} <= set(never)
    assert all(never.values())


@pytest.mark.feature("2.6", "dataUse: what is held, why, where, and who received it")
def test_data_use_tells_the_customer(ask: Ask, ids: dict[str, str]) -> None:
    document = """{ me { dataUse {
        categories purposes { name title } holdings { source hostedIn processor retention }
        disclosures(first: 5) { nodes { callerClass client fields sources } }
    } } }"""
    customer(ask, ids[MILA], "party { fullName }")
    used = ask(document, who=MILA).data["me"]["dataUse"]
    assert {holding["source"] for holding in used["holdings"]} == {
        "dataverse",
        "stripe",
        "zendesk",
        "sap_customer_data_cloud",
    }
    assert all(holding["hostedIn"] and holding["processor"] and holding["retention"] for holding in used["holdings"])
    assert used["categories"]
    assert used["purposes"]


@pytest.mark.feature("2.6", "sources: the inventory, and how each system is")
def test_the_inventory_tells_of_every_source(ask: Ask, ids: dict[str, str]) -> None:
    customer(ask, ids[MILA], "party { fullName } balances { amount } complaints { nodes { id } } consents { purpose }")
    document = """{ sources {
        name connector roles importance riskWhenMissing hostedIn processor retention categories
        capabilities { reads writes lock { write kind } } health { lastSuccessAt errorRate latencyP95Ms }
    } }"""
    found = {one["name"]: one for one in ask(document).data["sources"]}
    assert {name: one["roles"] for name, one in found.items()} == {
        "dataverse": ["CRM"],
        "stripe": ["BILLING"],
        "zendesk": ["COMPLAINTS"],
        "sap_customer_data_cloud": ["MARKETING"],
    }
    assert {lock["kind"] for one in found.values() for lock in one["capabilities"]["lock"]} >= {
        "IDEMPOTENCY_KEY",
        "IF_MATCH",
        "UNIQUE_REFERENCE",
    }
    for one in found.values():
        assert one["riskWhenMissing"]
        assert one["categories"]
        assert one["health"]["lastSuccessAt"]


@pytest.mark.feature("2.6", "identify: by phone, e-mail, customer number, or name with postcode and birth date")
@pytest.mark.parametrize(
    "by",
    [
        {"phone": "06-12345601"},
        {"email": "SANNE.DEWIT@example.nl"},
        {"customerNumber": "K100001"},
        {"person": {"familyName": "de Wit", "postcode": "3512je", "birthDate": "1988-05-17"}},
    ],
)
def test_identify_finds_one(by: dict[str, Any], ask: Ask, ids: dict[str, str]) -> None:
    document = (
        "query Who($by: IdentifyInput!) { identify(by: $by) { outcome customer { id } candidates { maskedName } } }"
    )
    found = ask(document, {"by": by}).data["identify"]
    assert found == {"outcome": "ONE", "customer": {"id": ids["sanne-de-wit"]}, "candidates": []}


@pytest.mark.feature("2.6", "searchCustomers: three characters at least, page by page")
def test_search_finds_page_by_page(ask: Ask, ids: dict[str, str]) -> None:
    document = """query Find($text: String!, $first: Int!, $after: String) {
        searchCustomers(text: $text, first: $first, after: $after) {
            nodes { id party { fullName } } pageInfo { hasNextPage endCursor } } }"""
    whole = ask(document, {"text": "Heuvel", "first": 50}).data["searchCustomers"]
    found = {node["id"] for node in whole["nodes"]}
    assert {ids["pieter-van-den-heuvel"], ids["pieter-junior"]} <= found
    first = ask(document, {"text": "Heuvel", "first": 1}).data["searchCustomers"]
    assert (len(first["nodes"]), first["pageInfo"]["hasNextPage"]) == (1, True)
    after = first["pageInfo"]["endCursor"]
    second = ask(document, {"text": "Heuvel", "first": 1, "after": after}).data["searchCustomers"]
    assert second["nodes"] == whole["nodes"][1:2]
    assert ask(document, {"text": "He", "first": 5}).errors == {"searchCustomers": ("TEXT_TOO_SHORT", None)}


@pytest.mark.feature("2.6", "node and customers: anything by its global id, up to 100 customers at once")
def test_records_are_read_again_by_their_ids(ask: Ask, ids: dict[str, str]) -> None:
    invoice = customer(ask, ids[MILA], "invoices(first: 1) { nodes { id number } }")["invoices"]["nodes"][0]
    document = "query Again($id: ID!) { node(id: $id) { __typename id ... on Invoice { number } } }"
    assert ask(document, {"id": invoice["id"]}).data["node"] == {"__typename": "Invoice", **invoice}
    assert ask(document, {"id": ids[MILA]}).data["node"] == {"__typename": "Customer", "id": ids[MILA]}
    several = "query Several($ids: [ID!]!) { customers(ids: $ids) { id } }"
    asked = [ids["tom-hendriks"], "01900000-0000-7000-8000-000000000000", ids[MILA]]
    assert ask(several, {"ids": asked}).data["customers"] == [{"id": asked[0]}, None, {"id": asked[2]}]
    assert ask(several, {"ids": [ids[MILA]] * 101}).errors == {"customers": ("TOO_MANY_IDS", None)}


@pytest.mark.feature("2.6", "Every type and field of the schema is described")
def test_the_whole_schema_is_described(ask: Ask) -> None:
    document = """{ __schema { types {
        name description fields(includeDeprecated: true) { name description } inputFields { name description }
    } } }"""
    types = ask(document).data["__schema"]["types"]
    own = [one for one in types if not one["name"].startswith("__")]
    assert [one["name"] for one in own if not one["description"]] == []
    fields = [(one["name"], f) for one in own for f in [*(one["fields"] or ()), *(one["inputFields"] or ())]]
    assert [f"{name}.{f['name']}" for name, f in fields if not f["description"]] == []


@pytest.mark.feature(
    "2.6", "Resolvers do no I/O: one fetch is the only caller of sources, and there are no dataloaders"
)
def test_no_resolver_does_io() -> None:
    rooms = Path(__file__).parents[2] / "src" / "klantbeeld"
    graph = {file.name: file.read_text(encoding="utf-8") for file in (rooms / "graph").glob("*.py")}
    assert [name for name, text in graph.items() if re.search(r"import (httpx|asyncio)|dataloader", text)] == []
    callers = {
        file.relative_to(rooms).as_posix()
        for file in rooms.rglob("*.py")
        if re.search(r"\.ask\((self\.)?(question|batch)", file.read_text("utf-8"))
    }
    # What reads back what was written, and looks for changes, asks for no field of a request.
    assert {name for name in callers if not name.startswith(("writes/", "sources/"))} == {
        "engine/calls.py",
        "engine/fetch.py",
    }
