"""Which access settings do not start."""

from typing import Any

import pytest
from pydantic import ValidationError

from klantbeeld.access.defaults import default_access
from klantbeeld.settings import AccessSettings

ISSUER = {"issuer": "https://i.invalid", "audience": "a", "jwks_uri": "https://i.invalid/jwks", "classes": ["agent"]}


def with_issuers(*issuers: dict[str, Any]) -> AccessSettings:
    return AccessSettings.model_validate(default_access().model_dump() | {"issuers": issuers})


def test_a_good_issuer_is_accepted() -> None:
    assert with_issuers(ISSUER).issuers[0].algorithms == ("RS256", "ES256", "PS256", "EdDSA")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000/jwks", "http://localhost/jwks", "http://[::1]:1/jwks"])
def test_keys_may_come_in_the_clear_from_this_machine_alone(address: str) -> None:
    assert with_issuers(ISSUER | {"jwks_uri": address}).issuers[0].jwks_uri == address


WRONG: dict[str, dict[str, Any]] = {
    "keys in the clear": {"jwks_uri": "http://i.invalid/jwks"},
    "keys from a name that only looks local": {"jwks_uri": "http://127.0.0.1.evil.invalid/"},
    "keys from two places": {"jwks_file": "keys.json"},
    "keys from nowhere": {"jwks_uri": None},
    "a shared secret": {"algorithms": ["HS256"]},
    "no signature": {"algorithms": ["none"]},
    "no algorithm": {"algorithms": []},
    "no class": {"classes": []},
    "an unknown class": {"classes": ["admin"]},
    "a leeway of an hour": {"leeway": 3600},
    "no audience": {"audience": ""},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_an_issuer_that_nobody_should_trust_does_not_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        with_issuers(ISSUER | changes)


def test_an_issuer_is_named_once() -> None:
    with pytest.raises(ValidationError, match="twice"):
        with_issuers(ISSUER, ISSUER)


def test_a_class_has_no_purpose_that_is_not_described() -> None:
    access = default_access().model_dump()
    del access["purposes"]["advice"]
    with pytest.raises(ValidationError, match="advice"):
        AccessSettings.model_validate(access)
