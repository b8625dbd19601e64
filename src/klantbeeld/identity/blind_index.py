"""Blind indexes: match keys are kept only as HMAC-SHA-256 under a key that is not in the store (RFC 2104).

Rotation. The values are not kept, so nothing can be hashed again from the store. A new key is put into
`identity.match_key` with the next `match_key_version`, and the old one into `identity.previous_match_key`: look-ups
then try both, and a record's keys are hashed anew whenever it is seen or imported again. When no match key of an older
version is left (`keys_by_version`), the previous key can be dropped; dropped sooner, the customers whose keys are still
hashed under it are not found by them until the next import or linking run.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import IdentitySettings, Secret

SHORTEST_KEY = 32  # bytes: as long as the hash (RFC 2104, section 3)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key that hashes, its version, and the key before it, which is only looked up."""

    current: bytes = field(repr=False)
    version: int
    previous: bytes | None = field(default=None, repr=False)

    def hash(self, kind: str, value: str) -> bytes:
        """Hash a normalised value; the kind is hashed with it, so equal values of two kinds do not show."""
        return _hash(self.current, kind, value)

    def previous_hash(self, kind: str, value: str) -> bytes | None:
        """Hash a normalised value under the key before; None if there is none."""
        return None if self.previous is None else _hash(self.previous, kind, value)

    def hashes(self, kind: str, value: str) -> tuple[bytes, ...]:
        """Give all hashes under which a normalised value may be stored."""
        previous = self.previous_hash(kind, value)
        return (self.hash(kind, value),) if previous is None else (self.hash(kind, value), previous)


def load_key_ring(settings: IdentitySettings, read: Callable[[Secret, str], SecretStr]) -> KeyRing:
    """Read the keys; `read` gets a secret, and the name of its setting for what it raises.

    Raises ConfigurationError for a key that is missing, not base64 or shorter than 32 bytes.
    """
    current = _decode("identity.match_key", read(settings.match_key, "identity.match_key"))
    if settings.previous_match_key is None:
        return KeyRing(current, settings.match_key_version)
    where = "identity.previous_match_key"
    previous = _decode(where, read(settings.previous_match_key, where))
    if hmac.compare_digest(current, previous):
        raise ConfigurationError(where, "is the same key as identity.match_key", "Remove it, or put the older key here")
    return KeyRing(current, settings.match_key_version, previous)


def _hash(key: bytes, kind: str, value: str) -> bytes:
    return hmac.digest(key, f"{kind}\0{value}".encode(), "sha256")


def _decode(where: str, secret: SecretStr) -> bytes:
    mend = "Make one with: head -c 32 /dev/urandom | base64"
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(where, "is not base64", mend) from error
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(where, f"is shorter than {SHORTEST_KEY} bytes", mend)
    return key
