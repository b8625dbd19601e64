"""A connector against its examples, and a system against them."""

import functools
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import copytree

import httpx
import pytest

from klantbeeld.cli.example_check import check_examples, check_live
from klantbeeld.errors import ConfigurationError
from klantbeeld.registry import load_connectors, own_folder, read_manifest
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS, make_server
from klantbeeld.sdk.examples import example_options, load_examples
from klantbeeld.sdk.live import Live

URL = "http://sandbox.example"


def live_stripe(client: httpx.AsyncClient, **credentials: str) -> Live:
    loaded = load_connectors().load("stripe")
    connector = loaded.make(example_options(loaded.manifest))
    return Live(loaded.manifest, connector, client, URL, {**CREDENTIALS["stripe"], **credentials})


def sandbox() -> httpx.ASGITransport:
    return httpx.ASGITransport(make_server("stripe", make_population(size=8, today=date(2026, 11, 23))))


@pytest.mark.parametrize("name", ["dataverse", "stripe", "zendesk", "sap_customer_data_cloud"])
def test_our_connectors_fit_their_examples(name: str) -> None:
    verdicts = check_examples(load_connectors().load(name))
    assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert len(verdicts) > 10


def test_an_example_that_is_missing_or_other_is_found(tmp_path: Path) -> None:
    folder = copytree(own_folder() / "stripe", tmp_path / "stripe")
    for example in (folder / "examples").glob("products*.json"):
        example.unlink()
    party = folder / "examples" / "party.json"
    party.write_text(party.read_text(encoding="utf-8").replace('"full_name"', '"given_name"'), encoding="utf-8")
    invoice = folder / "examples" / "invoice.json"
    invoice.write_text(invoice.read_text(encoding="utf-8").replace("/v1/invoices/", "/v2/invoices/"), encoding="utf-8")
    loaded = replace(load_connectors().load("stripe"), manifest=read_manifest(folder))
    wrong = {verdict.what.split()[0]: verdict.said for verdict in check_examples(loaded) if not verdict.holds}
    assert wrong == {
        "products": "has no example",
        "party": "makes other records than were expected: number 1 in full_name, given_name",
        "invoice": "makes other requests than were recorded: number 1 in path",
    }


def test_what_an_author_got_wrong_is_said_beside_what_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copytree(own_folder() / "stripe", tmp_path / "stripe")
    other = folder / "examples" / "party.json"
    other.write_text(other.read_text(encoding="utf-8").replace('"party"', '"partyz"'), encoding="utf-8")
    loaded = replace(load_connectors().load("stripe"), manifest=read_manifest(folder))

    @functools.wraps(loaded.make.invoice)  # type: ignore[attr-defined]  # Stripe has it
    def broken(_self: object, _ask: object) -> None:
        raise KeyError("made up")

    monkeypatch.setattr(loaded.make, "invoice", broken)
    wrong = {verdict.what.split()[0]: verdict.said for verdict in check_examples(loaded) if not verdict.holds}
    assert wrong["partyz"] == "is no capability of the connector"
    assert re.fullmatch(r"raises KeyError at cli/test_example_check\.py:[0-9]+", wrong["invoice"])


def test_an_import_of_ours_beside_the_sdk_is_said_beside_what_holds(tmp_path: Path) -> None:
    folder = copytree(own_folder() / "stripe", tmp_path / "stripe")
    (folder / "curious.py").write_text("import klantbeeld.settings\n", encoding="utf-8")
    loaded = replace(load_connectors().load("stripe"), manifest=read_manifest(folder))
    (wrong,) = [verdict for verdict in check_examples(loaded) if not verdict.holds]
    assert wrong.what == "imports"
    assert f"{folder / 'curious.py'}, line 1: imports klantbeeld.settings;" in wrong.said


def test_an_example_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = copytree(own_folder() / "stripe", tmp_path / "stripe")
    (folder / "examples" / "party.json").write_text("{}}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"stripe/examples/party\.json"):
        load_examples(read_manifest(folder))


@pytest.mark.asyncio
async def test_a_system_that_answers_as_recorded_holds() -> None:
    async with httpx.AsyncClient(transport=sandbox()) as client:
        verdicts = await check_live(live_stripe(client))
    assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert any("not proved" not in verdict.said for verdict in verdicts if verdict.what.startswith("invoices"))


@pytest.mark.asyncio
async def test_a_system_that_refuses_us_is_wrong_everywhere() -> None:
    async with httpx.AsyncClient(transport=sandbox()) as client:
        verdicts = await check_live(live_stripe(client, secret_key="another"))
    assert {verdict.said for verdict in verdicts} == {"SOURCE_REFUSED: status 401"}


@pytest.mark.asyncio
async def test_an_answer_of_another_shape_is_a_drift_and_shows_no_value() -> None:
    drifted = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "canary", "data": 7, "has_more": "canary"}))
    async with httpx.AsyncClient(transport=drifted) as client:
        verdicts = await check_live(live_stripe(client))
    said = {verdict.said for verdict in verdicts if verdict.what.startswith("invoices")}
    assert len(said) == 1
    assert "SOURCE_INVALID_ANSWER" in said.pop()
    assert "canary" not in str(verdicts)


@pytest.mark.asyncio
async def test_a_member_that_changed_its_type_or_came_new_is_told_by_name() -> None:
    app = sandbox()

    async def drift(request: httpx.Request) -> httpx.Response:
        answer = await app.handle_async_request(request)
        body = (await answer.aread()).replace(b'"amount_due":', b'"amount_owed": 1, "amount_due_was":')
        return httpx.Response(answer.status_code, content=body, headers={"content-type": "application/json"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(drift)) as client:
        verdicts = await check_live(live_stripe(client))
    found = {(change.kind, change.where) for verdict in verdicts for change in verdict.changes}
    assert ("added", "data[].amount_owed") in found


@pytest.mark.asyncio
async def test_nothing_is_written() -> None:
    asked: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(note)) as client:
        await check_live(live_stripe(client))
    assert set(asked) == {"GET"}
