"""The verifier held against published vectors (C2SP Wycheproof, testvectors_v1)."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.access.jwks import ALGORITHMS, read_key_set
from klantbeeld.access.signatures import read_header, refuse, verified_payload
from klantbeeld.errors import IssuerError, Unauthenticated

pytestmark = pytest.mark.shared

CHECKOUT = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("KLANTBEELD_SHARED", CHECKOUT.parent / "shared")) / "vectors"

NOT_BASE64URL = {372, 373}  # marked valid though they contain `?`
KEY_IS_FOR_ANOTHER_ALGORITHM = {346: "PS384", 347: "ES512", 350: "PS384", 351: "ES512"}
"""Marked valid though their keys say PS256 and `ES521`, while other vectors (332 to 340) want such keys refused."""

JWS = "json_web_signature_test.json"
JWK = "json_web_key_test.json"


def vectors(file: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    path = VECTORS / file
    if not path.exists():
        pytest.skip(f"{file} is not here: set KLANTBEELD_SHARED to the folder that holds vectors/")
    for group in json.loads(path.read_bytes())["testGroups"]:
        key = group.get("public") or group["private"]
        for test in group["tests"]:
            yield key, test


def accepts(key: dict[str, Any], token: str, **members: str) -> bool:
    entries = [entry | members for entry in key.get("keys", [key])]
    try:
        keys = read_key_set(json.dumps({"keys": entries}).encode())
        header = read_header(token)
        found = keys.get(header.key_id)
        if found is None:
            refuse("no such key")
        verified_payload(token, header, found, algorithms=frozenset(ALGORITHMS))
    except (Unauthenticated, IssuerError):
        return False
    return True


def is_symmetric(key: dict[str, Any]) -> bool:
    return any(entry["kty"] == "oct" for entry in key.get("keys", [key]))


@pytest.mark.parametrize("file", [JWS, JWK])
def test_every_invalid_vector_is_refused(file: str) -> None:
    invalid = [(key, test) for key, test in vectors(file) if test["result"] == "invalid"]
    assert len(invalid) > 20
    assert [test["tcId"] for key, test in invalid if accepts(key, test["jws"])] == []


@pytest.mark.parametrize("file", [JWS, JWK])
def test_every_valid_vector_of_an_allowed_algorithm_is_accepted(file: str) -> None:
    valid = [(key, test) for key, test in vectors(file) if test["result"] == "valid" and not is_symmetric(key)]
    assert valid
    refused = {test["tcId"] for key, test in valid if not accepts(key, test["jws"])}
    assert refused == (set(KEY_IS_FOR_ANOTHER_ALGORITHM) if file == JWS else set())


def test_the_mislabelled_keys_are_accepted_once_they_say_their_algorithm() -> None:
    cases = [(key, test) for key, test in vectors(JWS) if test["tcId"] in KEY_IS_FOR_ANOTHER_ALGORITHM]
    assert len(cases) == len(KEY_IS_FOR_ANOTHER_ALGORITHM)
    for key, test in cases:
        assert accepts(key, test["jws"], alg=KEY_IS_FOR_ANOTHER_ALGORITHM[test["tcId"]])


@pytest.mark.parametrize("file", [JWS, JWK])
def test_no_vector_of_a_shared_secret_is_accepted(file: str) -> None:
    symmetric = [(key, test) for key, test in vectors(file) if is_symmetric(key)]
    assert {test["tcId"] for _, test in symmetric} >= (NOT_BASE64URL if file == JWS else set())
    assert [test["tcId"] for key, test in symmetric if accepts(key, test["jws"])] == []
