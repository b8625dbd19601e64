"""Imports of cross references, the same with both databases."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.import_lines import Finding, FindingCode
from klantbeeld.identity.importing import BATCH, MOST_FINDINGS, ImportReport, Progress, import_file
from klantbeeld.identity.links import Reference, Sighting, subject_reference
from klantbeeld.identity.match_keys import MatchKeyKind
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.identity.tables import customers, links, match_keys

Fields = dict[str, object]


def _line(record_id: str, customer: str | None = None, source: str = "crm", **keys: object) -> Fields:
    return {"source": source, "record_id": record_id, "customer": customer, **keys}


def _write(path: Path, lines: Iterable[Mapping[str, object] | bytes]) -> Path:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(raw))
    return path


async def _import(
    identity: StoredIdentityMap, path: Path, *lines: Mapping[str, object] | bytes, **options: object
) -> ImportReport:
    return await import_file(_write(path, lines), identity, decided_by="import:anna", **options)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.jsonl"


def _size(path: Path) -> int:
    return path.stat().st_size


async def _counts(identity: StoredIdentityMap) -> list[int]:
    async with identity.store.read() as connection:
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (customers, links, match_keys)
        ]


@pytest.mark.asyncio
async def test_lines_of_one_customer_key_become_one_customer(identity: StoredIdentityMap, file: Path) -> None:
    report = await _import(
        identity, file, _line("C-1", "P-1"), _line("C-2", "P-2"), _line("cus_1", "P-1", "billing"), _line("C-3")
    )
    assert (report.lines, report.accepted, report.linked, report.customers, report.refused) == (4, 4, 4, 3, 0)
    one = await identity.by_reference("crm", "C-1")
    assert one == await identity.by_reference("billing", "cus_1")
    assert len({one, await identity.by_reference("crm", "C-2"), await identity.by_reference("crm", "C-3")}) == 3


@pytest.mark.asyncio
async def test_an_imported_link_says_who_vouches_for_it(identity: StoredIdentityMap, file: Path) -> None:
    await _import(identity, file, _line("C-1", "P-1"))
    found = await identity.links(str(await identity.by_reference("crm", "C-1")))
    assert found is not None
    [link] = found.links
    assert (link.origin, link.decided_by, link.score, link.evidence) == (
        "IMPORT",
        "import:anna",
        None,
        ("CROSS_REFERENCE",),
    )


@pytest.mark.asyncio
async def test_customers_are_found_by_imported_keys(identity: StoredIdentityMap, file: Path) -> None:
    keys: Fields = {"email": "jan@example.nl", "phone": ["0612345678", "0201234567"], "customer_number": "K-1"}
    address: Fields = {"postcode": "1234 AB", "house_number": 12, "birth_date": "1980-01-31"}
    await _import(identity, file, {**_line("C-1", "P-1"), **keys, **address})
    expected = (await identity.by_reference("crm", "C-1"),)
    assert await identity.by_match_key(MatchKeyKind.EMAIL, "JAN@example.nl") == expected
    assert await identity.by_match_key(MatchKeyKind.PHONE, "020-1234567") == expected
    assert await identity.by_match_key(MatchKeyKind.CUSTOMER_NUMBER, "k1") == expected
    assert await identity.by_match_key(MatchKeyKind.ADDRESS_BIRTH_DATE, "1234ab|12-A|31-01-1980") == expected


@pytest.mark.asyncio
async def test_importing_again_changes_nothing(identity: StoredIdentityMap, file: Path) -> None:
    lines = [_line("C-1", "P-1", email="jan@example.nl"), _line("cus_1", "P-1", "billing"), _line("C-2")]
    await _import(identity, file, *lines)
    before = await _counts(identity)
    report = await _import(identity, file, *lines)
    assert (report.accepted, report.linked, report.customers) == (3, 0, 0)
    assert await _counts(identity) == before


@pytest.mark.asyncio
async def test_a_later_file_of_the_same_namespace_adds_to_the_same_customers(
    identity: StoredIdentityMap, file: Path
) -> None:
    await _import(identity, file, _line("C-1", "P-1"))
    await _import(identity, file.with_name("later.jsonl"), _line("cus_1", "P-1", "billing"), namespace="known.jsonl")
    assert await identity.by_reference("billing", "cus_1") == await identity.by_reference("crm", "C-1")


@pytest.mark.asyncio
async def test_the_same_customer_key_in_another_file_is_another_customer(
    identity: StoredIdentityMap, file: Path
) -> None:
    await _import(identity, file, _line("C-1", "1"))
    await _import(identity, file.with_name("other.jsonl"), _line("cus_1", "1", "billing"))
    assert await identity.by_reference("billing", "cus_1") != await identity.by_reference("crm", "C-1")


@pytest.mark.asyncio
async def test_a_customer_key_joins_the_customer_that_first_sight_made(identity: StoredIdentityMap, file: Path) -> None:
    customer_id = await identity.first_sight("crm", "C-1")
    await _import(identity, file, _line("C-1", "P-1"), _line("cus_1", "P-1", "billing"))
    assert await identity.by_reference("billing", "cus_1") == customer_id


@pytest.mark.asyncio
async def test_a_record_of_another_customer_is_refused_as_a_conflict_and_its_keys_with_it(
    identity: StoredIdentityMap, file: Path
) -> None:
    other = await identity.first_sight("billing", "cus_1")
    report = await _import(
        identity,
        file,
        _line("C-1", "P-1"),
        _line("cus_1", "P-1", "billing", email="canary@example.nl", phone="canary"),
        _line("Z-1", "P-1", "complaints"),
    )
    assert [(each.line, each.code) for each in report.findings] == [(2, FindingCode.CONFLICT)]
    assert (report.accepted, report.refused, report.by_code) == (2, 1, {FindingCode.CONFLICT: 1})
    assert await identity.by_reference("billing", "cus_1") == other
    assert await identity.by_match_key(MatchKeyKind.EMAIL, "canary@example.nl") == ()
    assert await identity.by_reference("complaints", "Z-1") == await identity.by_reference("crm", "C-1")


@pytest.mark.asyncio
async def test_a_record_twice_in_a_file_under_two_customer_keys_is_a_conflict(
    identity: StoredIdentityMap, file: Path
) -> None:
    report = await _import(identity, file, _line("C-1", "P-1"), _line("C-2", "P-2"), _line("C-1", "P-2"))
    assert [(each.line, each.code) for each in report.findings] == [(3, FindingCode.CONFLICT)]


@pytest.mark.asyncio
async def test_corrupted_lines_are_refused_by_number_and_the_rest_goes_in(
    identity: StoredIdentityMap, file: Path
) -> None:
    lines: list[Fields | bytes] = [_line("C-1"), b"\xff\xfe", _line("C-2"), b"{", _line("", "P-1"), _line("C-3")]
    report = await _import(identity, file, *lines)
    assert [(each.line, each.code) for each in report.findings] == [
        (2, FindingCode.NOT_UTF8),
        (4, FindingCode.NOT_JSON),
        (5, FindingCode.FIELD_INVALID),
    ]
    assert (report.lines, report.accepted, report.refused) == (6, 3, 3)
    assert len(await identity.by_references([("crm", f"C-{n}") for n in (1, 2, 3)])) == 3


@pytest.mark.asyncio
async def test_a_value_that_cannot_be_a_key_is_reported_and_the_link_goes_in(
    identity: StoredIdentityMap, file: Path
) -> None:
    report = await _import(identity, file, _line("C-1", phone="canary", email="jan@example.nl"))
    [finding] = report.findings
    assert (finding.line, finding.code, report.refused) == (1, FindingCode.KEY_UNUSABLE, 0)
    assert "PHONE" in finding.why
    assert "canary" not in finding.why
    assert len(await identity.by_match_key(MatchKeyKind.EMAIL, "jan@example.nl")) == 1


@pytest.mark.asyncio
async def test_a_source_that_is_not_configured_is_refused_and_a_tokens_subject_is_not(
    identity: StoredIdentityMap, file: Path
) -> None:
    subject = subject_reference("https://login.example", "7")
    lines = [_line("C-1", "P-1"), _line("1", "P-1", "nowhere"), _line(subject.record_id, "P-1", subject.source)]
    report = await _import(identity, file, *lines, sources={"crm"})
    assert [(each.line, each.code) for each in report.findings] == [(2, FindingCode.SOURCE_UNKNOWN)]
    assert await identity.by_reference(*subject) == await identity.by_reference("crm", "C-1")


@pytest.mark.asyncio
async def test_an_import_of_several_batches_tells_its_progress(identity: StoredIdentityMap, file: Path) -> None:
    told: list[Progress] = []
    number = 2 * BATCH + 10
    report = await _import(
        identity, file, *(_line(f"C-{n}", f"P-{n // 3}") for n in range(number)), progress=told.append
    )
    assert [each.lines for each in told] == [BATCH, 2 * BATCH, number]
    assert told[-1] == Progress(number, number, 0, _size(file))
    assert (report.accepted, report.customers) == (number, (number + 2) // 3)


@pytest.mark.asyncio
async def test_every_finding_is_told_and_the_report_keeps_a_bounded_number(
    identity: StoredIdentityMap, file: Path
) -> None:
    told: list[Finding] = []
    number = MOST_FINDINGS + 500
    report = await _import(identity, file, *([b"{"] * number), found=told.append)
    assert [each.line for each in told] == list(range(1, number + 1))
    assert (len(report.findings), report.by_code) == (MOST_FINDINGS, {FindingCode.NOT_JSON: number})


@pytest.mark.asyncio
async def test_csv_goes_in_like_json_lines(identity: StoredIdentityMap, tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text("customer;source;record_id;email\nP-1;crm;C-1;jan@example.nl\nP-1;billing;cus_1;\n")
    report = await import_file(path, identity, decided_by="import:anna")
    assert (report.accepted, report.customers) == (2, 1)
    assert len(await identity.by_match_key(MatchKeyKind.EMAIL, "jan@example.nl")) == 1


@pytest.mark.asyncio
async def test_an_import_after_a_rotation_hashes_anew_and_still_knows_the_customers(
    identity: StoredIdentityMap, ring: KeyRing, file: Path
) -> None:
    line = _line("C-1", "P-1", email="jan@example.nl")
    await _import(identity, file, line)
    rotated = StoredIdentityMap(identity.store, KeyRing(b"n" * 32, 2, ring.current))
    await _import(rotated, file, _line("cus_1", "P-1", "billing"), line)
    assert await rotated.keys_by_version() == {2: 2}
    assert await rotated.by_reference("billing", "cus_1") == await rotated.by_reference("crm", "C-1")


@pytest.mark.asyncio
async def test_keys_of_a_customer_key_are_no_match_keys_of_anybody(identity: StoredIdentityMap, file: Path) -> None:
    await _import(identity, file, _line("C-1", "P-1"))
    assert await identity.by_match_key(MatchKeyKind.CUSTOMER_NUMBER, "P-1") == ()


@pytest.mark.asyncio
async def test_a_file_that_is_not_there_is_a_configuration_error(identity: StoredIdentityMap, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        await import_file(tmp_path / "missing.jsonl", identity, decided_by="import:anna")


@pytest.mark.asyncio
async def test_two_replicas_may_import_and_see_the_same_record(identity: StoredIdentityMap, file: Path) -> None:
    await _import(identity, file, _line("C-1", "P-1"))
    seen = await identity.first_sights([Sighting("crm", "C-1")])
    assert seen == {Reference("crm", "C-1"): await identity.by_reference("crm", "C-1")}
