"""``accounts.search``: by query, in pages, by cursor."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio

Call = Callable[..., Awaitable[dict[str, Any]]]


async def names(call: Call, where: str) -> list[str]:
    body = await call("accounts.search", query=f"SELECT profile.firstName FROM accounts WHERE {where}")
    assert body["errorCode"] == 0
    return [result["profile"]["firstName"] for result in body["results"]]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ('profile.email = "sanne.dewit@example.nl"', ["Sanne"]),
        ("profile.email = 'SANNE.DEWIT@example.nl'", ["Sanne"]),
        ("loginIDs.emails = 'sanne@example.org'", ["Sanne"]),
        ("profile.phones.number = '+31205550101'", ["Mila", "Tom"]),
        ("profile.phones.number = '+31205550101' AND profile.birthYear = 1990", ["Mila"]),
        ("data.customerNumber = 'K100003'", ["Fatima"]),
        ("data.customerNumber IN ('K100003', \"K100001\", 'K9')", ["Sanne", "Fatima"]),
        ("profile.lastName CONTAINS 'ndenheuvel' AND profile.birthYear < 2000", ["Piet"]),
        ("data.customerNumber in ('K100001') or data.customerNumber = 'K100002'", ["Sanne", "Daan"]),
        ("data.customerNumber = 'K100001' AND NOT profile.gender = 'm'", ["Sanne"]),
        ("data.customerNumber = 'K100001' AND (profile.gender = 'm' OR profile.age > 100)", []),
        ("data.campaigns.opened = true AND data.customerNumber IN ('K100001','K100002')", ["Sanne"]),
        ("preferences.marketing.email.isConsentGranted = false AND data.customerNumber = 'K100010'", ["Tom"]),
        ("data.customerNumber IS NULL AND profile.lastName = 'Visser' AND profile.birthYear = 1998", ["Emma"]),
        ("data.customerNumber IS NOT NULL AND profile.lastName = 'ter Horst' AND profile.birthYear <> 1950", ["Bram"]),
        ("profile.birthYear = '1988' AND data.customerNumber = 'K100001'", []),
        ("profile.nothing > 1", []),
        ('profile.firstName = "a \\" b"', []),
    ],
)
async def test_accounts_are_found_by(call: Call, where: str, found: list[str]) -> None:
    assert await names(call, where) == found


async def test_everything_of_an_account_comes_by_a_star(call: Call, sanne: str) -> None:
    body = await call("accounts.search", query=f"SELECT * FROM accounts WHERE UID = '{sanne}'")
    (account,) = body["results"]
    assert {"UID", "profile", "data", "preferences", "subscriptions", "lastUpdatedTimestamp"} <= account.keys()
    assert account["profile"]["phones"]


async def test_only_the_fields_named_come(call: Call, sanne: str) -> None:
    query = f"SELECT UID, profile.email, preferences FROM accounts WHERE UID = '{sanne}'"
    (account,) = (await call("accounts.search", query=query))["results"]
    assert account.keys() == {"UID", "profile", "preferences"}
    assert account["profile"] == {"email": "sanne.dewit@example.nl"}


async def test_counting_gives_a_number(call: Call) -> None:
    body = await call("accounts.search", query="SELECT count(*) FROM accounts WHERE profile.lastName = 'Hendriks'")
    assert body["results"] == [{"count(*)": body["totalCount"]}]
    assert body["totalCount"] >= 2


async def test_what_changed_since_is_found(call: Call, sanne: str) -> None:
    await call("accounts.setAccountInfo", UID=sanne, profile='{"city": "Zeist"}')
    body = await call("accounts.search", query="SELECT UID FROM accounts WHERE lastUpdatedTimestamp >= 1795176000000")
    assert [result["UID"] for result in body["results"]] == [sanne]


async def test_pages_are_cut_by_start_and_limit(call: Call) -> None:
    query = "SELECT UID, lastUpdatedTimestamp FROM accounts ORDER BY lastUpdatedTimestamp DESC, UID ASC"
    whole = await call("accounts.search", query=query)
    page = await call("accounts.search", query=f"{query} START 3 LIMIT 2")
    assert page["results"] == whole["results"][3:5]
    assert (page["objectsCount"], page["totalCount"]) == (2, whole["totalCount"])
    times = [result["lastUpdatedTimestamp"] for result in whole["results"]]
    assert times == sorted(times, reverse=True)


async def test_numbers_are_ordered_by_size_and_none_come_last(call: Call, sanne: str) -> None:
    await call("accounts.setAccountInfo", UID=sanne, profile='{"birthYear": 2017}')
    body = await call("accounts.search", query="SELECT profile.age FROM accounts ORDER BY profile.age")
    ages = [result["profile"].get("age") for result in body["results"]]
    known = [age for age in ages if age is not None]
    assert ages[: len(known)] == sorted(known)
    assert known[0] == 9


async def test_a_cursor_goes_through_all_accounts_once(call: Call) -> None:
    body = await call("accounts.search", query="SELECT UID FROM accounts LIMIT 50", openCursor="true")
    seen = [result["UID"] for result in body["results"]]
    while cursor := body.get("nextCursorId"):
        body = await call("accounts.search", cursorId=cursor)
        seen += [result["UID"] for result in body["results"]]
    assert len(seen) == len(set(seen)) == body["totalCount"]
    assert len(seen) > 100


async def test_a_cursor_expires_after_five_minutes(call: Call, clock: Any) -> None:
    body = await call("accounts.search", query="SELECT UID FROM accounts LIMIT 2", openCursor="true")
    clock.advance(minutes=5)
    assert (await call("accounts.search", cursorId=body["nextCursorId"]))["errorCode"] == 400006


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT",
        "UPDATE accounts",
        "SELECT * FROM customers",
        "SELECT * FROM accounts WHERE",
        "SELECT * FROM accounts WHERE profile.email",
        "SELECT * FROM accounts WHERE profile.email = nobody",
        "SELECT * FROM accounts WHERE profile.email LIKE 'a'",
        "SELECT * FROM accounts WHERE (profile.age = 1",
        "SELECT * FROM accounts WHERE profile.age IN ()",
        "SELECT * FROM accounts LIMIT 5 ORDER BY UID",
        "SELECT * FROM accounts LIMIT many",
        "SELECT * FROM accounts; DROP TABLE accounts",
        "SELECT * FROM accounts WHERE a = 'open",
        "SELECT 'x' FROM accounts",
    ],
)
async def test_a_query_that_is_not_understood_is_400006(call: Call, query: str) -> None:
    assert (await call("accounts.search", query=query))["errorCode"] == 400006


async def test_a_search_without_a_query_names_it(call: Call) -> None:
    assert (await call("accounts.search"))["errorDetails"] == "Missing required parameter: query"


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": "SELECT * FROM accounts START 5", "openCursor": "true"},
        {"query": "SELECT * FROM accounts", "cursorId": "x"},
        {"cursorId": "unknown"},
    ],
)
async def test_a_cursor_stands_alone(call: Call, parameters: dict[str, str]) -> None:
    assert (await call("accounts.search", **parameters))["errorCode"] == 400006
