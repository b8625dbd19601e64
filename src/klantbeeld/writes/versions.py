"""Versions as callers see them: opaque, and told from what is none of ours.

A version names the source that gave it, by a checksum: one that was made up, cut, or read from another source is
refused before anything is sent. It is no secret, and needs no key: whoever forges one only meets a conflict.
"""

import base64
import binascii
import hashlib

from klantbeeld.errors import RequestError

CHECKSUM_BYTES = 6


def seal_version(source: str, version: str | None) -> str | None:
    """Return a source's version as callers see it."""
    if version is None:
        return None
    written = version.encode()
    return base64.urlsafe_b64encode(_checksum(source, written) + written).decode().rstrip("=")


def open_version(source: str, text: str | None) -> str | None:
    """Return what a source calls a version; raises RequestError with VERSION_INVALID."""
    if text is None:
        return None
    try:
        opened = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version = opened[CHECKSUM_BYTES:].decode()
    except (binascii.Error, ValueError) as error:
        raise _not_ours() from error
    if _checksum(source, opened[CHECKSUM_BYTES:]) != opened[:CHECKSUM_BYTES]:
        raise _not_ours()
    return version


def _checksum(source: str, version: bytes) -> bytes:
    return hashlib.blake2s(version, digest_size=CHECKSUM_BYTES, key=source.encode()[:32]).digest()


def _not_ours() -> RequestError:
    return RequestError("no version of that source", code="VERSION_INVALID", place="input.expectedVersion")
