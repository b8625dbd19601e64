"""`klantbeeld query`: a running gateway is asked, and its answer printed."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from klantbeeld.cli.language import Language
from klantbeeld.cli.terminal import remarks, results
from klantbeeld.errors import ConfigurationError

# Longer than any deadline of a caller class ought to be, in seconds.
PATIENCE = 60.0

MEDIA_TYPES = "application/graphql-response+json, application/json;q=0.9"


@dataclass(frozen=True, slots=True)
class Manner:
    """On whose behalf, why and in which language a gateway is asked."""

    token: str | None
    purpose: str | None
    language: Language

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say it."""
        headers = {"Accept-Language": self.language.value}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return headers | ({"Klantbeeld-Purpose": self.purpose} if self.purpose else {})


def query(url: str, operation: Path, *, manner: Manner, variables: str, name: str | None) -> int:
    """Print the answer; 1 if it has errors or did not come, else 0. Raises ConfigurationError for bad arguments."""
    body = {"query": document_in(operation), "variables": _variables(variables), "operationName": name}
    headers = {"Accept": MEDIA_TYPES, **manner.headers}
    notes = remarks()
    try:
        with notes.status(f"Asking {url} …"):
            response = httpx.post(url, json=body, headers=headers, timeout=PATIENCE)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigurationError(
            "--url", "is not the address of a gateway", "Write http://HOST:PORT/graphql"
        ) from error
    except httpx.TransportError as error:
        notes.print(f"{url} did not answer ({type(error).__name__}). Is the gateway running?", markup=False)
        return 1
    return _print(response)


def document_in(operation: Path) -> str:
    """Read a document from a file, or from standard input for `-`; raises ConfigurationError."""
    try:
        return sys.stdin.read() if str(operation) == "-" else operation.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError.unread(operation, error, "Name a file with a GraphQL document") from error


def _variables(text: str) -> Mapping[str, Any]:
    try:
        variables = json.loads(text)
    except ValueError as error:
        raise ConfigurationError("--variables", "is not JSON", 'Write an object: {"id": "…"}') from error
    if not isinstance(variables, dict):
        raise ConfigurationError("--variables", "is not an object", 'Write {"id": "…"}')
    return variables


def _print(response: httpx.Response) -> int:
    notes, console = remarks(), results()
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        kind = response.headers.get("content-type", "nothing")
        notes.print(f"Status {response.status_code} with {kind}: that is no GraphQL endpoint.", markup=False)
        return 1
    if console.is_terminal:
        console.print_json(data=answer, ensure_ascii=False)
    else:
        console.file.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    errors = answer.get("errors") or []
    for error in errors:
        extensions = error.get("extensions", {})
        path = ".".join(map(str, error.get("path", ()))) or "the request"
        place = f"{path}, {extensions['place']}" if "place" in extensions else path
        notes.print(f"{place}: {extensions.get('code', 'no code')}: {error.get('message', '')}", markup=False)
    return 1 if errors or response.is_error else 0
