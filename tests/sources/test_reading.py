"""A source that is read: pages, dialogues, and whose a record is."""

import httpx
import pytest
from tests.sources.shop import NOW, about, answering, ask, bills, numbers, paging

from klantbeeld.errors import (
    SourceUnavailable,
)
from klantbeeld.sources.questions import Question, SourceState, Subject
from klantbeeld.sources.source import MOST_PAGES
from klantbeeld.sources.translation import NO_KEY

pytestmark = pytest.mark.asyncio


async def test_one_page_is_read_with_where_the_next_begins() -> None:
    outcome = await ask(paging, about("invoices", "c", first=2))

    assert numbers(outcome) == ["no 0", "no 1"]
    assert (outcome.next_page, outcome.complete, outcome.state) == ("2", True, SourceState.OK)


async def test_a_page_begins_where_it_is_asked_to() -> None:
    outcome = await ask(paging, about("invoices", "c", first=2, after="4"))

    assert numbers(outcome) == ["no 4"]
    assert outcome.next_page is None


async def test_everything_is_read_page_by_page_in_the_size_of_the_source() -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.params))
        return paging(request)

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert numbers(outcome) == [f"no {number}" for number in range(5)]
    assert asked == ["customer=c&size=2&from=", "customer=c&size=2&from=2", "customer=c&size=2&from=4"]
    assert outcome.complete


async def test_everything_ends_at_a_bound_and_says_so() -> None:
    pages = iter(range(1_000))

    def handle(request: httpx.Request) -> httpx.Response:
        number = next(pages)
        return httpx.Response(200, json={"data": bills(number), "more": str(number + 1)})

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert len(numbers(outcome)) == MOST_PAGES
    assert next(pages) == MOST_PAGES
    assert not outcome.complete
    assert outcome.next_page == str(MOST_PAGES)


async def test_a_page_that_fails_on_the_way_fails_the_whole() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if request.url.params["from"] == "4" else paging(request)

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert outcome.state is SourceState.UNAVAILABLE
    assert outcome.records == {}


async def test_capabilities_of_one_resource_are_read_from_one_call() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"data": bills(1)})

    members = {"invoices": frozenset({"number"}), "party": frozenset({"full_name"})}
    subjects = {"c": Subject("C", frozenset({"c"}))}
    outcome = await ask(handle, Question(subjects=subjects, members=members, arguments={}))

    assert asked == ["/bills"]
    assert numbers(outcome) == ["no 1"]
    assert [party.full_name for party in outcome.records["party"]["c"]] == ["no 1"]  # type: ignore[attr-defined]


async def test_a_dialogue_is_carried_to_its_last_call() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.headers["authorization"]))
        return httpx.Response(200, json="77" if request.url.path == "/account-of" else {"id": "a77", "customer": "c"})

    outcome = await ask(handle, about("billing_accounts", "c"))

    assert asked == [("/account-of", "Bearer t0p"), ("/accounts/77", "Bearer t0p")]
    assert [record.record_id for record in outcome.records["billing_accounts"]["c"]] == ["a77"]


async def test_a_dialogue_ends_with_a_step_that_fails() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(500)

    outcome = await ask(handle, about("billing_accounts", "c"))

    assert asked == ["/account-of"]
    assert isinstance(outcome.problem, SourceUnavailable)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_record_that_is_not_there_is_no_failure(status: int) -> None:
    outcome = await ask(answering(b"gone", status), about("invoice", "b1"))

    assert (outcome.state, outcome.problem) == (SourceState.OK, None)
    assert not any(outcome.records["invoice"].values())


async def test_records_say_where_they_come_from_and_whose_they_are() -> None:
    outcome = await ask(answering({"data": bills(1)}), about("invoices", "c"))

    (record,) = outcome.records["invoices"]["c"]
    assert record.origin is not None
    assert (record.origin.source, record.origin.customer_id, record.origin.fetched_at) == ("shop", "customer of c", NOW)


async def test_each_record_goes_to_the_customer_whose_it_is() -> None:
    data = [*bills(1, customer="a"), *bills(2, customer="b"), *bills(3, customer="a")]
    outcome = await ask(answering({"data": data}), about("invoices", "a", "b"))

    assert numbers(outcome, key="a") == ["no 1", "no 3"]
    assert numbers(outcome, key="b") == ["no 2"]
    origins = [record.origin for record in outcome.records["invoices"]["b"]]
    assert [origin.customer_id for origin in origins if origin] == ["customer of b"]


@pytest.mark.parametrize("keys", [("c",), ("c", "d")])
async def test_a_record_of_somebody_else_goes_nowhere(keys: tuple[str, ...]) -> None:
    data = [*bills(1), *bills(2, customer="stranger"), *bills(3, customer="")]
    outcome = await ask(answering({"data": data}), about("invoices", *keys))

    found = [record for every in outcome.records["invoices"].values() for record in every]
    assert [record.record_id for record in found] == ["b1"]


@pytest.mark.parametrize("keys", [("b1",), ("b1", "b2")])
async def test_a_record_that_is_asked_by_id_goes_nowhere_if_it_is_somebody_elses(keys: tuple[str, ...]) -> None:
    owners = dict.fromkeys(keys, "c")
    body = [*bills(1, customer="stranger"), *bills(2), *bills(3)]
    outcome = await ask(answering([one for one in body if one["id"] in keys]), about("invoice", *keys, owners=owners))

    found = [record.record_id for every in outcome.records["invoice"].values() for record in every]
    assert found == [key for key in keys if key == "b2"]


async def test_a_customer_with_several_numbers_owns_the_records_of_each() -> None:
    subjects = {"c": Subject("C", frozenset({"c", "old"}))}
    question = Question(subjects=subjects, members={"invoices": frozenset({"number"})}, arguments={})
    outcome = await ask(answering({"data": [*bills(1), *bills(2, customer="old")]}), question)

    assert numbers(outcome) == ["no 1", "no 2"]


async def test_a_search_is_about_no_customer_yet() -> None:
    question = Question(subjects={}, members={"search": frozenset({"full_name"})}, arguments={"text": "a&b=c"})
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        return httpx.Response(200, json=bills(1, 2))

    outcome = await ask(handle, question)

    assert asked == ["text=a%26b%3Dc"]
    assert [record.record_id for record in outcome.records["search"][NO_KEY]] == ["c", "c"]
    assert {record.origin.customer_id for record in outcome.records["search"][NO_KEY] if record.origin} == {""}


async def test_only_what_is_selected_is_decoded() -> None:
    """The number is not what it should be, and nobody asked for it."""
    body = {"data": [{"id": "b1", "customer": "c", "number": {"a": 1}, "note": 3}]}
    outcome = await ask(answering(body), about("invoices", "c", members="version"))

    (record,) = outcome.records["invoices"]["c"]
    assert (record.version, record.number) == ("3", None)  # type: ignore[attr-defined]
