"""Cached values in Redis or Valkey: encrypted before they leave this process."""

import hmac
import os
from typing import TYPE_CHECKING, Final

from aiocache.backends.redis import RedisBackend
from aiocache.base import BaseCache
from aiocache.serializers import BaseSerializer
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from redis.asyncio import Redis

NONCE: Final = 12  # bytes


class Sealed(BaseSerializer):  # type: ignore[misc]  # aiocache has no types
    """Encrypts what leaves this process: AES-256-GCM with a nonce of its own for each value."""

    DEFAULT_ENCODING = None

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._cipher = AESGCM(hmac.digest(key, b"klantbeeld cache", "sha256"))

    def dumps(self, value: bytes) -> bytes:
        """Encrypt a value."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, value, None)

    def loads(self, value: bytes | None) -> bytes | None:
        """Decrypt a value; None for what was not encrypted with this key, or was changed."""
        if value is None:
            return None
        try:
            return self._cipher.decrypt(value[:NONCE], value[NONCE:], None)
        except (InvalidTag, ValueError):
            return None


class OverRedis(RedisBackend):  # type: ignore[misc]  # aiocache has no types
    """Values in a server that replicas share, encrypted with a key; closes the client that it is given."""

    NAME = "over-redis"

    def __init__(self, client: "Redis", key: bytes) -> None:
        # Not RedisBackend's own, which opens a client in a way that redis-py 8 warns of.
        BaseCache.__init__(self, serializer=Sealed(key), namespace="klantbeeld:cache:", timeout=None)
        self.client = client
