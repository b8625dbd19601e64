"""An issuer's key set (RFC 7517): which keys may verify a token, and with which algorithms.

A set that holds a secret is refused whole: an issuer that publishes what it signs with vouches for nothing. Keys that
are weak, meant for something else, or of a kind that we do not know are left out, as RFC 7517, section 5 has it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from klantbeeld.errors import IssuerError

MAX_BYTES = 65_536
MAX_KEYS = 64
RSA_BITS = range(2048, 8193)  # shorter is broken (RFC 7518, section 3.3); longer makes a verification cost milliseconds

ALGORITHMS: Mapping[str, tuple[str, str | None]] = MappingProxyType(  # (kty, crv) of each, RFC 7518, 8037 and 9864
    {
        "RS256": ("RSA", None),
        "RS384": ("RSA", None),
        "RS512": ("RSA", None),
        "PS256": ("RSA", None),
        "PS384": ("RSA", None),
        "PS512": ("RSA", None),
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "ES512": ("EC", "P-521"),
        "EdDSA": ("OKP", "Ed25519"),
        "Ed25519": ("OKP", "Ed25519"),
    }
)
_JUDGED = frozenset({"alg", "use", "key_ops"})  # here; the library would not take Ed25519 for EdDSA
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ROCA_PRIMES = tuple(p for p in range(3, 168) if all(p % q for q in range(2, p)))


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the algorithms that a token under it may name."""

    key_id: str
    algorithms: frozenset[str]
    key: Key


def read_key_set(body: bytes) -> Mapping[str, VerificationKey]:
    """Read a key set and give its usable keys by key id.

    A key id that stands for two usable keys stands for none. Raises IssuerError for a set that is no key set, is too
    large, or holds a private or symmetric key.
    """
    entries = _entries(body)
    if any(_is_secret(entry) for entry in entries):
        raise IssuerError("the key set holds a private or symmetric key")
    keys = [key for entry in entries if (key := _usable(entry)) is not None]
    times = Counter(key.key_id for key in keys)
    return MappingProxyType({key.key_id: key for key in keys if times[key.key_id] == 1})


def _entries(body: bytes) -> list[dict[str, Any]]:
    if len(body) > MAX_BYTES:
        raise IssuerError(f"the key set is longer than {MAX_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IssuerError("the key set is not JSON") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise IssuerError(f"the key set has no `keys`, or more than {MAX_KEYS}")
    return [entry for entry in entries if isinstance(entry, dict)]


def _is_secret(entry: dict[str, Any]) -> bool:
    return entry.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(entry)


def _usable(entry: dict[str, Any]) -> VerificationKey | None:
    key_id = entry.get("kid")
    algorithms = _algorithms(entry)
    if not isinstance(key_id, str) or not algorithms or _is_short(entry):
        return None
    try:
        key = JWKRegistry.import_key({name: entry[name] for name in entry.keys() - _JUDGED})
    except (
        JoseError,
        ValueError,
        TypeError,
    ):  # cryptography refuses points off the curve and bad exponents by ValueError
        return None
    return VerificationKey(key_id, algorithms, key) if _is_strong(key) else None


def _is_short(entry: dict[str, Any]) -> bool:
    """Say whether an RSA modulus is written shorter than the least key, before the library warns about it."""
    modulus = entry.get("n")
    return isinstance(modulus, str) and len(modulus) * 6 < RSA_BITS.start


def _algorithms(entry: dict[str, Any]) -> frozenset[str]:
    """Give the algorithms that the key's type, curve, `alg`, `use` and `key_ops` leave (RFC 7517, section 4)."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    kind = (entry.get("kty"), entry.get("crv"))
    fitting = frozenset(name for name, wanted in ALGORITHMS.items() if wanted == kind)
    named = entry.get("alg")
    if named is None:
        return fitting
    # RFC 9864 splits EdDSA into its curves; issuers write either name for the same Ed25519 key.
    edwards = ("EdDSA", "Ed25519")
    return frozenset(name for name in fitting if name == named or (name in edwards and named in edwards))


def _is_strong(key: Key) -> bool:
    public = key.public_key
    if not isinstance(public, RSAPublicKey):
        return True
    return public.key_size in RSA_BITS and not _is_roca(public.public_numbers().n)


def _is_roca(modulus: int) -> bool:
    """Say whether the modulus has the fingerprint of CVE-2017-15361: a power of 65537 modulo every small prime."""
    return all(modulus % prime in _powers_of_65537(prime) for prime in _ROCA_PRIMES)


@cache
def _powers_of_65537(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime))
