"""Part 6. marketingEligibility: it fails closed, each blocker has evidence and a setting, and a bulk form."""

import json
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import EligibilitySettings

from .acting import act, done
from .running import Ask, Gateway, command

DAAN = "daan-van-dijk"
MAY = """
query May($id: ID!, $channel: Channel!) {
  customer(id: $id) {
    marketingEligibility(channel: $channel) { allowed blockers { code message source evidence { __typename id } } }
  }
}
"""
BLOCKED = [
    ("fatima-el-amrani", "EMAIL", "CONSENT_WITHDRAWN", "Consent"),
    ("fatima-el-amrani", "EMAIL", "OPTED_OUT", "Preference"),
    ("sanne-de-wit", "EMAIL", "OPEN_COMPLAINT", "Complaint"),
    ("sanne-de-wit", "EMAIL", "REPEATED_COMPLAINTS", "Complaint"),
    ("mila-hendriks", "EMAIL", "OVERDUE_INVOICE", "Invoice"),
    ("hendrik-smit", "EMAIL", "DECEASED", "Party"),
    ("pieter-junior", "EMAIL", "MINOR", "Party"),
]


def judged(ask: Ask, customer_id: str, channel: str = "EMAIL") -> Any:
    """Ask with the right to see all evidence."""
    return ask(MAY, {"id": customer_id, "channel": channel}).data["customer"]["marketingEligibility"]


@pytest.mark.feature("2.6", "marketingEligibility: each blocker has evidence")
@pytest.mark.parametrize(("key", "channel", "code", "kind"), BLOCKED)
def test_each_blocker_shows_its_evidence(
    key: str, channel: str, code: str, kind: str, *, ask: Ask, ids: dict[str, str]
) -> None:
    judgement = judged(ask, ids[key], channel)
    assert judgement["allowed"] is False
    (blocker,) = [one for one in judgement["blockers"] if one["code"] == code]
    assert kind in {record["__typename"] for record in blocker["evidence"]}
    assert blocker["message"]


@pytest.mark.feature("2.6", "marketingEligibility: no consent blocks")
def test_a_channel_without_consent_is_blocked(ask: Ask, ids: dict[str, str]) -> None:
    assert [one["code"] for one in judged(ask, ids[DAAN], "SMS")["blockers"]] == ["NO_CONSENT"]


@pytest.mark.feature("2.6", "marketingEligibility: each blocker has a setting")
def test_each_blocker_has_a_setting() -> None:
    assert set(EligibilitySettings.model_fields) >= {
        "purpose",
        "opt_out_topics",
        "open_complaints",
        "repeated_complaints",
        "repeated_days",
        "overdue_days",
        "adult_age",
    }


@pytest.mark.feature("2.6", "marketingEligibility fails closed: every needed source that does not answer blocks")
@pytest.mark.parametrize("system", SYSTEMS)
def test_it_fails_closed_without_any_of_the_systems(
    system: System, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    assert judged(ask, ids[DAAN])["allowed"] is True
    sandbox.stop(system)
    judgement = judged(ask, ids[DAAN])
    assert judgement["allowed"] is False
    assert {(one["code"], one["source"]) for one in judgement["blockers"]} == {("SOURCE_MISSING", system)}


@pytest.mark.feature("2.6", "marketingEligibility follows a withdrawal at the next question")
def test_a_withdrawal_counts_at_the_next_question(ask: Ask, ids: dict[str, str]) -> None:
    assert judged(ask, ids[DAAN])["allowed"] is True
    given = {"customerId": ids[DAAN], "purpose": "marketing", "consentChannel": "EMAIL"}
    done(act(ask, "withdrawConsent", given, who=DAAN), "withdrawConsent")
    assert "CONSENT_WITHDRAWN" in {one["code"] for one in judged(ask, ids[DAAN])["blockers"]}


@pytest.mark.feature("2.6", "marketingEligibilities: up to 500 ids that the caller already has")
def test_the_bulk_form_judges_many(ask: Ask, ids: dict[str, str]) -> None:
    document = """query Many($ids: [ID!]!) {
        marketingEligibilities(customers: $ids, channel: EMAIL) { allowed blockers { code } } }"""
    asked = [ids[DAAN], "01900000-0000-7000-8000-000000000000", ids["sanne-de-wit"]]
    found = ask(document, {"ids": asked}, purpose="marketing").data["marketingEligibilities"]
    assert [one and one["allowed"] for one in found] == [True, None, False]
    too_many = ask(document, {"ids": [ids[DAAN]] * 501}, purpose="marketing")
    assert too_many.errors == {"marketingEligibilities": ("TOO_MANY_IDS", None)}


@pytest.mark.feature("2.6", "klantbeeld eligibility FILE streams a recipient list and keeps nothing of it")
def test_the_command_judges_a_list(ask: Ask, ids: dict[str, str], tmp_path: Path, gateway: Gateway) -> None:
    recipients = tmp_path / "recipients.csv"
    keys = [DAAN, "sanne-de-wit", "hendrik-smit"]
    recipients.write_text("customer\n" + "".join(f"{ids[key]}\n" for key in keys) + "nobody\n", encoding="utf-8")
    before = sorted(gateway.folder.rglob("*"))
    ran = command(
        *("eligibility", recipients, "--channel", "email", "--url", ask.url, "--purpose", "marketing"),
        environ={"KLANTBEELD_TOKEN": ask.token("agent")},
    )
    verdicts = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(one["line"], one["allowed"]) for one in verdicts] == [(2, True), (3, False), (4, False), (5, False)]
    assert verdicts[3]["code"]
    assert ran.returncode == 1  # a line could not be judged
    assert sorted(gateway.folder.rglob("*")) == before
