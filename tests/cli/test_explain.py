"""`klantbeeld explain`: the plan under a configuration, read off without asking anybody."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from klantbeeld.cli.views import view

from .conftest import Done, Klantbeeld

Change = Callable[[str, str], None]
Explain = Callable[..., Done]


@pytest.fixture
def explain(klantbeeld: Klantbeeld, file: Path, tmp_path: Path) -> Explain:
    """Give a function that explains a document; neither secrets nor a store are there."""
    shutil.rmtree(file.parent / "secrets")
    (file.parent / "klantbeeld.sqlite").unlink()

    def run(document: str, *arguments: object) -> Done:
        path = tmp_path / "document.graphql"
        path.write_text(document, encoding="utf-8")
        return klantbeeld("explain", path, "-c", file, *arguments)

    return run


def lines_of(done: Done) -> list[str]:
    """Return the lines of the tree without its drawing."""
    return [re.sub(r"^[│├└─\s]+", "", line) for line in done.out.splitlines()]


def test_a_field_names_its_source_its_capability_and_what_is_selected(explain: Explain) -> None:
    done = explain('{ customer(id: "x") { party { fullName } } }')
    assert done.code == 0
    assert "CRM dataverse.party: full_name" in lines_of(done)


def test_what_one_call_answers_is_one_call_and_starts_with_the_others(explain: Explain) -> None:
    lines = lines_of(
        explain('{ customer(id: "x") { party { fullName } contactMedia { value } complaints { nodes { id } } } }')
    )
    assert "then, together: 2 calls" in lines
    assert "dataverse.party, contact_media: up to 50 customers a call; for party, contactMedia" in lines
    assert "zendesk.complaints: a call for each customer; for complaints" in lines


def test_what_depends_on_records_waits_for_them(explain: Explain) -> None:
    done = explain('{ customer(id: "x") { complaints { nodes { about { name } } } } }')
    waiting = next(line for line in done.out.splitlines() if "stripe.product: up to 100 records a call" in line)
    first = next(line for line in done.out.splitlines() if "zendesk.complaints: a call" in line)
    assert waiting.index("stripe") > first.index("zendesk")


def test_other_arguments_are_another_call(explain: Explain) -> None:
    lines = lines_of(
        explain('{ customer(id: "x") { a: complaints(open: true) { nodes { id } } b: complaints { nodes { id } } } }')
    )
    assert "zendesk.complaints(open: true): a call for each customer; for a" in lines
    assert "zendesk.complaints: a call for each customer; for b" in lines


def test_a_field_that_is_refused_is_named_with_the_rule_and_asks_nobody(explain: Explain) -> None:
    done = explain('{ customer(id: "x") { complaints { nodes { id } } } }', "--as", "partner")
    assert "customer.complaints: SCOPE_MISSING, needs complaints:read (CUSTOM, ORDINARY)" in done.out
    assert "zendesk" not in done.out


def test_the_purpose_decides_too(explain: Explain) -> None:
    done = explain('{ customer(id: "x") { complaints { nodes { id } } } }', "--purpose", "advice")
    assert "customer.complaints: PURPOSE_NOT_ALLOWED" in done.out


def test_a_role_that_nobody_fills_is_said_to_be_not_configured(explain: Explain, change: Change) -> None:
    change('connector = "zendesk"', 'connector = "zendesk"\nroles = []')
    done = explain('{ customer(id: "x") { complaints { nodes { id } } } }')
    assert "COMPLAINTS: no source (NOT_CONFIGURED)" in lines_of(done)


def test_a_condition_stays_a_condition(explain: Explain) -> None:
    done = explain('query Q($all: Boolean!) { customer(id: "x") { party @include(if: $all) { fullName } } }')
    assert "party if $all" in lines_of(done)


def test_what_comes_later_says_so(explain: Explain) -> None:
    fields = "invoices { nodes @stream(initialCount: 2) { number } } ... @defer { complaints { nodes { subject } } }"
    said = lines_of(explain(f"query Q($id: ID!) {{ customer(id: $id) {{ {fields} }} }}"))
    assert "invoices, customer.invoices.nodes streamed after 2" in said
    assert "complaints, deferred" in said


def test_an_operation_that_the_document_does_not_have_leaves_with_2(explain: Explain) -> None:
    done = explain('query One { customer(id: "x") { id } } query Two { me { id } }', "--name", "Tow")
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: --name: the document has no operation `Tow`. Did you mean `Two`?\n"


def test_what_is_put_off_is_not_counted_with_what_is_asked_at_once(explain: Explain) -> None:
    fields = (
        "party { fullName } ... @defer { invoices { nodes { number } } }"
        " ... @defer { complaints { nodes { about { name } } } consents { purpose } }"
    )
    lines = lines_of(explain(f'{{ customer(id: "x") {{ {fields} }} }}'))
    counts = [line for line in lines if "together" in line]
    assert counts == [
        "then, together: 1 call",
        "then, deferred, together: 1 call",
        "then, deferred, together: 2 calls",
        "then, together: 1 call",
    ]


def test_a_mutation_names_the_owner_and_what_makes_the_write_safe(explain: Explain) -> None:
    act = '{ fileComplaint(input: {customerId: "x", subject: "s", description: "d", channel: APP}) { status } }'
    done = explain(f"mutation {act}")
    assert "file_complaint by its owner zendesk (COMPLAINTS; safe by idempotency_key)" in done.out


@pytest.mark.parametrize("name", ["service-call", "advice", "collections", "marketing"])
def test_every_view_of_an_agent_is_explained(explain: Explain, name: str) -> None:
    done = explain(view(name))
    assert (done.code, done.err) == (0, "")
    assert "dataverse" in done.out


def test_an_invalid_document_leaves_with_1_and_says_where(explain: Explain) -> None:
    done = explain("{ nobody }")
    assert (done.code, done.out) == (1, "")
    assert "line 1, column 3: Cannot query field 'nobody'" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "agents"), "--as: there is no caller class `agents`. Did you mean `agent`?"),
        (("--purpose", "advise"), "--purpose: callers of the class `agent` have no purpose `advise`. Did you mean"),
    ],
)
def test_an_unknown_class_or_purpose_leaves_with_2(explain: Explain, arguments: tuple[str, str], said: str) -> None:
    done = explain("{ me { id } }", *arguments)
    assert done.code == 2
    assert said in done.err


def test_of_several_operations_one_has_to_be_named(explain: Explain) -> None:
    document = "query A { me { id } } query B { me { party { fullName } } }"
    assert "Name one of A, B" in explain(document).err
    assert lines_of(explain(document, "--name", "B"))[0] == "query B"
