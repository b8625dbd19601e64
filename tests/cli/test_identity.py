"""`klantbeeld identity import` and `lookup`."""

import json
from pathlib import Path

from .conftest import Klantbeeld

LINES = """\
{"customer": "P-1", "source": "dataverse", "record_id": "a", "email": "canary@example.nl"}
{"customer": "P-1", "source": "stripe", "record_id": "cus_1"}
{"customer": "P-1", "source": "stripes", "record_id": "cus_2"}
not json, canary
"""


def known(tmp_path: Path) -> Path:
    path = tmp_path / "known.jsonl"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_refused_lines_are_listed_with_their_numbers_and_the_rest_goes_in(
    klantbeeld: Klantbeeld, file: Path, tmp_path: Path
) -> None:
    done = klantbeeld("identity", "import", known(tmp_path), "--decided-by", "me", "-c", file)
    assert done.code == 1
    assert "3\tSOURCE_UNKNOWN\tThe line names a source that is not configured." in done.out
    assert "4\tNOT_JSON\tThe line is not a JSON object." in done.out
    assert "4 lines: 2 in the map (2 new links, 1 new customers), 2 refused." in done.out
    assert "canary" not in done.out + done.err


def test_an_import_may_be_repeated(klantbeeld: Klantbeeld, file: Path, tmp_path: Path) -> None:
    klantbeeld("identity", "import", known(tmp_path), "--decided-by", "me", "-c", file)
    done = klantbeeld("identity", "import", known(tmp_path), "--decided-by", "me", "-c", file)
    assert "2 in the map (0 new links, 0 new customers)" in done.out


def test_a_report_holds_everything_that_was_wrong_and_no_value(
    klantbeeld: Klantbeeld, file: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.jsonl"
    klantbeeld("identity", "import", known(tmp_path), "--decided-by", "me", "-c", file, "--report", report)
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert [(line["line"], line["code"]) for line in lines] == [(3, "SOURCE_UNKNOWN"), (4, "NOT_JSON")]
    assert "canary" not in report.read_text(encoding="utf-8")


def test_a_file_that_is_not_there_leaves_with_2(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("identity", "import", "none.csv", "--decided-by", "me", "-c", file)
    assert done.code == 2
    assert "none.csv: there is no such file" in done.err


def test_a_record_leads_to_its_customer_and_all_links(klantbeeld: Klantbeeld, file: Path, tmp_path: Path) -> None:
    klantbeeld("identity", "import", known(tmp_path), "--decided-by", "me", "-c", file)
    done = klantbeeld("identity", "lookup", "stripe", "cus_1", "-c", file)
    assert done.code == 0
    assert done.out.startswith("Customer 0")
    assert [line.split()[:2] for line in done.out.splitlines()[2:]] == [["dataverse", "a"], ["stripe", "cus_1"]]


def test_a_record_of_nobody_leaves_with_1(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("identity", "lookup", "stripe", "cus_9", "-c", file)
    assert (done.code, done.out) == (1, "")
    assert "No customer has the record cus_9" in done.err


def test_a_source_that_is_not_configured_leaves_with_2(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("identity", "lookup", "strip", "cus_9", "-c", file)
    assert done.code == 2
    assert "Sources are: dataverse" in done.err
