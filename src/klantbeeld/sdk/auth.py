"""How a product wants its callers to prove who they are; values without I/O.

The gateway fills in the secrets that the settings name under `credentials`, and renews what expires.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from klantbeeld.sdk.calls import Call

Credentials = Mapping[str, str]


class Auth(Protocol):
    """A way to authenticate: `needs` names the credentials that the settings must give."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the credentials."""
        ...

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Return the call with its proof."""
        ...


@dataclass(frozen=True, slots=True)
class NoAuth:
    """The product asks for nothing."""

    needs: tuple[str, ...] = ()

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:  # noqa: ARG002 - the Protocol's shape
        """Return the call as it is."""
        return call


@dataclass(frozen=True, slots=True)
class Bearer:
    """A fixed token in `Authorization` (RFC 6750)."""

    secret: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The token alone."""
        return (self.secret,)

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the header."""
        return call.with_headers(("authorization", f"Bearer {credentials[self.secret]}"))


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password in `Authorization` (RFC 7617)."""

    user: str
    password: str

    @property
    def needs(self) -> tuple[str, ...]:
        """Both."""
        return (self.user, self.password)

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the header."""
        pair = f"{credentials[self.user]}:{credentials[self.password]}"
        return call.with_headers(("authorization", f"Basic {b64encode(pair.encode()).decode()}"))


@dataclass(frozen=True, slots=True)
class FormMembers:
    """Keys as members of the form: each credential under the name that the product gives it."""

    members: tuple[tuple[str, str], ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The credentials behind the members."""
        return tuple(credential for _, credential in self.members)

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the members."""
        return call.with_form(*((member, credentials[credential]) for member, credential in self.members))


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2 client credentials (RFC 6749, section 4.4): the gateway fetches a token and renews it before it expires.

    `token_url` and `scope` are templates over the source's options and `base_url`. The gateway puts the token under
    `access_token` among the credentials before `apply`.
    """

    token_url: str
    scope: str | None = None
    needs: tuple[str, ...] = ("client_id", "client_secret")

    def apply(self, call: Call[Any], credentials: Credentials) -> Call[Any]:
        """Add the token."""
        return call.with_headers(("authorization", f"Bearer {credentials['access_token']}"))


class TokenReply(msgspec.Struct):
    """What a token endpoint answers (RFC 6749, section 5.1); `expires_in` is in seconds."""

    access_token: str
    expires_in: int = 300
