"""`klantbeeld connector list`, `check` and `run`."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import respx

from .conftest import Klantbeeld

Change = Callable[[str, str], None]
STRIPE = "https://stripe.example"
CUSTOMER = {"id": "cus_1", "object": "customer", "name": "Jan Jansen", "created": 1, "metadata": {}}


def test_the_list_says_what_each_connector_reads_and_writes(klantbeeld: Klantbeeld) -> None:
    done = klantbeeld("connector", "list")
    (stripe,) = (line for line in done.out.splitlines() if line.startswith("stripe"))
    assert (done.code, done.err) == (0, "")
    name, product, roles, reads, writes = stripe.split("\t")
    assert (name, product, roles) == ("stripe", "Stripe", "BILLING")
    assert "invoices" in reads
    assert "credit_invoice (idempotency_key)" in writes


def test_a_connector_that_was_set_aside_is_listed_with_the_reason(klantbeeld: Klantbeeld, tmp_path: Path) -> None:
    folder = tmp_path / "own" / "acme"
    folder.mkdir(parents=True)
    (folder / "connector.py").write_text("", encoding="utf-8")
    (tmp_path / "klantbeeld.toml").write_text('connector_folders = ["own"]', encoding="utf-8")
    done = klantbeeld("connector", "list")
    assert done.code == 1
    assert done.err.startswith("Set aside: acme: own/acme/connector.toml: there is no such file")


def test_a_connector_is_checked_by_its_examples(klantbeeld: Klantbeeld) -> None:
    done = klantbeeld("connector", "check", "zendesk")
    assert done.code == 0
    assert done.out.splitlines()[-1].endswith("hold.")


def test_an_unknown_connector_leaves_with_2(klantbeeld: Klantbeeld) -> None:
    done = klantbeeld("connector", "check", "zendisk")
    assert done.code == 2
    assert "Did you mean `zendesk`?" in done.err


def test_where_no_settings_were_found_it_is_said_what_might_be_missing(klantbeeld: Klantbeeld) -> None:
    assert klantbeeld("connector", "check", "balie").err.startswith("There is no klantbeeld.toml in this folder; ")


def test_a_live_check_needs_a_source_of_the_settings(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("connector", "check", "stripes", "--live", "-c", file)
    assert done.code == 2
    assert "source `stripes`: is not configured. Did you mean `stripe`?" in done.err


def test_a_live_check_of_a_source_that_is_down_leaves_with_1(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("connector", "check", "stripe", "--live", "-c", file)
    assert done.code == 1
    assert "ConnectError" in done.out


@respx.mock(using="httpx")
def test_a_capability_is_run_and_its_call_and_records_are_shown(
    klantbeeld: Klantbeeld, file: Path, change: Change, respx_mock: respx.MockRouter
) -> None:
    change('connector = "stripe"\nbase_url = "http://127.0.0.1:9"', f'connector = "stripe"\nbase_url = "{STRIPE}"')
    respx_mock.get(f"{STRIPE}/v1/customers/cus_1").mock(return_value=httpx.Response(200, json=CUSTOMER))
    done = klantbeeld("connector", "run", "stripe", "party", "cus_1", "-c", file)
    assert done.code == 0
    assert json.loads(done.out)["full_name"] == "Jan Jansen"
    assert done.err.startswith("GET /v1/customers/cus_1 -> 200")
    assert "sk_test" not in done.err


@respx.mock(using="httpx")
def test_what_a_source_does_not_have_is_absent_and_leaves_with_1(
    klantbeeld: Klantbeeld, file: Path, change: Change, respx_mock: respx.MockRouter
) -> None:
    change('connector = "stripe"\nbase_url = "http://127.0.0.1:9"', f'connector = "stripe"\nbase_url = "{STRIPE}"')
    respx_mock.get(f"{STRIPE}/v1/customers/cus_1").mock(return_value=httpx.Response(404, json={"error": {}}))
    done = klantbeeld("connector", "run", "stripe", "party", "cus_1", "-c", file)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[1] == "Absent: stripe does not have what was asked for, which is what 404 means there."


@respx.mock(using="httpx")
def test_a_page_without_records_is_said_to_be_one(
    klantbeeld: Klantbeeld, file: Path, change: Change, respx_mock: respx.MockRouter
) -> None:
    change('connector = "stripe"\nbase_url = "http://127.0.0.1:9"', f'connector = "stripe"\nbase_url = "{STRIPE}"')
    empty = {"object": "list", "data": [], "has_more": False}
    respx_mock.get(url__startswith=STRIPE).mock(return_value=httpx.Response(200, json=empty))
    done = klantbeeld("connector", "run", "stripe", "everyone", "-c", file)
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("No records.\n")


def test_a_source_that_is_down_leaves_with_1(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("connector", "run", "stripe", "party", "cus_1", "-c", file)
    assert (done.code, done.out) == (1, "")
    assert done.err == "stripe.party: SOURCE_UNAVAILABLE: ConnectError\n"


def test_a_capability_that_needs_another_key_says_so(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("connector", "run", "stripe", "party", "-c", file)
    assert done.code == 1
    assert "needs other keys or arguments" in done.err


def test_bad_arguments_leave_with_2(klantbeeld: Klantbeeld, file: Path) -> None:
    run = ("connector", "run", "stripe")
    assert "Did you mean `party`?" in klantbeeld(*run, "partie", "-c", file).err
    assert "--with: text has no value" in klantbeeld(*run, "search", "--with", "text", "-c", file).err
    assert "not ISO 8601" in klantbeeld(*run, "changes", "--with", "since=yesterday", "-c", file).err
    assert klantbeeld(*run, "changes", "--with", "since=yesterday", "-c", file).code == 2


def test_a_secret_that_is_missing_leaves_with_2(klantbeeld: Klantbeeld, file: Path) -> None:
    (file.parent / "secrets" / "stripe_secret_key").unlink()
    done = klantbeeld("connector", "run", "stripe", "party", "cus_1", "-c", file)
    assert done.code == 2
    assert "sources.stripe.credentials.secret_key" in done.err
