"""JWT access tokens (RFC 9068): from a header of a request to who asks.

    authorization header  bearer_token      the token, as it was sent
    header of the token   read_header       which algorithm and which key it names
    `iss`                 TrustedIssuer     whose keys may have signed it
    signature             verified_payload  that they did
    claims                _accept           that it is meant for us, now

What was verified is remembered until it expires or the issuer's keys change, so that the next request with the same
token costs one SHA-256 and a look-up.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated

import msgspec

from klantbeeld.access.keys import Clock, IssuerKeys
from klantbeeld.access.signatures import (
    MAX_TOKEN,
    read_header,
    read_object,
    refuse,
    unverified_payload,
    verified_payload,
)
from klantbeeld.errors import Unauthenticated

REALM = "klantbeeld"
TYPES = frozenset({"at+jwt", "application/at+jwt"})  # RFC 9068, section 2.1

_DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "TOKEN_EXPIRED": "The access token expired",
        "TOKEN_NOT_YET_VALID": "The access token is not valid yet",
        "TOKEN_INVALID": "The access token is not valid here",
    }
)

Name = Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An authorization server whose tokens are accepted, and what of them."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    classes: tuple[str, ...]
    leeway: float
    keys: IssuerKeys


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was verified: its claims, and no more than we use.

    `purposes` is None where the token does not limit them; `expires_at` is in seconds since 1970.
    """

    issuer: str
    audience: str
    subject: str
    client_id: str
    token_id: str
    scopes: frozenset[str]
    purposes: frozenset[str] | None
    caller_class: str | None
    expires_at: float


class Claims(msgspec.Struct, frozen=True):
    """The claims that RFC 9068, section 2.2 requires, and the ones of ours: `caller_class` and `purpose`."""

    iss: Name
    sub: Name
    aud: str | list[str]
    exp: float
    iat: float
    client_id: Name
    jti: Name
    nbf: float | None = None
    scope: str = ""
    caller_class: str | None = None
    purpose: str | list[str] | None = None


class TokenVerifier:
    """Verifies access tokens; lives as long as the app, belongs to one event loop."""

    def __init__(self, issuers: Sequence[TrustedIssuer], *, clock: Clock, cached_tokens: int = 4_096) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock
        self._cached_tokens = cached_tokens
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, token: str) -> AccessToken:
        """Give the claims of a token that is good now.

        Raises Unauthenticated with TOKEN_EXPIRED, TOKEN_NOT_YET_VALID or TOKEN_INVALID, and Overloaded with
        ISSUER_UNAVAILABLE when the issuer's keys are needed and cannot be had.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            refuse("the token is too long, or not ASCII")
        digest = hashlib.sha256(token.encode("ascii")).digest()
        remembered = self._verified.get(digest)
        if remembered is not None:
            if remembered.is_good(self._clock()):
                self._verified.move_to_end(digest)
                return remembered.token
            del self._verified[digest]
        return await self._verify(token, digest)

    def remembered(self, token: bytes) -> AccessToken | None:
        """Give the claims of a token that was verified before and is good now; looks at nothing else."""
        found = self._verified.get(hashlib.sha256(token).digest())
        return found.token if found is not None and found.is_good(self._clock()) else None

    async def close(self) -> None:
        """Give up the reading of keys that is under way."""
        for issuer in self._issuers.values():
            await issuer.keys.close()

    async def _verify(self, token: str, digest: bytes) -> AccessToken:
        header = read_header(token)
        if (header.type or "").lower() not in TYPES:
            refuse("the token is not an access token (RFC 9068)")
        issuer = self._issuer_of(token)
        key = await issuer.keys.find(header.key_id)
        if key is None:
            refuse("the issuer has no such key")
        generation = issuer.keys.generation
        payload = verified_payload(token, header, key, algorithms=issuer.algorithms)
        accepted = _accept(read_object(payload), issuer, now=self._clock())
        self._remember(digest, _Verified(accepted, issuer, generation))
        return accepted

    def _issuer_of(self, token: str) -> TrustedIssuer:
        issuer = self._issuers.get(str(read_object(unverified_payload(token)).get("iss")))
        if issuer is None:
            refuse("the issuer is not one of ours")
        return issuer

    def _remember(self, digest: bytes, verified: "_Verified") -> None:
        self._verified[digest] = verified
        if len(self._verified) > self._cached_tokens:
            self._verified.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Verified:
    token: AccessToken
    issuer: TrustedIssuer
    generation: int

    def is_good(self, now: float) -> bool:
        keys = self.issuer.keys
        in_time = now < self.token.expires_at + self.issuer.leeway
        return in_time and self.generation == keys.generation and now < keys.fresh_until


def bearer_token(authorization: Sequence[str]) -> str:
    """Give the token of a request's Authorization headers (RFC 6750, section 2.1).

    Raises Unauthenticated with TOKEN_MISSING when there is none, and with TOKEN_INVALID when there are two or it is not
    one word.
    """
    if not authorization:
        raise Unauthenticated("no Authorization header", code="TOKEN_MISSING")
    if len(authorization) > 1:
        refuse("more than one Authorization header")
    scheme, _, token = authorization[0].strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("the Authorization header is not of the scheme Bearer", code="TOKEN_MISSING")
    token = token.strip()
    if not token or len(token.split()) > 1:
        refuse("the Authorization header does not hold one token")
    return token


def challenge(error: Unauthenticated) -> str:
    """Give the WWW-Authenticate header of a refusal (RFC 6750, section 3): the realm alone where no token was sent."""
    description = _DESCRIPTIONS.get(error.reason)
    if description is None:
        return f'Bearer realm="{REALM}"'
    return f'Bearer realm="{REALM}", error="invalid_token", error_description="{description}"'


def _accept(payload: dict[str, object], issuer: TrustedIssuer, *, now: float) -> AccessToken:
    try:
        claims = msgspec.convert(payload, Claims)
    except msgspec.ValidationError as error:
        raise Unauthenticated("a claim is missing, or not of its type", code="TOKEN_INVALID") from error
    if claims.iss != issuer.issuer or issuer.audience not in _words(claims.aud):
        refuse("the token is of another issuer, or for another audience")
    if not all(name.isprintable() for name in (claims.sub, claims.client_id, claims.jti)):
        refuse("a name holds what cannot be written down")
    _check_times(claims, leeway=issuer.leeway, now=now)
    return AccessToken(
        issuer=claims.iss,
        audience=issuer.audience,
        subject=claims.sub,
        client_id=claims.client_id,
        token_id=claims.jti,
        scopes=_scopes(claims.scope),
        purposes=None if claims.purpose is None else _words(claims.purpose),
        caller_class=_caller_class(claims.caller_class, issuer),
        expires_at=claims.exp,
    )


def _check_times(claims: Claims, *, leeway: float, now: float) -> None:
    times = (claims.exp, claims.iat, claims.nbf or 0.0)
    if not all(math.isfinite(time) for time in times):
        refuse("a time is not a number")
    if now >= claims.exp + leeway:
        raise Unauthenticated("the token has expired", code="TOKEN_EXPIRED")
    if max(claims.iat, claims.nbf or 0.0) > now + leeway:
        raise Unauthenticated("the token is not valid yet", code="TOKEN_NOT_YET_VALID")


def _caller_class(named: str | None, issuer: TrustedIssuer) -> str | None:
    """Give the class, None where the issuer may not name it: an issuer of partners makes no agents."""
    if named is None and len(issuer.classes) == 1:
        return issuer.classes[0]
    return named if named in issuer.classes else None


def _words(value: str | list[str]) -> frozenset[str]:
    return frozenset([value] if isinstance(value, str) else value)


@lru_cache(maxsize=256)  # thousands of tokens share a few sets of scopes
def _scopes(scope: str) -> frozenset[str]:
    return frozenset(scope.split(" ")) - {""}
