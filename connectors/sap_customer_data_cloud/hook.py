"""What SAP Customer Data Cloud tells by webhook: up to a hundred events of accounts at a time.

Version 2 signs with a JWT in `X-Gigya-Sig-Jwt`: its subject is the SHA-256 of the body, its id the nonce in the body.
Version 1 signs the body with HMAC-SHA1 under the secret, which is base64, in `X-Gigya-Sig-Hmac-Sha1`; HMAC does not
need SHA-1 to be free of collisions (RFC 6194, section 3.3).
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct, field

from klantbeeld.sdk.hooks import Changed, Delivery, Hook, HookRefused, Secrets, claims_of, in_base64, prove, prove_word

SECRET = "hook_secret"  # noqa: S105 - the name of one
PUBLIC_KEY = "hook_public_key"


class About(Struct):
    """Whose event it is."""

    uid: str | None = None


class Event(Struct):
    """One event."""

    data: About = field(default_factory=About)


class Events(Struct):
    """A delivery; `timestamp` is in seconds since 1970."""

    events: list[Event]
    timestamp: int
    nonce: str = ""


def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
    """Read the events; an account is one record, so anything of it may have changed."""
    token = delivery.headers.get("x-gigya-sig-jwt")
    if token is not None and secrets.get(PUBLIC_KEY):
        _prove_token(token, secrets[PUBLIC_KEY], delivery)
    else:
        signature = delivery.headers.get("x-gigya-sig-hmac-sha1", "")
        prove(delivery.body, _key(secrets), given=signature, digest="sha1", spelled=in_base64)
    told = delivery.decoded(Events)
    delivery.demand_recent(datetime.fromtimestamp(told.timestamp, UTC))
    for uid in dict.fromkeys(event.data.uid for event in told.events if event.data.uid):
        yield Changed(uid)


def _prove_token(token: str, public_key: str, delivery: Delivery) -> None:
    """Make sure that a token was made for this very body."""
    claims = claims_of(token, public_key)
    digest = base64.urlsafe_b64encode(hashlib.sha256(delivery.body).digest()).decode().rstrip("=")
    prove_word(digest, given=str(claims.get("sub", "")))
    prove_word(delivery.decoded(Events).nonce, given=str(claims.get("jti", "")))
    issued_at = claims.get("iat")
    if not isinstance(issued_at, int):
        raise HookRefused("the token names no time")
    delivery.demand_recent(datetime.fromtimestamp(issued_at, UTC))


def _key(secrets: Secrets) -> bytes:
    try:
        key = base64.b64decode(secrets.get(SECRET, ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HookRefused("the secret of the settings is not base64") from error
    if not key:
        raise HookRefused("the delivery is signed in a way for which the settings name no secret")
    return key


HOOK = Hook((SECRET, PUBLIC_KEY), read)
