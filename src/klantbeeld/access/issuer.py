"""An issuer of our own, for the demo and for tests: it makes access tokens (RFC 9068) for whoever asks.

Nothing on the request path imports this. A gateway believes it only where the settings name its key set, like any
other issuer's.
"""

import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from klantbeeld.access.keys import Clock

ISSUER = "https://issuer.demo.klantbeeld.invalid"  # RFC 2606: it can never be anybody's address
AUDIENCE = "https://klantbeeld.invalid"
ALGORITHM = "ES256"
LIFETIME = 3_600.0  # seconds


class DemoIssuer:
    """A key pair and the tokens under it; the private key is in memory unless it is saved."""

    def __init__(self, key: ECKey, *, clock: Clock, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
        self.issuer = issuer
        self.audience = audience
        self._key = key
        self._clock = clock

    @classmethod
    def new(cls, *, clock: Clock, issuer: str = ISSUER, audience: str = AUDIENCE) -> "DemoIssuer":
        """Make an issuer with a key pair of its own."""
        return cls(new_key(), clock=clock, issuer=issuer, audience=audience)

    @classmethod
    def load(cls, path: Path, *, clock: Clock, issuer: str = ISSUER, audience: str = AUDIENCE) -> "DemoIssuer":
        """Read the issuer that `save` wrote; raises OSError, or ValueError for a file that holds no key."""
        return cls(
            ECKey.import_key(json.loads(path.read_bytes())),
            clock=clock,
            issuer=issuer,
            audience=audience,
        )

    def save(self, path: Path) -> None:
        """Write the private key to a file that only its owner can read, so that `klantbeeld token` can use it."""
        path.unlink(missing_ok=True)  # an older file could be open to others
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._key.as_dict(private=True), file)

    def jwks(self) -> bytes:
        """Give the public key set (RFC 7517), for the setting `jwks_file` or an address."""
        return json.dumps({"keys": [self._key.as_dict(private=False)]}).encode()

    def token(
        self,
        subject: str,
        client_id: str,
        *,
        caller_class: str,
        scopes: Iterable[str],
        purposes: Iterable[str] | None = None,
        lifetime: float = LIFETIME,
    ) -> str:
        """Make an access token; `subject` of an app's token is the customer's name at this issuer.

        `purposes` limits what the token may be used for, None leaves it to the caller's class; `lifetime` is in
        seconds.
        """
        now = self._clock()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "client_id": client_id,
            "jti": str(uuid.uuid4()),
            "iat": int(now),
            "exp": int(now + lifetime),
            "scope": " ".join(scopes),
            "caller_class": caller_class,
        }
        if purposes is not None:
            claims["purpose"] = list(purposes)
        header = {"typ": "at+jwt", "alg": ALGORITHM, "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


def new_key() -> ECKey:
    """Make a key pair that names itself by its thumbprint (RFC 7638)."""
    return ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
