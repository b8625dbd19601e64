"""Keys: what makes a repeated request the same operation, and a repeated step the same write.

All are keyed hashes (HMAC-SHA-256, RFC 2104), so that the store tells nobody which keys callers use or what they asked.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec


class Keys:
    """Makes keyed hashes; lives as long as the app.

    `secrets` are the key that the store does not hold and, while it is being replaced, the one before it.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = [hmac.digest(secret, b"klantbeeld step keys", "sha256") for secret in secrets]

    def scopes(self, caller: str, mutation: str, key: str) -> list[bytes]:
        """Hash an idempotency key with whom and what it belongs to: under the present secret, and the one before."""
        return [_hash(secret, "scope", caller, mutation, key) for secret in self._secrets]

    def caller(self, caller: str) -> bytes:
        """Hash who asked."""
        return _hash(self._secrets[0], "caller", caller)

    def is_caller(self, caller: str, kept: bytes) -> bool:
        """Say whether a kept hash is this caller's."""
        return any(hmac.compare_digest(_hash(secret, "caller", caller), kept) for secret in self._secrets)

    def fingerprint(self, asked: Any) -> bytes:
        """Hash an input: the same for the same members, in whatever order."""
        return self._fingerprints(asked)[0]

    def is_fingerprint(self, asked: Any, kept: bytes) -> bool:
        """Say whether a kept fingerprint is this input's."""
        return any(hmac.compare_digest(one, kept) for one in self._fingerprints(asked))

    def step(self, operation: str, seq: int, source: str, act: str) -> str:
        """Derive the key of a step from what identifies its operation: the same after every crash."""
        return _hash(self._secrets[0], "step", operation, str(seq), source, act).hex()

    def record(self, source: str, record_id: str) -> bytes:
        """Hash a record, for the lock on it."""
        return _hash(self._secrets[0], "record", source, record_id)

    def _fingerprints(self, asked: Any) -> list[bytes]:
        written = msgspec.json.encode(asked, order="deterministic").decode()
        return [_hash(secret, "input", written) for secret in self._secrets]


def _hash(secret: bytes, *parts: str) -> bytes:
    return hmac.digest(secret, "\0".join(parts).encode(), "sha256")
