"""Sealing: the input of an operation is kept encrypted, under a key of its own that is destroyed when it ends.

AES-256-GCM (NIST SP 800-38D). The operation's key is random and is kept wrapped under one that the store does not hold;
with the wrapped key gone, nobody can read the input any more, also not in a copy of the store that was made before
from the store alone.
"""

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from klantbeeld.errors import StoreError

NONCE_BYTES = 12
KEY_BYTES = 32


class Sealer:
    """Makes and opens operations' keys; lives as long as the app.

    `secrets` are the key that the store does not hold, and the one before it where there is one.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._wrapping = [AESGCM(hmac.digest(secret, b"klantbeeld journal keys", "sha256")) for secret in secrets]

    def new_key(self, operation_id: str) -> tuple["Key", bytes]:
        """Make the key of an operation; returns it and how it is kept."""
        key = os.urandom(KEY_BYTES)
        return Key(key, operation_id), _seal(self._wrapping[0], key, operation_id.encode())

    def open_key(self, operation_id: str, kept: bytes) -> "Key":
        """Open the kept key of an operation; raises StoreError for one that was made under another secret."""
        for wrapping in self._wrapping:
            try:
                return Key(_open(wrapping, kept, operation_id.encode()), operation_id)
            except InvalidTag:
                continue
        raise StoreError("the journal was written under another key")


class Key:
    """The key of one operation; lives as long as somebody works on it."""

    def __init__(self, key: bytes, operation_id: str) -> None:
        self._cipher = AESGCM(key)
        self._operation_id = operation_id

    def seal(self, content: bytes, seq: int) -> bytes:
        """Encrypt the input of a step, bound to its place."""
        return _seal(self._cipher, content, self._place(seq))

    def open(self, sealed: bytes, seq: int) -> bytes:
        """Decrypt the input of a step; raises StoreError for what was changed or moved."""
        try:
            return _open(self._cipher, sealed, self._place(seq))
        except InvalidTag as error:
            raise StoreError("a sealed step of the journal was changed") from error

    def _place(self, seq: int) -> bytes:
        return f"{self._operation_id}/{seq}".encode()


def _seal(cipher: AESGCM, content: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, place)


def _open(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
