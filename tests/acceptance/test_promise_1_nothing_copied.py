"""Promise 1. Nothing copied: after all acceptance tests, 200 canary values are in no file and no table of the gateway.

This module's tests come last (see conftest.py), over the store, the trail, the log and every other file that the
gateway of the tests before wrote.
"""

import asyncio
import base64
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import redis.asyncio

from klantbeeld.app import build_app
from klantbeeld.outside import Outside
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sdk.replies import Reply as SourceReply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.cache_redis import Sealed
from klantbeeld.sources.transport import Transport, open_transport

from .acting import act, done
from .canaries import canaries_of, found_below, found_in
from .running import Ask, Deployment, Gateway, deploy, free_port, running

COUNT = 200
FEW = 10  # of them are enough beside the one that a mutant keeps
# What callers say, in words of their own that nothing else has.
SPOKEN = {
    "subject": "Zwaluwstaartverbinding kraakt",
    "description": "Mijn overgrootmoeder struikelde over de zwaluwstaart.",
    "note": "Bereikbaar via de achterdeur van kwekerij Amaryllishof",
    "email": "zwaluw.amaryllis@example.org",
    "street": "Pimpelmeesdwarsstraat",
}
EVERYTHING = """
query Everything($source: String!, $recordId: String!) {
  customerByReference(source: $source, recordId: $recordId) {
    id links { source recordId }
    party { fullName birthDate gender origins { field alternatives { value } } }
    contactMedia { kind value address { street houseNumber postcode city } }
    products { nodes { name } } orders { nodes { number lines { description } deliveries { trackingCode } } }
    billingAccounts { name email } balances { amount } invoices { nodes { number lines { description } } }
    complaints { nodes { subject description comments { nodes { body } } } }
    consents { purpose status evidence } preferences { topic } campaigns { name } attributes { name value }
    interactions(first: 50) { nodes { subject note } }
    marketingEligibility(channel: EMAIL) { allowed blockers { code evidence { id } } }
    dataQuality { completeness { value } conflicts { value } }
  }
}
"""


@pytest.fixture(scope="module")
def canaries(servers: Sandbox) -> list[str]:
    """Choose the values: always the same ones."""
    return canaries_of(servers.population, COUNT)


@pytest.mark.feature(
    "promise 1", "After the acceptance tests 200 canaries are in no file, no table, no log and no trail"
)
def test_no_canary_is_kept_anywhere(
    ask: Ask, ids: dict[str, str], gateway: Gateway, canaries: list[str], sandbox: Sandbox
) -> None:
    seen = _let_everything_through(ask, sandbox)
    _speak(ask, ids["mila-hendriks"])
    values = [*canaries, *SPOKEN.values()]
    # They did pass through the gateway; an address line did so in its parts.
    assert sum(value.lower() in seen for value in canaries) > COUNT * 0.75
    assert _open_files_outside(gateway) == []
    assert found_below(gateway.folder, values) == {}
    gateway.stop()  # what waits in memory is written now, or never
    assert found_below(gateway.folder, values) == {}
    assert _rows(gateway.folder / "klantbeeld.sqlite", "trail") > len(sandbox.population.people)


@pytest.mark.feature("promise 1", "On PostgreSQL no canary is in any table either")
def test_no_canary_is_kept_in_postgresql(
    servers: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_database: str,
    *,
    http: httpx.Client,
    canaries: list[str],
    sandbox: Sandbox,
) -> None:
    folder = tmp_path_factory.mktemp("postgresql-canaries")
    lite = f"sqlite:///{folder.resolve().as_posix()}/klantbeeld.sqlite"
    deployment = deploy(folder, servers, change=lambda text: text.replace(lite, postgresql_database))
    with running(Gateway(deployment.file, free_port())) as gateway:
        ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
        _let_everything_through(ask, sandbox)
        _speak(ask, deployment.customers["mila-hendriks"])
    rows = asyncio.run(_postgresql_rows(postgresql_database))
    assert len(rows) > len(sandbox.population.people)
    assert found_in(rows, [*canaries, *SPOKEN.values()]) == set()
    assert found_below(folder, [*canaries, *SPOKEN.values()]) == {}


IN_REDIS = """
[redis]
url = "{url}"

[changes]
log = "redis"

[cache]
backend = "redis"
max_age = 600
key = {{ file = "{key}" }}

[cache.kinds.consent]
max_age = 600
"""


@pytest.mark.feature("promise 1", "In Redis no canary is in any key or value, while values are cached there")
@pytest.mark.parametrize("is_mutant", [False, True], ids=["encrypted", "a mutant that does not encrypt is caught"])
def test_no_canary_can_be_read_in_redis(
    servers: Sandbox,
    tmp_path: Path,
    redis_url: str,
    *,
    is_mutant: bool,
    canaries: list[str],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cache_key").write_text(base64.b64encode(b"k" * 32).decode(), encoding="utf-8")
    shared = IN_REDIS.format(url=redis_url, key=tmp_path / "cache_key")
    deployment = deploy(tmp_path, servers, change=lambda text: text + shared)
    if is_mutant:
        monkeypatch.setattr(Sealed, "dumps", lambda _self, value: value)
        monkeypatch.setattr(Sealed, "loads", lambda _self, value: value)
    asyncio.run(_ask_cached(deployment, sandbox))
    rows = asyncio.run(_redis_rows(redis_url))
    assert len(rows) > len(sandbox.population.people)
    found = found_in(rows, canaries)
    assert len(found) > COUNT / 4 if is_mutant else found == set()


def _in_a_table(folder: Path, value: str) -> None:
    _execute(folder, "UPDATE links SET decided_by = ? WHERE rowid IN (SELECT rowid FROM links LIMIT 1)", value)


def _in_the_trail(folder: Path, value: str) -> None:
    _execute(folder, "CREATE TABLE cache (body BLOB)", None)
    _execute(folder, "INSERT INTO cache VALUES (?)", json.dumps({"value": value}).encode())


def _in_the_log(folder: Path, value: str) -> None:
    with (folder / "gateway.log").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"event": "request", "query": f"... {value} ..."}) + "\n")


def _in_a_name(folder: Path, value: str) -> None:
    (folder / "scratch" / f"{value.replace('/', '_')}.json").write_bytes(b"{}")


def _in_base64(folder: Path, value: str) -> None:
    (folder / "scratch" / "cursor").write_bytes(base64.b64encode(f"position {value} and more".encode()))


MUTANTS: Mapping[str, Callable[[Path, str], None]] = {
    "in a table": _in_a_table,
    "in a table of its own, as JSON": _in_the_trail,
    "in the log": _in_the_log,
    "in a file's name": _in_a_name,
    "in a file, as base64": _in_base64,
}


@pytest.mark.feature("promise 1", "The canary search's mutant is caught: a store that keeps one value")
@pytest.mark.parametrize("mutant", MUTANTS)
def test_one_value_that_is_kept_is_found(mutant: str, gateway: Gateway, canaries: list[str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(gateway.folder, tmp_path / "copy"))
    value = next(value for value in canaries if "@" in value)
    MUTANTS[mutant](folder, value)
    assert set(found_below(folder, [value, *canaries[:FEW]])) == {value}


@pytest.mark.feature("promise 1", "The canary search's mutant is caught: a gateway that keeps what its sources answer")
def test_a_gateway_that_keeps_answers_is_found(
    servers: Sandbox, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, canaries: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("mutant")
    deployment = deploy(folder, servers)
    assert found_below(folder, canaries) == {}
    asyncio.run(_ask_mutant(deployment, sandbox))
    assert set(found_below(folder, canaries)) != set()


class Keeping:
    """A transport that keeps a copy of every answer: what the product must never do."""

    def __init__(self, inner: Transport, keep: Path) -> None:
        self._inner = inner
        self._keep = keep

    async def exchange(self, *arguments: Any, **more: Any) -> SourceReply:
        """Exchange, and keep."""
        reply = await self._inner.exchange(*arguments, **more)
        with self._keep.open("ab") as file:
            file.write(reply.body)
        return reply

    async def aclose(self) -> None:
        """Close."""
        await self._inner.aclose()


async def _ask_mutant(deployment: Deployment, sandbox: Sandbox) -> None:
    keep = deployment.file.with_name("answers.bin")

    def keeping(_address: str, settings: SourceSettings) -> Transport:
        return Keeping(open_transport(settings), keep)

    with deployment.file.with_name("gateway.log").open("ab") as log:
        async with _client(deployment, Outside(environ={}, log_to=log, make_transport=keeping)) as client:
            for person in sandbox.population.people[:20]:
                variables = _first_record(person.records)
                answer = await client.post("/graphql", json={"query": EVERYTHING, "variables": variables})
                assert answer.json()["data"]


async def _ask_cached(deployment: Deployment, sandbox: Sandbox) -> None:
    """Read everything of everybody twice, the second time from what was kept."""
    query = EVERYTHING.replace("dataQuality {", "sources { state } dataQuality {")
    with deployment.file.with_name("gateway.log").open("ab") as log:
        async with _client(deployment, Outside(environ={}, log_to=log)) as client:
            seen = []
            for person in sandbox.population.people * 2:
                asked = {"query": query, "variables": _first_record(person.records)}
                seen.append((await client.post("/graphql", json=asked)).text)
    assert "CACHED" not in "".join(seen[: len(sandbox.population.people)])
    assert "CACHED" in "".join(seen[len(sandbox.population.people) :])


@asynccontextmanager
async def _client(deployment: Deployment, outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    scopes = deployment.settings.access.classes["agent"].scopes
    token = deployment.issuer.token("agent-1", "agent-desktop", caller_class="agent", scopes=scopes)
    async with build_app(deployment.settings, outside) as app:
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://mutant.test", headers=headers) as client:
            yield client


def _let_everything_through(ask: Ask, sandbox: Sandbox) -> str:
    """Read everything of everybody; gives all that was delivered, in lower case."""
    replies = [ask(EVERYTHING, _first_record(person.records)) for person in sandbox.population.people]
    assert not any(reply.codes for reply in replies), next(reply.text for reply in replies if reply.codes)
    return "\n".join(reply.text for reply in replies).lower()


def _speak(ask: Ask, customer_id: str) -> None:
    """Say something in every way in which something can be said."""
    address = {"street": SPOKEN["street"], "houseNumber": "9", "postcode": "9999 ZZ", "city": "Zwaluwdorp"}
    of = {"customerId": customer_id, "idempotencyKey": "canary"}
    filed = {"subject": SPOKEN["subject"], "description": SPOKEN["description"]}
    noted = {"direction": "INBOUND", "subject": SPOKEN["subject"], "note": SPOKEN["note"]}
    reported = {"field": "party.fullName", "description": SPOKEN["description"]}
    done(act(ask, "changeContactDetails", {**of, "email": SPOKEN["email"], "address": address}), "changeContactDetails")
    done(act(ask, "changeBillingDetails", {**of, "email": SPOKEN["email"], "address": address}), "changeBillingDetails")
    done(act(ask, "fileComplaint", {**of, **filed}), "fileComplaint")
    done(act(ask, "recordInteraction", {**of, **noted}), "recordInteraction")
    done(act(ask, "reportDataError", {**of, **reported}), "reportDataError")
    ask("query W($by: IdentifyInput!) { identify(by: $by) { outcome } }", {"by": {"email": SPOKEN["email"]}})
    ask("query S($t: String!) { searchCustomers(text: $t) { nodes { id } } }", {"t": SPOKEN["street"]})
    ask(f'{{ customer(id: "{SPOKEN["note"]}") {{ id }} }}')  # a mistake, with a value in the document itself


def _first_record(records: Mapping[Any, Any]) -> dict[str, str]:
    source, found = next(iter(records.items()))
    return {"source": source, "recordId": found[0].record_id}


def _open_files_outside(gateway: Gateway) -> list[str]:
    """Give the regular files that the gateway has open for writing anywhere but in its own folder."""
    assert gateway.process is not None
    process = Path("/proc") / str(gateway.process.pid)
    return [
        place for place, flags in _open_files(process) if flags & 0b11 and not place.startswith(str(gateway.folder))
    ]


def _open_files(process: Path) -> Iterator[tuple[str, int]]:
    for link in (process / "fd").iterdir():
        place = link.readlink()
        if place.is_absolute() and place.is_file():
            facts = (process / "fdinfo" / link.name).read_text().splitlines()
            yield str(place), int(next(line.split()[1] for line in facts if line.startswith("flags:")), 8)


def _execute(folder: Path, statement: str, value: object) -> None:
    connection = sqlite3.connect(folder / "klantbeeld.sqlite")
    with connection:
        connection.execute(statement, () if value is None else (value,))
    connection.close()


def _rows(database: Path, table: str) -> int:
    connection = sqlite3.connect(database)
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return int(count)


async def _redis_rows(url: str) -> list[tuple[object, ...]]:
    """Give every key of a server with its value, of whatever type it is."""
    client: Any = redis.asyncio.Redis.from_url(url)
    read = {b"string": client.get, b"stream": client.xrange}
    try:
        return [(key, await read[await client.type(key)](key)) for key in await client.keys("*")]
    finally:
        await client.aclose()


async def _postgresql_rows(url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [
            tuple(row.values()) for (table,) in tables for row in await connection.fetch(f'SELECT * FROM "{table}"')
        ]
    finally:
        await connection.close()
