"""Proofs that look at the call, the time or the caller."""

import hashlib
import hmac
from base64 import b64decode
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.signing import ClientAssertion, HmacSigned, JwtSigned, Moment, PassThrough, TokenExchange
from klantbeeld.sdk.tokens import token_call

CALL: Call[object] = Call(method="POST", path="/bills", query=(("a", "1 2"),), json={"b": 1}, record=object)
MOMENT = Moment(1_800_000_000.9, "n-1")
KNOWN = {"base_url": "https://shop.example"}


def test_a_signature_is_over_method_target_time_and_body() -> None:
    signed = HmacSigned("secret", key_id="key").sign(CALL, {"secret": "s3", "key": "k1"}, MOMENT)
    headers = dict(signed.headers)
    body = hashlib.sha256(b'{"b":1}').hexdigest()
    expected = hmac.digest(b"s3", f"POST\n/bills?a=1%202\n1800000000\n{body}".encode(), "sha256")
    assert b64decode(headers["x-signature"]) == expected
    assert (headers["x-timestamp"], headers["x-key-id"]) == ("1800000000", "k1")


@pytest.mark.parametrize(
    "other",
    [
        Call(method="POST", path="/bills", query=(("a", "1 3"),), json={"b": 1}, record=object),
        Call(method="POST", path="/bills", query=(("a", "1 2"),), json={"b": 2}, record=object),
        Call(method="PUT", path="/bills", query=(("a", "1 2"),), json={"b": 1}, record=object),
    ],
)
def test_another_call_has_another_signature(other: Call[object]) -> None:
    auth, secrets = HmacSigned("secret"), {"secret": "s3"}
    assert auth.sign(CALL, secrets, MOMENT).headers == auth.sign(CALL, secrets, MOMENT).headers
    assert auth.sign(CALL, secrets, MOMENT).headers != auth.sign(other, secrets, MOMENT).headers


@pytest.mark.parametrize(
    ("algorithm", "key"), [("ES256", ECKey.generate_key("P-256")), ("RS256", RSAKey.generate_key())]
)
def test_a_request_carries_a_token_of_our_own_making(algorithm: str, key: Any) -> None:
    auth = JwtSigned("https://shop.example/api", algorithm=algorithm, lifetime=30)
    secrets = {"client_id": "me", "private_key": key.as_pem(private=True).decode()}
    (name, value), *_ = auth.sign(CALL, secrets, MOMENT).headers
    claims = jwt.decode(value.removeprefix("Bearer "), key, algorithms=[algorithm]).claims
    assert name == "authorization"
    assert claims == {
        "iss": "me",
        "sub": "me",
        "aud": "https://shop.example/api",
        "iat": 1_800_000_000,
        "exp": 1_800_000_030,
        "jti": "n-1",
    }


def test_a_key_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(ValueError, match="credential `private_key` is no key for RS256") as raised:
        JwtSigned("x").sign(CALL, {"client_id": "me", "private_key": "hunter2"}, MOMENT)
    assert "hunter2" not in str(raised.value)


def test_a_client_proves_itself_with_a_key_at_the_token_endpoint() -> None:
    key = ECKey.generate_key("P-256")
    auth = ClientAssertion("{base_url}/token", scope="read", algorithm="ES256")
    secrets = {"client_id": "me", "private_key": key.as_pem(private=True).decode()}
    form = dict(token_call(auth, secrets, KNOWN, MOMENT, "").form or ())
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form
    claims = jwt.decode(form["client_assertion"], key, algorithms=["ES256"]).claims
    assert (claims["aud"], claims["iss"]) == ("https://shop.example/token", "me")


def test_a_callers_token_is_exchanged_as_rfc_8693_says() -> None:
    auth = TokenExchange("{base_url}/token", audience="{base_url}", scope="bills")
    form = dict(token_call(auth, {"client_id": "me", "client_secret": "s"}, KNOWN, MOMENT, "callers").form or ())
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "callers",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": "https://shop.example",
        "client_id": "me",
        "client_secret": "s",
        "scope": "bills",
    }


def test_a_callers_own_token_is_handed_on() -> None:
    assert PassThrough().apply(CALL, {"caller_token": "t"}).headers == (("authorization", "Bearer t"),)
