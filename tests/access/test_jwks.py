"""Which keys of an issuer are believed."""

import json
from base64 import urlsafe_b64encode
from math import prod
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from klantbeeld.access.jwks import MAX_BYTES, MAX_KEYS, read_key_set
from klantbeeld.errors import IssuerError


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def public(key: Any, **members: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": "1", **members}


EC = ECKey.generate_key("P-256")
RSA = RSAKey.generate_key(2048)
ED = OKPKey.generate_key("Ed25519")


def test_a_key_without_alg_may_be_used_with_the_algorithms_of_its_type() -> None:
    keys = read_key_set(key_set(public(EC, kid="ec"), public(RSA, kid="rsa"), public(ED, kid="ed")))
    assert keys["ec"].algorithms == {"ES256"}
    assert keys["rsa"].algorithms == {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    assert keys["ed"].algorithms == {"EdDSA", "Ed25519"}


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_the_old_and_the_new_name_of_ed25519_are_one(name: str) -> None:
    assert read_key_set(key_set(public(ED, alg=name)))["1"].algorithms == {"EdDSA", "Ed25519"}


def test_a_key_with_alg_is_used_with_that_alone() -> None:
    assert read_key_set(key_set(public(RSA, alg="PS256")))["1"].algorithms == {"PS256"}


LEFT_OUT: dict[str, dict[str, Any]] = {
    "without an id": public(EC) | {"kid": None},
    "with an id that is no string": public(EC, kid=1),
    "for encryption": public(EC, use="enc"),
    "for other operations": public(EC, key_ops=["encrypt"]),
    "with operations that are no list": public(EC, key_ops="verify"),
    "with another type's algorithm": public(EC, alg="RS256"),
    "with another curve's algorithm": public(EC, alg="ES384"),
    "with an algorithm that is no string": public(EC, alg=["ES256"]),
    "with an unknown algorithm": public(EC, alg="ES521"),
    "of an unknown type": {"kty": "AKP", "kid": "1", "pub": "AA"},
    "of a type that is no string": {"kty": ["EC"], "kid": "1"},
    "on the curve of Bitcoin": public(ECKey.generate_key("secp256k1")),
    "for key agreement": public(OKPKey.generate_key("X25519")),
    "off its curve": public(EC, y=public(EC)["x"]),
    "without its coordinates": {"kty": "EC", "crv": "P-256", "kid": "1"},
    "with an exponent of one": public(RSA, e="AQ"),
    "with a modulus that is no base64": public(RSA, n="%%%"),
}


@pytest.mark.parametrize("key", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_key_that_cannot_verify_is_left_out_and_the_others_stay(key: dict[str, Any]) -> None:
    assert set(read_key_set(key_set(key, public(EC, kid="good")))) == {"good"}


def test_an_rsa_key_that_is_too_short_is_left_out() -> None:
    with pytest.warns(Warning, match="2048"):
        short = RSAKey.generate_key(1024)
    assert read_key_set(key_set(public(short))) == {}


def rsa_of(modulus: int) -> dict[str, Any]:
    whole = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    return public(RSA, n=urlsafe_b64encode(whole).rstrip(b"=").decode())


def test_an_rsa_key_that_makes_a_verification_slow_is_left_out() -> None:
    assert set(read_key_set(key_set(rsa_of((1 << 8_191) + 1)))) == {"1"}
    assert read_key_set(key_set(rsa_of((1 << 16_383) + 1))) == {}


def test_an_rsa_key_of_a_generator_with_a_known_weakness_is_left_out() -> None:
    # CVE-2017-15361: its moduli are powers of 65537 modulo the product of the small primes.
    small_primes = prod(number for number in range(3, 168) if all(number % other for other in range(2, number)))
    weak = pow(65537, 12_345, small_primes) + small_primes * (1 << 1_830)
    weak += small_primes * (1 - weak % 2)  # odd, as a modulus is
    assert read_key_set(key_set(rsa_of(weak))) == {}
    assert set(read_key_set(key_set(rsa_of(weak + 2)))) == {"1"}


def test_an_id_of_two_keys_stands_for_none() -> None:
    twice = key_set(public(EC), public(ECKey.generate_key("P-256")), public(EC, kid="2"))
    assert set(read_key_set(twice)) == {"2"}


def test_an_id_shared_with_a_key_for_encryption_is_not_ambiguous() -> None:
    assert set(read_key_set(key_set(public(EC), public(RSA, use="enc")))) == {"1"}


@pytest.mark.parametrize(
    "secret",
    [
        EC.as_dict(private=True),
        RSA.as_dict(private=True),
        ED.as_dict(private=True),
        OctKey.generate_key().as_dict(private=True),
        {"kty": "future", "d": "AA"},
    ],
    ids=["EC", "RSA", "Ed25519", "symmetric", "unknown"],
)
def test_a_set_with_a_secret_is_refused_whole(secret: dict[str, Any]) -> None:
    with pytest.raises(IssuerError, match="private or symmetric"):
        read_key_set(key_set(public(EC), secret))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"keys":{}}', b'{"keys":null}', b"\xff", b"[" * 50_000, b" " * (MAX_BYTES + 1)],
    ids=["empty", "HTML", "list", "no keys", "keys no list", "keys null", "no text", "deep", "too large"],
)
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(IssuerError):
        read_key_set(body)


def test_a_set_of_too_many_keys_is_refused() -> None:
    with pytest.raises(IssuerError):
        read_key_set(key_set(*[{"kty": "EC"}] * (MAX_KEYS + 1)))


def test_an_empty_set_holds_no_key() -> None:
    assert read_key_set(key_set()) == {}
