"""The signature of a compact JWS (RFC 7515), judged by a key and an algorithm that we chose, not the token.

Nothing that a token says about its own key is followed (RFC 8725, sections 3.1 and 3.10): `jwk`, `jku`, `x5u`, `x5c`
and every critical extension are refused.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NoReturn

from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact

from klantbeeld.access.jwks import ALGORITHMS, VerificationKey
from klantbeeld.errors import Unauthenticated

MAX_TOKEN = 8_192  # characters
_FORBIDDEN_MEMBERS = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c", "enc", "zip"})
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Header:
    """What we read of a JOSE header."""

    algorithm: str
    key_id: str
    type: str | None


class _Algorithms(JWSRegistry):
    """The asymmetric algorithms; `EdDSA` means Ed25519 here, so that RFC 9864's warning about its ambiguity is void."""

    max_header_length = MAX_TOKEN
    max_payload_length = MAX_TOKEN

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in ALGORITHMS:
            refuse("the algorithm is not accepted")
        return self.algorithms["Ed25519" if name == "EdDSA" else name]


_REGISTRY = _Algorithms(algorithms=list(ALGORITHMS), strict_check_header=False)


def read_header(token: str) -> Header:
    """Read the header of a token that nobody has verified yet.

    Raises Unauthenticated for what is not a compact JWS with an asymmetric algorithm, a key id, and nothing that would
    make us trust a key of the token's own.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        refuse("the token is too long, or not ASCII")
    parts = token.split(".")
    if len(parts) != _PARTS:
        refuse("the token does not have three parts")
    header = read_object(_decoded(parts[0]))
    if not _FORBIDDEN_MEMBERS.isdisjoint(header):
        refuse("the header has a member that is not accepted")
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        refuse("the algorithm is not accepted")
    if not isinstance(key_id, str) or not (kind is None or isinstance(kind, str)):
        refuse("the header names no key, or its type is no string")
    return Header(algorithm, key_id, kind)


def unverified_payload(token: str) -> bytes:
    """Give the payload of a token whose header was read, to learn who says to have issued it, and nothing else."""
    return _decoded(token.split(".")[1])


def verified_payload(token: str, header: Header, key: VerificationKey, *, algorithms: AbstractSet[str]) -> bytes:
    """Give the payload if the signature is the key's; raises Unauthenticated otherwise."""
    if header.algorithm not in algorithms or header.algorithm not in key.algorithms:
        refuse("the algorithm is not accepted from this issuer, or not meant for this key")
    try:
        verified = deserialize_compact(token, key.key, registry=_REGISTRY)
    except (JoseError, ValueError) as error:  # cryptography raises ValueError for a signature of a wrong shape
        raise Unauthenticated("the signature does not verify", code="TOKEN_INVALID") from error
    return verified.payload or b""


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; a name that occurs twice is refused, because two readers could see two objects (RFC 8725)."""
    try:
        value = json.loads(body, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("a part of the token is not JSON", code="TOKEN_INVALID") from error
    if not isinstance(value, dict):
        refuse("a part of the token is not a JSON object")
    return value


def refuse(why: str) -> NoReturn:
    """Refuse a token; `why` is for the log, the caller learns TOKEN_INVALID alone."""
    raise Unauthenticated(why, code="TOKEN_INVALID")


def _decoded(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("a part of the token is not base64url", code="TOKEN_INVALID") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
