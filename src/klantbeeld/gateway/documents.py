"""Trusted documents: operations that the operator has put into a folder, asked by their SHA-256.

Two ways of asking are understood: `documentId: "sha256:HEX"` (GraphQL over HTTP, appendix Persisted Documents; the bare
hash too, as Relay sends it) and `extensions.persistedQuery` (Apollo's clients). Nothing is ever stored on a client's
word.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from klantbeeld.errors import ConfigurationError
from klantbeeld.gateway.errors import Refusal
from klantbeeld.gateway.ports import GraphQLRequest
from klantbeeld.settings import GatewaySettings

PREFIX: Final = "sha256:"
HASH: Final = re.compile(r"[0-9a-f]{64}")
PERSISTED: Final = "extensions.persistedQuery"
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The documents that are known, by the lower-case hexadecimal SHA-256 of their text in UTF-8."""

    by_hash: Mapping[str, str]
    only: bool = False
    """Answer nothing else."""

    def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """Give the request with its document in place; `document_id` is `sha256:HEX` if that is a trusted one.

        A document that is sent whole is trusted as well if it is one of ours. Raises Refusal.
        """
        asked, place = _asked(request)
        query = request.query
        if query is None:
            if asked is None:
                raise Refusal("BAD_REQUEST", place="query")
            query = self.by_hash.get(asked)
            if query is None:
                raise _unknown(request, place)
        elif asked is not None and asked != hash_of(query):
            raise Refusal("DOCUMENT_HASH_MISMATCH", place=place)
        elif asked is None and self.only:
            asked = hash_of(query)
        elif asked is None:
            return request
        is_trusted = asked is not None and asked in self.by_hash
        if self.only and not is_trusted:
            raise Refusal("DOCUMENT_NOT_TRUSTED", status=403, place="query")
        return structs.replace(request, query=query, document_id=f"{PREFIX}{asked}" if is_trusted else None)


def trusted_documents(settings: GatewaySettings) -> TrustedDocuments:
    """Give the documents that the settings trust. Raises ConfigurationError for a folder that cannot be read."""
    if settings.trusted_documents is None:
        return TrustedDocuments(by_hash={}, only=settings.only_trusted_documents)
    return load_documents(settings.trusted_documents, only=settings.only_trusted_documents)


def load_documents(folder: Path, *, only: bool = False) -> TrustedDocuments:
    """Read every `.graphql` file below a folder, as it stands to the byte.

    Raises ConfigurationError for a folder or file that cannot be read.
    """
    if not folder.is_dir():
        raise ConfigurationError(str(folder), "is not a folder", "Set gateway.trusted_documents to a folder.")
    by_hash: dict[str, str] = {}
    for path in sorted(folder.rglob("*.graphql")):
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(str(path), "cannot be read as UTF-8", "Mend the file or remove it.") from error
        by_hash[hash_of(text)] = text
    return TrustedDocuments(by_hash=by_hash, only=only)


def hash_of(document: str) -> str:
    """Give the lower-case hexadecimal SHA-256 of a document's text."""
    return hashlib.sha256(document.encode()).hexdigest()


def _asked(request: GraphQLRequest) -> tuple[str | None, str]:
    """Give the hash that a request names, and the member that named it."""
    persisted = _persisted(request)
    if request.document_id is None:
        return persisted, "query" if persisted is None else PERSISTED
    given = request.document_id.removeprefix(PREFIX)
    if not HASH.fullmatch(given):
        raise Refusal("DOCUMENT_UNKNOWN", status=NOT_FOUND, place="documentId")
    if persisted not in {None, given}:
        raise Refusal("DOCUMENT_HASH_MISMATCH", place=PERSISTED)
    return given, "documentId"


def _persisted(request: GraphQLRequest) -> str | None:
    persisted: Any = request.extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise Refusal("BAD_REQUEST", place=PERSISTED)
    named: Any = persisted.get("sha256Hash")
    if not isinstance(named, str) or not HASH.fullmatch(named):
        raise Refusal("BAD_REQUEST", place=f"{PERSISTED}.sha256Hash")
    return named


def _unknown(request: GraphQLRequest, place: str) -> Refusal:
    """Apollo's clients send the whole document when they read this code, which they know by this spelling."""
    if request.document_id is None:
        return Refusal("PERSISTED_QUERY_NOT_FOUND", status=NOT_FOUND, place=place)
    return Refusal("DOCUMENT_UNKNOWN", status=NOT_FOUND, place=place)
