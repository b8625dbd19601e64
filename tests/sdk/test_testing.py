"""The conformance suite passes a connector that keeps its contract, and catches each way of breaking it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from klantbeeld.errors import ConfigurationError, SourceInvalid
from klantbeeld.registry import load_connectors
from klantbeeld.sdk.examples import example_options, load_examples
from klantbeeld.sdk.testing import ConnectorTests, connector_tests

NAME = "made_conforming"
FACTS = f"""
name = "{NAME}"
title = "Example"
roles = ["BILLING"]
docs = ["https://example.com/docs"]
hosts = ["api.example.com"]
categories = ["CUSTOM"]
remembers.idempotency_key_hours = 24
"""
CODE = """
from decimal import Decimal

import msgspec

from klantbeeld.sdk import Ask, Bearer, Call, Connector, Mapping, WriteSafety, does, reads, records, segment, take


class Item(msgspec.Struct, kw_only=True):
    id: str
    customer: str | None = None
    title: str | None = None
    cents: int | None = None


class Page(msgspec.Struct, kw_only=True):
    next: str | None = None


def money(cents: int | None) -> records.Money | None:
    return None if cents is None else records.Money(Decimal(cents) / 100, "EUR")


INVOICE = Mapping(
    records.Invoice,
    Item,
    {
        "record_id": take("id"),
        "owner": take("customer"),
        "number": take("title"),
        "total": take("cents", via=money),
    },
)


class Example(Connector):
    auth = Bearer("token")

    @reads(INVOICE, page=2)
    def invoices(self, ask: Ask) -> Call[Item]:
        after = [("after", ask.after)] if ask.after else []
        return Call(
            path=f"/customers/{segment(ask.key)}/items",
            query=[("fields", ",".join(sorted(ask.select))), *after],
            items=("data",),
            envelope=Page,
            next_page=lambda page, _last: page.next,
            record=Item,
        )

    @does(WriteSafety.IDEMPOTENCY_KEY, INVOICE)
    def credit_invoice(self, act) -> Call[Item]:
        return Call(
            method="POST",
            path=f"/items/{segment(act.invoice)}/credit",
            headers=(("idempotency-key", act.key),),
            json={"reason": act.reason},
            record=Item,
            absent=frozenset(),
            sends=True,
        )
"""
INVOICES = {
    "capability": "invoices",
    "origin": "specification",
    "ask": {"keys": ["c1"]},
    "exchanges": [
        {
            "request": {
                "method": "GET",
                "path": "/customers/c1/items",
                "query": [["fields", "cents,customer,id,title"]],
            },
            "reply": {
                "status": 200,
                "body": {"data": [{"id": "i1", "customer": "c1", "title": "A-1", "cents": 150}], "next": "p2"},
            },
        }
    ],
    "expect": [{"record_id": "i1", "owner": "c1", "number": "A-1", "total": {"amount": "1.5", "currency": "EUR"}}],
}
CREDIT = {
    "capability": "credit_invoice",
    "origin": "specification",
    "act": {"customer": "c1", "key": "k", "channel": "APP", "invoice": "i1", "reason": "Te laat"},
    "exchanges": [
        {
            "request": {
                "method": "POST",
                "path": "/items/i1/credit",
                "headers": {"idempotency-key": "k"},
                "json": {"reason": "Te laat"},
            },
            "reply": {"status": 201, "body": {"id": "i1", "customer": "c1"}},
        }
    ],
    "expect": [{"record_id": "i1", "owner": "c1"}],
}


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Callable[..., Callable[[str], None]]]:
    """Make a suite over a connector of its own; gives a function that runs one of its tests."""

    def make(code: str = CODE, **examples: Any) -> Callable[[str], None]:
        folder = tmp_path / NAME
        (folder / "examples").mkdir(parents=True)
        (folder / "connector.toml").write_text(FACTS)
        (folder / "connector.py").write_text(code)
        (folder / "__init__.py").write_text("from .connector import Example as Connector\n")
        for name, example in {"invoices": INVOICES, "credit": CREDIT, **examples}.items():
            if example is not None:
                (folder / "examples" / f"{name}.json").write_text(json.dumps(example))
        return lambda test: run(connector_tests(NAME, folders=[tmp_path])(), test, tmp_path)

    yield make
    for name in [name for name in sys.modules if name.startswith(f"klantbeeld._connectors.{NAME}")]:
        del sys.modules[name]


def run(tests: ConnectorTests, test: str, folder: Path) -> None:
    loaded = load_connectors([folder]).load(NAME)
    given: dict[str, Any] = {
        "loaded": loaded,
        "connector": loaded.make(example_options(loaded.manifest)),
        "examples": load_examples(loaded.manifest),
    }
    function = getattr(ConnectorTests, test)
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    for status in (404, 429, 503) if "status" in names else (0,):
        for strange in ("word", 2**63, None) if "strange" in names else (0,):
            everything = {**given, "status": status, "strange": strange}
            function(tests, **{name: everything[name] for name in names})


ALL = [name for name in vars(ConnectorTests) if name.startswith("test_")]


@pytest.mark.parametrize("test", ALL)
def test_a_connector_that_keeps_the_contract_passes(test: str, suite: Callable[..., Callable[[str], None]]) -> None:
    suite()(test)


BROKEN = [
    ("test_ids_cannot_leave_their_place", "{segment(ask.key)}", "{ask.key}"),
    ("test_the_calls_are_the_recorded_ones", '"/items/{segment', '"/item/{segment'),
    ("test_the_calls_are_the_recorded_ones", '(("idempotency-key", act.key),)', "()"),
    ("test_the_answers_make_the_expected_records", "/ 100", "/ 10"),
    ("test_the_answers_make_the_expected_records", 'items=("data",)', 'items=("items",)'),
    ("test_the_answers_make_the_expected_records", "-> records.Money | None:", "-> str:"),
    ("test_the_answers_make_the_expected_records", '"total": take', '"sum": take'),
    ("test_records_hold_what_their_types_say", 'records.Money(Decimal(cents) / 100, "EUR")', "str(cents)"),
    ("test_records_say_whose_they_are", "page=2)", "page=2, batch=2)"),
    ("test_the_position_of_a_page_is_asked_for", '[("after", ask.after)] if ask.after else []', "[]"),
    ("test_reading_changes_nothing", "record=Item,\n        )\n\n    @does", "record=Item, sends=True)\n\n    @does"),
    ("test_a_place_that_is_not_there_is_no_empty_answer", "{segment(ask.key)}/items", "all/items"),
    ("test_reading_changes_nothing", "sends=True,\n        )", ")"),
    ("test_reading_changes_nothing", "absent=frozenset(),", ""),
    ("test_writes_are_as_safe_as_they_say", "act.key", '"always"'),
    ("test_writes_are_as_safe_as_they_say", "IDEMPOTENCY_KEY", "IF_MATCH"),
    ("test_writes_are_as_safe_as_they_say", "IDEMPOTENCY_KEY", "UNIQUE_REFERENCE"),
    ("test_strange_values_cost_no_more_than_this_source", "Decimal(cents) / 100", "[][cents]"),
]


# How the suite fails where it is not by an assertion of its own.
OTHERWISE: dict[str, type[Exception]] = {
    'items=("items",)': SourceInvalid,
    "-> str:": ConfigurationError,
    '"sum": take': ConfigurationError,
    "str(cents)": msgspec.ValidationError,
    "[][cents]": IndexError,
}


@pytest.mark.parametrize(("test", "right", "wrong"), BROKEN)
def test_each_way_of_breaking_the_contract_is_caught(
    test: str, right: str, wrong: str, suite: Callable[..., Callable[[str], None]]
) -> None:
    assert right in CODE
    invoices = INVOICES
    if "batch" in wrong:
        (expected,) = INVOICES["expect"]
        invoices = {**INVOICES, "expect": [{**expected, "owner": None}]}  # type: ignore[dict-item]  # an example's record
    with pytest.raises(OTHERWISE.get(wrong, AssertionError)):
        suite(CODE.replace(right, wrong), invoices=invoices)(test)


def test_an_import_of_ours_beside_the_sdk_is_caught_with_file_and_line(
    suite: Callable[..., Callable[[str], None]],
) -> None:
    curious = CODE.replace("import msgspec\n", "import msgspec\n\nfrom klantbeeld.settings import Settings\n", 1)
    with pytest.raises(AssertionError, match=r"connector\.py, line 6: imports klantbeeld\.settings\.Settings; of "):
        suite(curious)("test_it_imports_the_sdk_and_itself_alone")


def test_a_capability_without_an_example_is_caught(suite: Callable[..., Callable[[str], None]]) -> None:
    with pytest.raises(AssertionError):
        suite(credit=None)("test_every_capability_has_an_example")


def test_a_member_that_needs_more_than_it_declares_is_caught(suite: Callable[..., Callable[[str], None]]) -> None:
    greedy = CODE.replace("after = [", 'fields = "title" in ask.select\n        after = [').replace(
        "envelope=Page,", "envelope=Page, needs=frozenset(), complete=lambda _page, item: item.title,"
    )
    with pytest.raises(AttributeError):
        suite(greedy)("test_each_member_can_be_asked_alone")


def test_a_secret_in_an_address_is_caught(suite: Callable[..., Callable[[str], None]]) -> None:
    leaking = CODE.replace(
        'auth = Bearer("token")',
        "class InQuery:\n"
        '        needs = ("token",)\n'
        "        def apply(self, call, credentials):\n"
        '            return call.with_query(("token", credentials["token"]))\n'
        "    auth = InQuery()",
    )
    with pytest.raises(AssertionError):
        suite(leaking)("test_secrets_stay_out_of_addresses")


def test_a_status_that_is_taken_for_something_else_is_caught(suite: Callable[..., Callable[[str], None]]) -> None:
    lenient = CODE + "\n    def problem(self, reply):\n        return None\n"
    with pytest.raises(AssertionError):
        suite(lenient)("test_statuses_mean_what_http_means")
