"""Blind indexes."""

import base64
import hmac

import pytest
from pydantic import SecretStr

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.blind_index import KeyRing, load_key_ring
from klantbeeld.settings import IdentitySettings, Secret

OLD, NEW = b"o" * 32, b"n" * 32


def _load(current: str, previous: str | None = None) -> KeyRing:
    settings = IdentitySettings(
        match_key=Secret(env="CURRENT"),
        match_key_version=4,
        previous_match_key=Secret(env="PREVIOUS") if previous is not None else None,
    )
    given = {"CURRENT": current, "PREVIOUS": previous or ""}
    return load_key_ring(settings, lambda secret, _: SecretStr(given[str(secret.env)]))


def test_a_hash_is_an_hmac_of_kind_and_value() -> None:
    expected = hmac.new(NEW, b"EMAIL\0jan@example.nl", "sha256").digest()
    assert KeyRing(NEW, 1).hash("EMAIL", "jan@example.nl") == expected


def test_equal_values_of_two_kinds_have_different_hashes() -> None:
    ring = KeyRing(NEW, 1)
    assert ring.hash("PHONE", "1") != ring.hash("CUSTOMER_NUMBER", "1")


def test_a_value_is_looked_up_under_both_keys() -> None:
    ring = KeyRing(NEW, 2, OLD)
    assert ring.hashes("EMAIL", "x") == (KeyRing(NEW, 2).hash("EMAIL", "x"), KeyRing(OLD, 1).hash("EMAIL", "x"))


def test_without_a_previous_key_there_is_one_hash() -> None:
    assert len(KeyRing(NEW, 1).hashes("EMAIL", "x")) == 1


def test_keys_are_not_printed() -> None:
    assert "nnn" not in repr(KeyRing(NEW, 2, OLD))
    assert "ooo" not in repr(KeyRing(NEW, 2, OLD))


def test_keys_are_read_from_where_the_settings_say() -> None:
    ring = _load(base64.b64encode(NEW).decode(), base64.b64encode(OLD).decode())
    assert ring == KeyRing(NEW, 4, OLD)


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"short").decode(), ""])
def test_a_key_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(text)
    assert caught.value.where == "identity.match_key"
    assert not text or text not in str(caught.value)


def test_a_previous_key_that_is_the_current_one_is_refused() -> None:
    key = base64.b64encode(NEW).decode()
    with pytest.raises(ConfigurationError, match=r"identity\.previous_match_key"):
        _load(key, key)
