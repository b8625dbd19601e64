"""Trusted documents: asked by hash, and nothing else where only they are answered."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.gateway.documents import TrustedDocuments, hash_of, load_documents
from klantbeeld.gateway.errors import Refusal
from klantbeeld.gateway.ports import GraphQLRequest

TEXT = "query ServiceCall { hello }\n"
HASH = hashlib.sha256(TEXT.encode()).hexdigest()
DOCUMENTS = TrustedDocuments(by_hash={HASH: TEXT})
ONLY = TrustedDocuments(by_hash={HASH: TEXT}, only=True)


def persisted(sha: object, *, version: object = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": sha}}


def refusal(documents: TrustedDocuments, request: GraphQLRequest) -> tuple[str, int]:
    with pytest.raises(Refusal) as caught:
        documents.resolve(request)
    return caught.value.reason, caught.value.status


@pytest.mark.parametrize(
    "request_",
    [
        GraphQLRequest(None, document_id=f"sha256:{HASH}"),
        GraphQLRequest(None, document_id=HASH),
        GraphQLRequest(None, extensions=persisted(HASH)),
        GraphQLRequest(TEXT, extensions=persisted(HASH)),
        GraphQLRequest(TEXT, document_id=f"sha256:{HASH}"),
    ],
)
@pytest.mark.parametrize("documents", [DOCUMENTS, ONLY])
def test_a_known_hash_gives_the_document(documents: TrustedDocuments, request_: GraphQLRequest) -> None:
    resolved = documents.resolve(request_)
    assert (resolved.query, resolved.document_id) == (TEXT, f"sha256:{HASH}")


def test_a_document_without_a_hash_passes_as_it_is() -> None:
    assert DOCUMENTS.resolve(GraphQLRequest("{a}")) == GraphQLRequest("{a}")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (GraphQLRequest(None), ("BAD_REQUEST", 400)),
        (GraphQLRequest(None, document_id="sha256:" + "0" * 64), ("DOCUMENT_UNKNOWN", 404)),
        (GraphQLRequest(None, document_id="x-own:1"), ("DOCUMENT_UNKNOWN", 404)),
        (GraphQLRequest(None, document_id=HASH.upper()), ("DOCUMENT_UNKNOWN", 404)),
        (GraphQLRequest(None, extensions=persisted("0" * 64)), ("PERSISTED_QUERY_NOT_FOUND", 404)),
        (GraphQLRequest(None, extensions=persisted("../../etc/passwd")), ("BAD_REQUEST", 400)),
        (GraphQLRequest(None, extensions=persisted(7)), ("BAD_REQUEST", 400)),
        (GraphQLRequest(None, extensions=persisted(HASH, version=2)), ("BAD_REQUEST", 400)),
        (GraphQLRequest(None, extensions={"persistedQuery": "x"}), ("BAD_REQUEST", 400)),
        (GraphQLRequest("{a}", extensions=persisted(HASH)), ("DOCUMENT_HASH_MISMATCH", 400)),
        (GraphQLRequest("{a}", document_id=f"sha256:{HASH}"), ("DOCUMENT_HASH_MISMATCH", 400)),
        (GraphQLRequest(None, document_id=HASH, extensions=persisted("0" * 64)), ("DOCUMENT_HASH_MISMATCH", 400)),
        (GraphQLRequest(None, document_id=HASH, extensions=persisted(7)), ("BAD_REQUEST", 400)),
    ],
)
def test_what_is_not_known_or_does_not_fit_is_refused(request_: GraphQLRequest, expected: tuple[str, int]) -> None:
    assert refusal(DOCUMENTS, request_) == expected


def test_a_document_and_its_right_hash_are_never_remembered() -> None:
    request = GraphQLRequest("{a}", extensions=persisted(hash_of("{a}")))
    assert DOCUMENTS.resolve(request).document_id is None
    assert refusal(DOCUMENTS, GraphQLRequest(None, extensions=persisted(hash_of("{a}"))))[1] == 404


def test_where_only_trusted_documents_are_answered_a_trusted_text_passes() -> None:
    assert ONLY.resolve(GraphQLRequest(TEXT)).document_id == f"sha256:{HASH}"


@pytest.mark.parametrize(
    "request_",
    [
        GraphQLRequest("{a}"),
        GraphQLRequest(TEXT + " "),
        GraphQLRequest("{a}", extensions=persisted(hash_of("{a}"))),
        GraphQLRequest("{a}", document_id=f"sha256:{hash_of('{a}')}"),
    ],
)
def test_where_only_trusted_documents_are_answered_others_are_refused(request_: GraphQLRequest) -> None:
    assert refusal(ONLY, request_) == ("DOCUMENT_NOT_TRUSTED", 403)


def test_a_folder_is_read_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one.graphql").write_bytes(TEXT.encode())
    (tmp_path / "two.graphql").write_bytes(b"{ b }\r\n")
    (tmp_path / "notes.txt").write_text("not one")
    loaded = load_documents(tmp_path)
    assert dict(loaded.by_hash) == {HASH: TEXT, hash_of("{ b }\r\n"): "{ b }\r\n"}


def test_a_folder_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        load_documents(tmp_path / "missing")


def test_a_file_that_is_not_utf_8_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.graphql").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"bad\.graphql"):
        load_documents(tmp_path)
