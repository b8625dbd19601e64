"""Cursors: positions in several sources as one opaque text, encrypted and bound to where it was given out.

AES-GCM with a nonce derived from the content, so that the same place has the same cursor on every replica. Record ids
and tokens of sources stay unreadable, and a cursor of another field, argument or customer does not open.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Position

NONCE = 12

Positions = Mapping[str, Position]


class Cursors:
    """Seals and opens cursors; lives as long as its key, 32 bytes or more."""

    def __init__(self, key: bytes) -> None:
        self._nonce_key = hmac.digest(key, b"klantbeeld cursor nonce", "sha256")
        self._cipher = AESGCM(hmac.digest(key, b"klantbeeld cursor", "sha256"))
        self._encode = msgspec.json.Encoder(order="sorted").encode
        self._decode = msgspec.json.Decoder(dict[str, Position]).decode

    def seal(self, positions: Positions, binding: bytes) -> str:
        """Return the cursor of these positions; `binding` says field, arguments and customer."""
        plain = self._encode(positions)
        nonce = hmac.digest(self._nonce_key, binding + b"\0" + plain, "sha256")[:NONCE]
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, binding)).decode().rstrip("=")

    def open(self, cursor: str, binding: bytes) -> Positions:
        """Return the positions; raises RequestError with CURSOR_INVALID."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            return self._decode(self._cipher.decrypt(raw[:NONCE], raw[NONCE:], binding))
        except (InvalidTag, ValueError, msgspec.DecodeError) as error:
            raise RequestError("not a cursor of this field", code="CURSOR_INVALID", place="after") from error


def binding_of(coordinate: str, customer_id: str, arguments: Mapping[str, object]) -> bytes:
    """Return what a cursor is bound to; the page's own arguments do not count."""
    kept = sorted((name, repr(value)) for name, value in arguments.items() if name not in {"first", "after"})
    return hashlib.sha256(repr((coordinate, customer_id, kept)).encode()).digest()
