"""Webhooks: how a product tells that something changed, and proves that it is the one who tells; without I/O.

    HOOK = Hook(("signing_secret",), read)

    def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
        prove(delivery.body, secrets["signing_secret"].encode(), given=delivery.headers.get("x-signature", ""))
        for event in delivery.decoded(Events).events:
            yield Changed(customer=event.customer, kinds=("invoices",))

A delivery that is not proven, or too old, is refused. What it says is not kept: only which customer's records changed.
"""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from klantbeeld.errors import HookRefused

__all__ = ["Changed", "Delivery", "Hook", "HookRefused", "Secrets", "claims_of", "in_base64", "prove", "prove_word"]

T = TypeVar("T")

Secrets = Mapping[str, str]
Digest = Literal["sha256", "sha1"]
Spelling = Callable[[bytes], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request of the product's. Names of headers are in lower case; `now` is in UTC.

    `window` is the longest that a delivery may have been under way, in seconds.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    now: datetime
    window: float

    def decoded(self, kind: type[T]) -> T:
        """Decode the body, which has to be proven before; raises HookRefused."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HookRefused("the body is not what was declared") from error

    def demand_recent(self, at: datetime) -> None:
        """Raise HookRefused for what was signed too long ago, or is not yet: it may be told a second time."""
        if abs((self.now - at).total_seconds()) > self.window:
            raise HookRefused("the delivery is too old, or from the future")


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed: of the customer with this id of the source's, which capabilities give something else now.

    Without a customer it is not known whose it is, and all that the source said is doubted; without `kinds`, anything
    may have changed.
    """

    customer: str | None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hook:
    """How a product's deliveries are read.

    `takes` are the secrets of which the settings name at least one, under `sources.NAME.feed.secrets`. `read` raises
    HookRefused for what it does not believe; it does no I/O.
    """

    takes: tuple[str, ...]
    read: Callable[[Delivery, Secrets], Iterable[Changed]]


def prove(
    message: bytes,
    key: bytes,
    *,
    given: str | Iterable[str],
    digest: Digest = "sha256",
    spelled: Spelling = bytes.hex,
) -> None:
    """Make sure that one of the signatures is the HMAC of a message (RFC 2104); raises HookRefused.

    An empty key proves nothing: anybody has it.
    """
    right = spelled(hmac.digest(key, message, digest)).encode()
    signatures = [given] if isinstance(given, str) else list(given)
    if not key or not any(hmac.compare_digest(right, one.encode()) for one in signatures):
        raise HookRefused("the signature is not right")


def in_base64(raw: bytes) -> str:
    """Spell a signature in base64."""
    return base64.b64encode(raw).decode()


def prove_word(word: str, *, given: str | None) -> None:
    """Make sure that a delivery brings the word that was agreed; raises HookRefused."""
    if not word or given is None or not hmac.compare_digest(word.encode(), given.encode()):
        raise HookRefused("the agreed word is missing, or not right")


def claims_of(token: str, public_key: str) -> Mapping[str, Any]:
    """Return the claims of a JWT signed with RS256 (RFC 7519); raises HookRefused.

    The key is a PEM text that the settings hold; nothing that the token says of its key is followed.
    """
    from joserfc import jwt  # noqa: PLC0415  # a quarter of a second, for those who need it
    from joserfc.errors import JoseError  # noqa: PLC0415  # as above
    from joserfc.jwk import RSAKey  # noqa: PLC0415  # as above

    try:
        return jwt.decode(token, RSAKey.import_key(public_key), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise HookRefused("the token is not signed as it should be") from error
