"""From a token to a caller."""

from dataclasses import replace

import pytest

from klantbeeld.access.defaults import SCOPES, default_access
from klantbeeld.access.policy import Policy
from klantbeeld.access.tokens import AccessToken
from klantbeeld.errors import Forbidden
from klantbeeld.settings import AccessSettings

ACCESS = default_access()
TOKEN = AccessToken(
    issuer="https://issuer.invalid",
    audience="https://klantbeeld.invalid",
    subject="agent-7",
    client_id="desktop",
    token_id="1",
    scopes=frozenset(SCOPES),
    purposes=None,
    caller_class="agent",
    expires_at=1_800_000_000.0,
)


@pytest.fixture
def policy() -> Policy:
    return Policy(ACCESS)


def refusal(policy: Policy, token: AccessToken, purpose: str | None = None) -> str:
    with pytest.raises(Forbidden) as caught:
        policy.caller(token, purpose=purpose)
    assert caught.value.status == 403
    return caught.value.reason


def test_a_caller_has_what_its_class_and_its_token_both_have(policy: Policy) -> None:
    caller = policy.caller(replace(TOKEN, caller_class="partner", scopes=frozenset({"crm:read", "complaints:read"})))
    assert caller.rights.scopes == {"crm:read"}
    assert (caller.rows, caller.rights.is_partner, caller.deadline_seconds) == ("granted", True, 5.0)
    assert (caller.subject, caller.client_id, caller.expires_at) == ("agent-7", "desktop", 1_800_000_000.0)


def test_the_first_purpose_of_the_class_is_the_default(policy: Policy) -> None:
    assert policy.caller(TOKEN).rights.purpose == "service"


def test_the_default_is_one_that_the_token_allows(policy: Policy) -> None:
    limited = replace(TOKEN, purposes=frozenset({"collections", "marketing"}))
    assert policy.caller(limited).rights.purpose == "collections"


def test_the_caller_chooses_among_the_purposes_of_its_class(policy: Policy) -> None:
    assert policy.caller(TOKEN, purpose="advice").rights.purpose == "advice"


@pytest.mark.parametrize("purpose", ["offers", "", "Service", "unheard of"])
def test_another_purpose_than_the_classs_is_refused(policy: Policy, purpose: str) -> None:
    assert refusal(policy, TOKEN, purpose) == "PURPOSE_NOT_ALLOWED"


def test_a_purpose_that_the_token_does_not_carry_is_refused(policy: Policy) -> None:
    assert refusal(policy, replace(TOKEN, purposes=frozenset({"advice"})), "service") == "PURPOSE_NOT_ALLOWED"


def test_a_token_whose_purposes_are_not_the_classs_is_refused(policy: Policy) -> None:
    assert refusal(policy, replace(TOKEN, purposes=frozenset({"offers"}))) == "PURPOSE_NOT_ALLOWED"
    assert refusal(policy, replace(TOKEN, purposes=frozenset())) == "PURPOSE_NOT_ALLOWED"


@pytest.mark.parametrize("name", [None, "admin"])
def test_a_token_without_a_class_that_is_known_is_refused(policy: Policy, name: str | None) -> None:
    assert refusal(policy, replace(TOKEN, caller_class=name)) == "CALLER_CLASS_UNKNOWN"


def test_many_tokens_share_one_rights(policy: Policy) -> None:
    first = policy.caller(TOKEN)
    second = policy.caller(replace(TOKEN, subject="agent-8", token_id="2", scopes=frozenset(reversed(SCOPES))))
    assert second.rights is first.rights


def test_replicas_with_the_same_settings_have_the_same_version() -> None:
    again = AccessSettings.model_validate(ACCESS.model_dump())
    assert Policy(again).caller(TOKEN).rights.fingerprint == Policy(ACCESS).caller(TOKEN).rights.fingerprint


def test_other_rules_are_another_version() -> None:
    stricter = ACCESS.model_copy(update={"purposes": {**ACCESS.purposes, "service": ACCESS.purposes["advice"]}})
    assert Policy(stricter).version != Policy(ACCESS).version


def test_marketing_may_ask_for_eligibility_and_not_for_complaints(policy: Policy) -> None:
    rights = policy.caller(TOKEN, purpose="marketing").rights
    assert rights.refusal("eligibility:read", category="CUSTOM", sensitivity="ORDINARY") is None
    assert rights.refusal("complaints:read", category="CUSTOM", sensitivity="ORDINARY") == "PURPOSE_NOT_ALLOWED"


def test_the_default_classes_ask_for_no_scope_that_is_not_listed() -> None:
    named = {scope for client in ACCESS.classes.values() for scope in client.scopes}
    assert named | {scope for purpose in ACCESS.purposes.values() for scope in purpose.scopes} == set(SCOPES)


def test_no_default_class_of_the_outside_searches_or_writes_to_billing_as_a_partner() -> None:
    assert {scope for scope in ACCESS.classes["partner"].scopes if scope.endswith((":write", ":search"))} == set()
    assert "identity:search" not in ACCESS.classes["app"].scopes
