"""Persons: who began and who decides, as keyed hashes: enough to say that two are two, and no more."""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Persons:
    """Hashes people; lives as long as the app. `secret` is a key that the store does not hold."""

    secret: bytes

    def of(self, issuer: str, subject: str) -> bytes:
        """Return who somebody is, whichever client they use."""
        return hmac.digest(self.secret, f"klantbeeld person\0{issuer}\0{subject}".encode(), "sha256")

    def of_caller(self, caller: str) -> bytes:
        """Return who a caller is, as orders name one: issuer, client and subject."""
        issuer, _, subject = caller.split("\0", 2)
        return self.of(issuer, subject)
