"""Access tokens as the Microsoft identity platform hands them out to an application (client credentials).

A token carries its own expiry under a signature, so it outlives a restart of the server, as real ones do. Refusals
are OAuth 2.0 errors (RFC 6749, section 5.2) with the platform's AADSTS codes.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

DOCUMENTATION = "https://login.microsoftonline.com/error?code="


class TokenRefused(Exception):
    """The token endpoint says no: an OAuth error, its AADSTS number, and the status."""

    def __init__(self, error: str, number: int, description: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.number = number
        self.description = description
        self.status = status

    def body(self, at: datetime) -> dict[str, Any]:
        """Return the JSON object of the refusal."""
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = at.strftime("%Y-%m-%d %H:%M:%SZ")
        told = f"AADSTS{self.number}: {self.description} Trace ID: {trace} Correlation ID: {correlation}"
        return {
            "error": self.error,
            "error_description": f"{told} Timestamp: {stamp}",
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{DOCUMENTATION}{self.number}",
        }


class Tokens:
    """Issues and checks the tokens of one application. Lives as long as the server's app."""

    def __init__(self, credentials: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._clock = clock

    def issue(self, tenant: str, form: Mapping[str, str], *, seconds: int) -> dict[str, Any]:
        """Return the answer to a token request; raise ``TokenRefused`` for anything but our own application."""
        self._refuse_strangers(tenant, form)
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._signed(int(self._clock().timestamp()) + seconds),
        }

    def accepts(self, authorization: str) -> bool:
        """Say whether an ``Authorization`` header carries a token of ours that has not expired."""
        scheme, _, token = authorization.partition(" ")
        head, _, signature = token.strip().rpartition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(signature, self._signature(head)):
            return False
        expires = json.loads(_decoded(head.partition(".")[2]))["exp"]
        return bool(self._clock().timestamp() < expires)

    def _refuse_strangers(self, tenant: str, form: Mapping[str, str]) -> None:
        if tenant != self._credentials["tenant_id"]:
            raise TokenRefused("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != self._credentials["client_id"]:
            raise TokenRefused("unauthorized_client", 700016, "Application was not found in the directory.")
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._credentials["client_secret"].encode()):
            raise TokenRefused("invalid_client", 7000215, "Invalid client secret provided.", status=401)
        if not form.get("scope", "").endswith("/.default"):
            raise TokenRefused("invalid_scope", 1002012, "The scope must be a resource with /.default suffixed.")

    def _signed(self, expires: int) -> str:
        head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = {"appid": self._credentials["client_id"], "exp": expires, "uti": secrets.token_urlsafe(16)}
        signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def _signature(self, text: str) -> str:
        secret = self._credentials["client_secret"].encode()
        return _encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
