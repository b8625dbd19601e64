"""What rights release, and what makes two of them the same."""

from dataclasses import replace

import pytest

from klantbeeld.access.rights import Rights

AGENT = Rights(
    audience="https://klantbeeld.invalid",
    caller_class="agent",
    scopes=frozenset({"crm:read", "billing:read"}),
    purpose="service",
    served=frozenset({"crm:read", "complaints:read"}),
    categories=frozenset({"REGISTRATION", "CUSTOM"}),
    sensitivities=frozenset({"ORDINARY", "SPECIAL"}),
    is_partner=False,
    policy_version="1",
)
PARTNER = replace(AGENT, caller_class="partner", is_partner=True)

RELEASES = [
    (AGENT, "crm:read", "CUSTOM", "ORDINARY", None),
    (AGENT, "complaints:read", "CUSTOM", "ORDINARY", "SCOPE_MISSING"),
    (AGENT, "billing:read", "CUSTOM", "ORDINARY", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "crm:read", "SOCIAL", "ORDINARY", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "crm:read", "CUSTOM", "FINANCIAL", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "crm:read", "CUSTOM", "SPECIAL", None),
    (AGENT, "crm:read", "CUSTOM", "NATIONAL_NUMBER", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "crm:read", "CUSTOM", "UNHEARD_OF", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "crm:read", "UNHEARD_OF", "ORDINARY", "PURPOSE_NOT_ALLOWED"),
    (AGENT, "", "CUSTOM", "ORDINARY", "SCOPE_MISSING"),
    (PARTNER, "crm:read", "CUSTOM", "ORDINARY", None),
    (PARTNER, "crm:read", "CUSTOM", "SPECIAL", "NEVER_RELEASED"),
    (PARTNER, "crm:read", "CUSTOM", "NATIONAL_NUMBER", "NEVER_RELEASED"),
    (PARTNER, "complaints:read", "CUSTOM", "SPECIAL", "NEVER_RELEASED"),
]


@pytest.mark.parametrize(("rights", "scope", "category", "sensitivity", "expected"), RELEASES)
def test_a_field_needs_its_scope_and_a_purpose_that_it_serves(
    rights: Rights, scope: str, category: str, sensitivity: str, expected: str | None
) -> None:
    assert rights.refusal(scope, category=category, sensitivity=sensitivity) == expected


def test_the_order_of_scopes_does_not_change_the_fingerprint() -> None:
    other = replace(AGENT, scopes=frozenset(sorted(AGENT.scopes, reverse=True)))
    assert other.fingerprint == AGENT.fingerprint
    assert len(AGENT.fingerprint) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "x"},
        {"caller_class": "app"},
        {"scopes": frozenset({"crm:read"})},
        {"purpose": "advice"},
        {"served": frozenset({"crm:read"})},
        {"categories": frozenset({"CUSTOM"})},
        {"sensitivities": frozenset({"ORDINARY"})},
        {"is_partner": True},
        {"policy_version": "2"},
    ],
)
def test_every_part_of_rights_changes_the_fingerprint(changes: dict[str, str]) -> None:
    assert replace(AGENT, **changes).fingerprint != AGENT.fingerprint  # type: ignore[arg-type]  # one of many types


def test_words_cannot_be_cut_so_that_two_rights_look_the_same() -> None:
    one = replace(AGENT, caller_class="a', 'b", purpose="c")
    other = replace(AGENT, caller_class="a", purpose="b', 'c")
    assert one.fingerprint != other.fingerprint


def test_narrowing_takes_scopes_away_and_adds_none() -> None:
    narrow = AGENT.narrowed(frozenset({"crm:read", "marketing:read"}))
    assert narrow.scopes == {"crm:read"}
    assert narrow.fingerprint != AGENT.fingerprint
