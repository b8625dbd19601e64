"""Part 5. The identity map: lookup, import with a report, two databases, and match keys that are keyed hashes."""

import json
import sqlite3
from pathlib import Path

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask, Deployment, Gateway, command, deploy, free_port, running

KEY = "fatima-el-amrani"
OF = "query Of($s: String!, $r: String!) { customerByReference(source: $s, recordId: $r) { id } }"
GOOD = '{"customer": "N-1", "source": "zendesk", "record_id": "91%d", "email": "nieuw%d@example.com"}'


def owner(ask: Ask, source: str, record_id: str) -> str | None:
    """Find whose record it is."""
    found = ask(OF, {"s": source, "r": record_id}).data["customerByReference"]
    return found and str(found["id"])


@pytest.mark.feature("2.5", "Lookup by id, by reference of every system, and by match key lead to one customer")
def test_every_lookup_leads_to_one_customer(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    person = sandbox.population.member(KEY).persons[0]
    found = {owner(ask, source, records[0].record_id) for source, records in person.records.items()}
    who = "query W($by: IdentifyInput!) { identify(by: $by) { customer { id } } }"
    for by in ({"phone": "0612345603"}, {"email": "f.elamrani@example.nl"}, {"customerNumber": "K100003"}):
        found.add(ask(who, {"by": by}).data["identify"]["customer"]["id"])
    found.add(ask("query C($id: ID!) { customer(id: $id) { id } }", {"id": ids[KEY]}).data["customer"]["id"])
    assert found == {ids[KEY]}


@pytest.mark.feature("2.5", "Import of cross references from JSON lines, with a report of what was refused and why")
@pytest.mark.feature("2 bad input", "A corrupted import line is refused and reported with its number, the rest goes in")
def test_corrupted_lines_are_reported_and_the_rest_goes_in(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    file, report = tmp_path / "references.jsonl", tmp_path / "report.jsonl"
    lines = [
        GOOD % (1, 1),
        '{"customer": "N-2", "source": "zend',
        GOOD % (2, 2),
        '{"source": "nowhere", "record_id": "1"}',
    ]
    file.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n" + (GOOD % (3, 3)).encode() + b"\n")
    given = ("--decided-by", "steward", "--report", report, "--config", deployment.file)
    ran = command("identity", "import", file, *given)
    assert ran.returncode == 1
    found = {entry["line"]: entry["code"] for entry in map(json.loads, report.read_text("utf-8").splitlines())}
    assert found == {2: "NOT_JSON", 4: "SOURCE_UNKNOWN", 5: "NOT_UTF8"}
    assert "3 in the map" in ran.stdout
    assert "example.com" not in ran.stdout + ran.stderr + report.read_text("utf-8")
    new = {owner(ask, "zendesk", record_id) for record_id in ("911", "912", "913")}
    assert len(new) == 1
    assert None not in new


@pytest.mark.feature("2.5", "Import of cross references from CSV")
def test_csv_is_imported(ask: Ask, deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "references.csv"
    file.write_text(
        "customer;source;record_id;phone\nC-1;stripe;cus_csv;06-87650001\nC-1;zendesk;9201\n", encoding="utf-8"
    )
    ran = command("identity", "import", file, "--decided-by", "steward", "--config", deployment.file)
    assert ran.returncode in {0, 1}
    assert owner(ask, "stripe", "cus_csv") is not None


@pytest.mark.feature("2.5", "An import again changes nothing")
def test_an_import_again_changes_nothing(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "again.jsonl"
    file.write_text(GOOD % (7, 7) + "\n", encoding="utf-8")
    given = (file, "--decided-by", "steward", "--config", deployment.file)
    first, again = (command("identity", "import", *given) for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0)
    assert "0 new links" in again.stdout


@pytest.mark.feature("2.5", "Match keys only as keyed hashes")
def test_match_keys_are_kept_as_keyed_hashes_alone(
    deployment: Deployment, servers: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = deploy(tmp_path_factory.mktemp("other-key"), servers)
    kept = [_hashes(one) for one in (deployment, other)]
    assert all(len(hashes) > 100 for hashes in kept)
    assert kept[0].isdisjoint(kept[1])  # the same people under another key


@pytest.mark.feature("2.5", "PostgreSQL with the same tables, migrated by the same steps")
def test_the_gateway_runs_on_postgresql(
    servers: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_database: str,
    *,
    http: httpx.Client,
    call_view: str,
    sandbox: Sandbox,
) -> None:
    folder = tmp_path_factory.mktemp("postgresql")
    lite = f"sqlite:///{folder.resolve().as_posix()}/klantbeeld.sqlite"
    deployment = deploy(folder, servers, change=lambda text: text.replace(lite, postgresql_database))
    with running(Gateway(deployment.file, free_port())) as gateway:
        ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
        data = ask(call_view, {"id": deployment.customers[KEY]}).data
        assert data["customer"]["party"]["fullName"] == "Fatima El Amrani"
        assert {one["state"] for one in data["customer"]["sources"]} == {"OK"}
    assert not (folder / "klantbeeld.sqlite").exists()


def _hashes(deployment: Deployment) -> set[bytes]:
    connection = sqlite3.connect(deployment.file.with_name("klantbeeld.sqlite"))
    try:
        rows = connection.execute("SELECT * FROM match_keys").fetchall()
    finally:
        connection.close()
    return {value for row in rows for value in row if isinstance(value, bytes)}
