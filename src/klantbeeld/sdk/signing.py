"""Ways to authenticate that look at the call, the time or the caller; values without I/O, as those of `auth`.

A proof that is signed is a pure function of the call, the credentials and the moment, so a test compares it with the
product's own example.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from klantbeeld.sdk.calls import Call

Credentials = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request is signed, in seconds since 1970, and a word that no other request has."""

    at: float
    nonce: str


@runtime_checkable
class Signing(Protocol):
    """A proof that differs from call to call."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the credentials that the settings must give."""
        ...

    def sign(self, call: Call[Any], credentials: Credentials, moment: Moment) -> Call[Any]:
        """Return the call with its proof."""
        ...


@dataclass(frozen=True, slots=True)
class HmacSigned:
    """A request signed with a shared secret: HMAC-SHA-256, in base64, over these lines.

    Method, target (path and query), the moment in whole seconds, and the SHA-256 of the body in hexadecimal. Signature
    and moment stand in headers of the product's choice; a product that signs other lines has its own class with `sign`.
    """

    secret: str
    signature_header: str = "x-signature"
    moment_header: str = "x-timestamp"
    key_id: str | None = None
    """Credential that names the key, sent in `key_header`."""
    key_header: str = "x-key-id"

    @property
    def needs(self) -> tuple[str, ...]:
        """The secret, and the name of the key where there is one."""
        return (self.secret,) if self.key_id is None else (self.secret, self.key_id)

    def sign(self, call: Call[Any], credentials: Credentials, moment: Moment) -> Call[Any]:
        """Add the headers."""
        at = str(int(moment.at))
        body = hashlib.sha256(call.content()[0]).hexdigest()
        lines = f"{call.method}\n{call.target}\n{at}\n{body}"
        signature = hmac.digest(credentials[self.secret].encode(), lines.encode(), "sha256")
        headers = [(self.moment_header, at), (self.signature_header, b64encode(signature).decode())]
        if self.key_id is not None:
            headers.append((self.key_header, credentials[self.key_id]))
        return call.with_headers(*headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithKey:
    """What a JWT of our own making is signed with: a PEM or a JWK. It is good for `lifetime` seconds.

    `key` and `client_id` are the names of the credentials; the client becomes `iss` and `sub`.
    """

    algorithm: str = "RS256"
    lifetime: float = 60.0
    key: str = "private_key"
    client_id: str = "client_id"

    @property
    def needs(self) -> tuple[str, ...]:
        """Who we are, and the key."""
        return (self.client_id, self.key)


@dataclass(frozen=True, slots=True)
class JwtSigned(WithKey):
    """A request that carries a JWT of our own making as its bearer token (RFC 7519).

    `audience` is a template over the source's options and `base_url`.
    """

    audience: str

    def sign(self, call: Call[Any], credentials: Credentials, moment: Moment) -> Call[Any]:
        """Add the header; the gateway puts the audience, filled in, among the credentials."""
        audience = credentials.get("audience", self.audience)
        return with_token(call, assertion(self, credentials, moment, audience=audience))


@dataclass(frozen=True, slots=True)
class ClientAssertion(WithKey):
    """OAuth 2 client credentials where the client proves itself with a signed JWT: `private_key_jwt` (RFC 7523, 2.2).

    As `ClientCredentials`, with a private key where that has a secret.
    """

    token_url: str
    scope: str | None = None

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the token."""
        return with_token(call, credentials["access_token"])


@dataclass(frozen=True, slots=True)
class PassThrough:
    """The caller's own access token, handed on; for a system that trusts the same issuer and audience."""

    needs: tuple[str, ...] = ()

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the caller's token."""
        return with_token(call, credentials["caller_token"])


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """A token on behalf of the caller, exchanged for the caller's own (RFC 8693).

    `token_url`, `audience` and `scope` are templates over the source's options and `base_url`.
    """

    token_url: str
    audience: str | None = None
    scope: str | None = None
    needs: tuple[str, ...] = ("client_id", "client_secret")

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the token."""
        return with_token(call, credentials["access_token"])


def with_token(call: Call[Any], token: str) -> Call[Any]:
    """Return a call with a bearer token (RFC 6750)."""
    return call.with_headers(("authorization", f"Bearer {token}"))


def assertion(auth: WithKey, credentials: Credentials, moment: Moment, *, audience: str) -> str:
    """Make the JWT with which we say who we are (RFC 7523, section 3). Raises ValueError for a key that is none."""
    key = credentials[auth.key]
    client = credentials[auth.client_id]
    claims = {
        "iss": client,
        "sub": client,
        "aud": audience,
        "iat": int(moment.at),
        "exp": int(moment.at + auth.lifetime),
        "jti": moment.nonce,
    }
    kind = {"R": "RSA", "P": "RSA", "E": "EC", "H": "oct"}[auth.algorithm[0]]
    if auth.algorithm.startswith("Ed"):
        kind = "OKP"
    try:
        made = import_key(key, kind)  # type: ignore[call-overload]  # the kind is one of its names
        header = {"alg": auth.algorithm, "typ": "JWT"}
        return jwt.encode(header, claims, made, algorithms=[auth.algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(f"the credential `{auth.key}` is no key for {auth.algorithm}") from error
