"""Who may call: the site's key, a user key, and its secret, sent or used to sign the request.

A signed request carries ``timestamp`` (Unix seconds), ``nonce`` and ``sig``. The signature is the base64 HMAC-SHA1,
under the base64-decoded secret, of method, address and sorted parameters, each percent-encoded as in OAuth 1.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

from klantbeeld.sandbox.sap_customer_data_cloud.errors import GigyaError, missing, wrong

LIFETIME = 120
"""Seconds that a signed request may be old, or early."""


class Keys:
    """Checks a call's credentials, and remembers the nonces it has seen. Lives as long as the server's store."""

    def __init__(self, credentials: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._clock = clock
        self._nonces: dict[str, float] = {}

    def check(self, method: str, address: str, parameters: Mapping[str, str]) -> None:
        """Refuse a call whose credentials are missing or wrong."""
        if "apiKey" not in parameters:
            raise missing("apiKey")
        if not _same(parameters["apiKey"], self._credentials["api_key"]):
            raise GigyaError(400093)
        if "userKey" not in parameters or ("secret" not in parameters and "sig" not in parameters):
            raise missing("secret" if "userKey" in parameters else "userKey")
        if not _same(parameters["userKey"], self._credentials["user_key"]):
            raise GigyaError(403005)
        if "secret" in parameters:
            if not _same(parameters["secret"], self._credentials["secret"]):
                raise GigyaError(403003)
            return
        self._check_signature(method, address, parameters)

    def _check_signature(self, method: str, address: str, parameters: Mapping[str, str]) -> None:
        expected = sign(method, address, parameters, secret=self._credentials["secret"])
        if not _same(parameters["sig"], expected):
            raise GigyaError(403003)
        now, stamp, nonce = self._clock().timestamp(), parameters.get("timestamp", ""), parameters.get("nonce")
        if not nonce or not stamp.isdecimal():
            raise wrong("timestamp" if nonce else "nonce", "a signed request needs it")
        if abs(now - int(stamp)) > LIFETIME:
            raise GigyaError(403002)
        self._nonces = {each: until for each, until in self._nonces.items() if until > now}
        if nonce in self._nonces:
            raise GigyaError(403004)
        self._nonces[nonce] = now + 2 * LIFETIME


def sign(method: str, address: str, parameters: Mapping[str, str], *, secret: str) -> str:
    """Return the signature of a request; ``secret`` is base64. A ``sig`` among the parameters is left out."""
    pairs = sorted((key, value) for key, value in parameters.items() if key != "sig")
    query = "&".join(f"{_encoded(key)}={_encoded(value)}" for key, value in pairs)
    base = "&".join((method.upper(), _encoded(address), _encoded(query)))
    try:
        key = base64.b64decode(secret, validate=True)
    except binascii.Error as error:
        raise ValueError("The secret is no base64.") from error
    return base64.b64encode(hmac.new(key, base.encode(), hashlib.sha1).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
