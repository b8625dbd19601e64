"""Which tokens are accepted, and what the others get."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk, jws, jwt

from klantbeeld.access.issuer import DemoIssuer, new_key
from klantbeeld.access.keys import IssuerKeys
from klantbeeld.access.tokens import TokenVerifier, TrustedIssuer, bearer_token, challenge
from klantbeeld.errors import Unauthenticated

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    return caught.value.reason


def sign(mint: Any, payload: bytes, header: dict[str, Any] | None = None) -> str:
    whole = {"typ": "at+jwt", "alg": "ES256", "kid": mint.key.kid} | (header or {})
    return jws.serialize_compact(whole, payload, mint.key, algorithms=["ES256"])


def part(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


async def test_a_good_token_says_who_asks(verifier: TokenVerifier, mint: Any) -> None:
    token = await verifier.verify(mint.token(purpose="service", aud=["https://elsewhere.invalid", mint.audience]))
    assert (token.issuer, token.subject, token.client_id, token.token_id) == (mint.issuer, "agent-7", "desktop", "1")
    assert token.scopes == {"customer:read", "crm:read"}
    assert token.purposes == frozenset({"service"})
    assert token.caller_class == "agent"
    assert token.expires_at == mint.clock() + 300


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_both_names_of_the_type_are_accepted(verifier: TokenVerifier, mint: Any, kind: str) -> None:
    assert (await verifier.verify(mint.token({"typ": kind}))).subject == "agent-7"


async def test_what_a_header_adds_without_making_it_critical_is_ignored(verifier: TokenVerifier, mint: Any) -> None:
    token = sign(mint, json.dumps(mint.claims()).encode(), {"x5t": "abc"})
    assert (await verifier.verify(token)).subject == "agent-7"


async def test_a_token_without_scope_carries_none(verifier: TokenVerifier, mint: Any) -> None:
    assert (await verifier.verify(mint.token(scope=None))).scopes == frozenset()


async def test_several_purposes_stand_in_a_list(verifier: TokenVerifier, mint: Any) -> None:
    assert (await verifier.verify(mint.token(purpose=["service", "advice"]))).purposes == frozenset(
        {"service", "advice"}
    )


async def test_a_class_that_the_issuer_may_not_name_is_none(verifier: TokenVerifier, mint: Any) -> None:
    assert (await verifier.verify(mint.token(caller_class="partner"))).caller_class is None


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": None},
    "another issuer": {"iss": "https://evil.invalid"},
    "issuer with a slash more": {"iss": "https://issuer.demo.klantbeeld.invalid/"},
    "issuer of another type": {"iss": ["https://issuer.demo.klantbeeld.invalid"]},
    "no audience": {"aud": None},
    "another audience": {"aud": "https://other.invalid"},
    "empty audiences": {"aud": []},
    "audience of another type": {"aud": {"a": 1}},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "subject of another type": {"sub": 7},
    "no client": {"client_id": None},
    "no token id": {"jti": None},
    "no issue time": {"iat": None},
    "no expiry": {"exp": None},
    "expiry as text": {"exp": "1900000000"},
    "expiry as a boolean": {"exp": True},
    "expiry null": {"exp": [None]},
    "expiry beyond all numbers": {"exp": 10**400},
    "not-before as text": {"nbf": "0"},
    "scope as a list": {"scope": ["crm:read"]},
    "purpose as a number": {"purpose": 1},
    "class as a list": {"caller_class": ["agent"]},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
async def test_wrong_claims_are_refused(verifier: TokenVerifier, mint: Any, claims: dict[str, Any]) -> None:
    assert await refusal(verifier, mint.token(**claims)) == "TOKEN_INVALID"


TIMES: dict[str, tuple[dict[str, float], str | None]] = {
    "expired within the leeway": ({"exp": -29}, None),
    "expired at the leeway": ({"exp": -30}, "TOKEN_EXPIRED"),
    "expired long ago": ({"exp": -86_400}, "TOKEN_EXPIRED"),
    "expired before 1970": ({"exp": -3e9}, "TOKEN_EXPIRED"),
    "issued ahead within the leeway": ({"iat": 30}, None),
    "issued ahead": ({"iat": 31}, "TOKEN_NOT_YET_VALID"),
    "not before soon": ({"nbf": 30}, None),
    "not before later": ({"nbf": 31}, "TOKEN_NOT_YET_VALID"),
    "fractions of seconds": ({"exp": 0.5, "iat": -0.5}, None),
}


@pytest.mark.parametrize(("offsets", "expected"), TIMES.values(), ids=TIMES)
async def test_times_are_judged_with_the_leeway(
    verifier: TokenVerifier, mint: Any, offsets: dict[str, float], expected: str | None
) -> None:
    token = mint.token(**{name: mint.clock() + offset for name, offset in offsets.items()})
    if expected is None:
        assert (await verifier.verify(token)).subject == "agent-7"
    else:
        assert await refusal(verifier, token) == expected


WRONG_HEADERS: dict[str, dict[str, Any]] = {
    "a plain JWT": {"typ": "JWT"},
    "an id token": {"typ": "id_token"},
    "no type": {"typ": None},
    "no key id": {"kid": None},
    "another key id": {"kid": "other"},
    "an address of keys": {"jku": "https://evil.invalid/jwks"},
    "a certificate's address": {"x5u": "https://evil.invalid/cert"},
    "a certificate": {"x5c": ["MIIB"]},
    "a key of its own": {"jwk": new_key().as_dict(private=False)},
    "a critical extension": {"crit": ["b64"], "b64": True},
    "an empty list of extensions": {"crit": []},
    "an unencoded payload": {"b64": True},
}


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
async def test_wrong_headers_are_refused(verifier: TokenVerifier, mint: Any, header: dict[str, Any]) -> None:
    assert await refusal(verifier, mint.token(header)) == "TOKEN_INVALID"


async def test_a_key_that_the_token_brings_is_not_believed(verifier: TokenVerifier, mint: Any) -> None:
    forger = new_key()
    header = {"typ": "at+jwt", "alg": "ES256", "kid": mint.key.kid, "jwk": forger.as_dict(private=False)}
    assert await refusal(verifier, jwt.encode(header, mint.claims(), forger, algorithms=["ES256"])) == "TOKEN_INVALID"


async def test_another_key_under_the_same_id_is_not_believed(verifier: TokenVerifier, mint: Any) -> None:
    header = {"typ": "at+jwt", "alg": "ES256", "kid": mint.key.kid}
    forged = jwt.encode(header, mint.claims(), new_key(), algorithms=["ES256"])
    assert await refusal(verifier, forged) == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "HS512", "ES256K", "RSA-OAEP", "es256"])
async def test_no_other_algorithm_is_accepted(verifier: TokenVerifier, mint: Any, algorithm: str) -> None:
    header = part(json.dumps({"typ": "at+jwt", "alg": algorithm, "kid": mint.key.kid}).encode())
    _, payload, signature = mint.token().split(".")
    assert await refusal(verifier, f"{header}.{payload}.{signature}") == "TOKEN_INVALID"
    assert await refusal(verifier, f"{header}.{payload}.") == "TOKEN_INVALID"


async def test_the_public_key_is_not_a_shared_secret(verifier: TokenVerifier, mint: Any, demo: DemoIssuer) -> None:
    secret = jwk.OctKey.import_key(demo._key.as_pem(private=False).hex())
    header = {"typ": "at+jwt", "alg": "HS256", "kid": mint.key.kid}
    forged = jwt.encode(header, mint.claims(), secret, algorithms=["HS256"])
    assert await refusal(verifier, forged) == "TOKEN_INVALID"


async def test_an_algorithm_that_the_issuer_does_not_use_is_refused(
    trusted: TrustedIssuer, mint: Any, clock: Callable[[], float]
) -> None:
    strict = TrustedIssuer(
        trusted.issuer, trusted.audience, frozenset({"RS256"}), trusted.classes, trusted.leeway, trusted.keys
    )
    assert await refusal(TokenVerifier([strict], clock=clock), mint.token()) == "TOKEN_INVALID"


MUTATIONS: dict[str, Callable[[list[str]], str]] = {
    "no signature": lambda parts: f"{parts[0]}.{parts[1]}.",
    "two parts": lambda parts: f"{parts[0]}.{parts[1]}",
    "four parts": lambda parts: ".".join([*parts, ""]),
    "an encrypted token's five parts": lambda parts: ".".join([*parts, "a", "b"]),
    "no payload": lambda parts: f"{parts[0]}..{parts[2]}",
    "no header": lambda parts: f".{parts[1]}.{parts[2]}",
    "padding": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2]}==",
    "the other base64": lambda parts: f"{parts[0]}.{parts[1]}.+/{parts[2][2:]}",
    "a shorter signature": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2][:-4]}",
    "a zero signature": lambda parts: f"{parts[0]}.{parts[1]}.{'A' * len(parts[2])}",
    "a space": lambda parts: f"{parts[0]}.{parts[1]} .{parts[2]}",
    "a new line": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2]}\n",
    "the parts turned round": lambda parts: ".".join(reversed(parts)),
    "not a token": lambda parts: "x",
    "nothing": lambda parts: "",
    "dots": lambda parts: "..",
    "not ASCII": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2][:-1]}é",
    "a lone surrogate": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2][:-1]}\udc80",
    "a header that is a list": lambda parts: f"{part(b'[]')}.{parts[1]}.{parts[2]}",
    "a header that is not JSON": lambda parts: f"{part(b'{')}.{parts[1]}.{parts[2]}",
    "a header that is not text": lambda parts: f"{part(bytes([0xFF, 0xFE]))}.{parts[1]}.{parts[2]}",
    "a header that is deep": lambda parts: f"{part(b'[' * 4_000)}.{parts[1]}.{parts[2]}",
    "another payload": lambda parts: f"{parts[0]}.{part(b'{}')}.{parts[2]}",
    "too long": lambda parts: f"{parts[0]}.{parts[1]}.{parts[2] * 100}",
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
async def test_a_mutated_token_is_refused(
    verifier: TokenVerifier, mint: Any, mutate: Callable[[list[str]], str]
) -> None:
    good = mint.token()
    await verifier.verify(good)
    assert await refusal(verifier, mutate(good.split("."))) == "TOKEN_INVALID"


async def test_every_changed_bit_of_a_token_is_noticed(verifier: TokenVerifier, mint: Any) -> None:
    good = mint.token()
    for number, segment in enumerate(good.split(".")):
        raw = urlsafe_b64decode(segment + "==")
        for at in range(0, len(raw), 7):
            changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            parts = good.split(".")
            parts[number] = part(changed)
            assert await refusal(verifier, ".".join(parts)) == "TOKEN_INVALID"


SIGNED_PAYLOADS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "a list": lambda claims: b"[]",
    "nothing": lambda claims: b"",
    "NaN": lambda claims: json.dumps(claims | {"exp": float("nan")}).encode(),
    "Infinity": lambda claims: json.dumps(claims | {"exp": float("inf")}).encode(),
    "an infinite number in digits": lambda claims: json.dumps(claims).encode()[:-1] + b',"nbf":1e999}',
    "a subject twice": lambda claims: json.dumps(claims).encode()[:-1] + b',"sub":"someone else"}',
    "an issuer twice": lambda claims: b'{"iss":"https://evil.invalid",' + json.dumps(claims).encode()[1:],
    "NaN where we do not look": lambda claims: json.dumps(claims | {"x": float("nan")}).encode(),
    "half a character": lambda claims: json.dumps(claims | {"sub": "agent \ud800"}).encode(),
    "a line break in a name": lambda claims: json.dumps(claims | {"client_id": "desktop\nforged log line"}).encode(),
    "a name twice below": lambda claims: json.dumps(claims).encode()[:-1] + b',"x":{"a":1,"a":2}}',
}


@pytest.mark.parametrize("payload", SIGNED_PAYLOADS.values(), ids=SIGNED_PAYLOADS)
async def test_a_signed_payload_that_two_readers_could_read_differently_is_refused(
    verifier: TokenVerifier, mint: Any, payload: Callable[[dict[str, Any]], bytes]
) -> None:
    assert await refusal(verifier, sign(mint, payload(mint.claims()))) == "TOKEN_INVALID"


async def test_a_duplicate_name_in_the_header_is_refused(verifier: TokenVerifier, mint: Any) -> None:
    _, payload, signature = mint.token().split(".")
    header = f'{{"alg":"none","typ":"at+jwt","alg":"ES256","kid":"{mint.key.kid}"}}'.encode()
    assert await refusal(verifier, f"{part(header)}.{payload}.{signature}") == "TOKEN_INVALID"


async def test_a_token_of_8_kib_is_read_and_a_longer_one_is_not(verifier: TokenVerifier, mint: Any) -> None:
    fitting = mint.token(padding="x" * 5_700)
    assert 8_000 < len(fitting) <= 8_192
    assert (await verifier.verify(fitting)).subject == "agent-7"
    assert await refusal(verifier, mint.token(padding="x" * 6_200)) == "TOKEN_INVALID"


async def test_a_token_of_one_issuer_is_not_good_under_another_issuers_key(
    trusted: TrustedIssuer, mint: Any, clock: Callable[[], float]
) -> None:
    elsewhere = TrustedIssuer(
        "https://partner.invalid", trusted.audience, trusted.algorithms, ("partner",), 30, trusted.keys
    )
    other_key = new_key()
    both = TokenVerifier([trusted, elsewhere], clock=clock)
    header = {"typ": "at+jwt", "alg": "ES256", "kid": other_key.kid}
    forged = jwt.encode(header, mint.claims(), other_key, algorithms=["ES256"])
    assert await refusal(both, forged) == "TOKEN_INVALID"
    only_class = await both.verify(mint.token(iss="https://partner.invalid", caller_class=None))
    assert only_class.caller_class == "partner"


async def test_a_verified_token_is_not_verified_again(verifier: TokenVerifier, mint: Any, key_source: Any) -> None:
    token = mint.token()
    first = await verifier.verify(token)
    assert await verifier.verify(token) is first


async def test_a_remembered_token_is_refused_when_it_expires(verifier: TokenVerifier, mint: Any, clock: Any) -> None:
    token = mint.token()
    await verifier.verify(token)
    clock.advance(329.9)
    await verifier.verify(token)
    clock.advance(0.1)
    assert await refusal(verifier, token) == "TOKEN_EXPIRED"


async def test_a_remembered_token_is_refused_when_its_key_is_withdrawn(
    verifier: TokenVerifier, mint: Any, key_source: Any, clock: Any
) -> None:
    token = mint.token(exp=clock() + 10_000)
    await verifier.verify(token)
    key_source.body = DemoIssuer.new(clock=clock).jwks()
    await verifier.verify(token)
    clock.advance(601)
    assert await refusal(verifier, token) == "TOKEN_INVALID"


async def test_a_remembered_token_is_refused_as_soon_as_a_withdrawn_key_is_known_of(
    verifier: TokenVerifier, mint: Any, key_source: Any, clock: Any
) -> None:
    token = mint.token()
    await verifier.verify(token)
    rotated = DemoIssuer.new(clock=clock)
    key_source.body = rotated.jwks()
    clock.advance(11)
    await verifier.verify(rotated.token("agent-8", "desktop", caller_class="agent", scopes=[]))
    assert await refusal(verifier, token) == "TOKEN_INVALID"


@pytest.mark.parametrize("named", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("said", ["EdDSA", "Ed25519"])
async def test_ed25519_is_accepted_under_either_name(
    mint: Any, clock: Callable[[], float], key_source: Any, named: str | None, said: str
) -> None:
    key = jwk.OKPKey.generate_key("Ed25519")
    published = key.as_dict(private=False) | {"kid": "ed"} | ({} if named is None else {"alg": named})
    key_source.body = json.dumps({"keys": [published]}).encode()
    algorithms = frozenset({"EdDSA", "Ed25519"})
    keys = IssuerKeys(mint.issuer, key_source, clock=clock)
    made = TokenVerifier([TrustedIssuer(mint.issuer, mint.audience, algorithms, ("agent",), 30, keys)], clock=clock)
    header, payload = (
        part(json.dumps({"typ": "at+jwt", "alg": said, "kid": "ed"}).encode()),
        part(json.dumps(mint.claims()).encode()),
    )
    signed = f"{header}.{payload}"
    signature = part(key.private_key.sign(signed.encode()))  # type: ignore[union-attr]  # it is an Ed25519 key
    assert (await made.verify(f"{signed}.{signature}")).subject == "agent-7"


async def test_no_more_tokens_are_remembered_than_the_setting_says(verifier: TokenVerifier, mint: Any) -> None:
    tokens = [mint.token(jti=str(number)) for number in range(4)]
    first = await verifier.verify(tokens[0])
    second = await verifier.verify(tokens[1])
    for token in (tokens[2], tokens[0], tokens[3]):
        await verifier.verify(token)
    assert len(verifier._verified) == 3
    assert await verifier.verify(tokens[0]) is first
    assert await verifier.verify(tokens[1]) is not second


async def test_a_refused_token_is_not_remembered(verifier: TokenVerifier, mint: Any) -> None:
    await refusal(verifier, mint.token(aud="x"))
    assert len(verifier._verified) == 0


BAD_AUTHORIZATION: dict[str, tuple[list[str], str]] = {
    "none": ([], "TOKEN_MISSING"),
    "another scheme": (["Basic cGlldDpnZWhlaW0="], "TOKEN_MISSING"),
    "no scheme": (["abc.def.ghi"], "TOKEN_MISSING"),
    "empty": ([""], "TOKEN_MISSING"),
    "no token": (["Bearer"], "TOKEN_INVALID"),
    "blank token": (["Bearer   "], "TOKEN_INVALID"),
    "two tokens": (["Bearer a b"], "TOKEN_INVALID"),
    "two headers": (["Bearer a", "Bearer a"], "TOKEN_INVALID"),
}


@pytest.mark.parametrize(("headers", "expected"), BAD_AUTHORIZATION.values(), ids=BAD_AUTHORIZATION)
async def test_a_header_without_one_token_is_refused(headers: list[str], expected: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        bearer_token(headers)
    assert caught.value.reason == expected


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "])
async def test_the_scheme_has_no_case(header: str) -> None:
    assert bearer_token([header]) == "a.b.c"


async def test_the_challenge_names_the_realm_alone_where_no_token_was_sent() -> None:
    assert challenge(Unauthenticated("", code="TOKEN_MISSING")) == 'Bearer realm="klantbeeld"'


@pytest.mark.parametrize("code", ["TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID", "TOKEN_INVALID"])
async def test_the_challenge_says_invalid_token_where_one_was_sent(code: str) -> None:
    said = challenge(Unauthenticated("secret detail", code=code))
    assert said.startswith('Bearer realm="klantbeeld", error="invalid_token", error_description="')
    assert "secret" not in said
