"""The head of a request, written so that nothing in it can end it early (RFC 9112, sections 3 and 5)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version

from klantbeeld.errors import SourceInvalid

OURS = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that only the wire writes: who else could set them could make two requests of one."""

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CR, _LF, _NUL = b"\r\n\0"
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

# A method and a path, with or without a query, that end where the line's next space is (RFC 9112, section 3).
_IS_BEGINNING = re.compile(r"[A-Za-z]+ /[!\"$-~]*").fullmatch

Headers = Sequence[tuple[bytes, bytes]]


def write_request(method: str, target: str, headers: Headers, body: bytes, *, constant: bytes, agent: bytes) -> bytes:
    """Write a request, head and body in one piece.

    `constant` holds the header lines that are the same for every request to the source; `agent` is the user agent if
    `headers` names none. Raise SourceInvalid, not sent, for a method, target or header that cannot stand in a head.
    """
    beginning = f"{method} {target}"
    if not _IS_BEGINNING(beginning):
        raise SourceInvalid("the method or target of the request has characters that cannot be sent", sent=False)
    parts = [beginning.encode("ascii"), b" HTTP/1.1\r\n", constant]
    for name, value in headers:
        if _CR in value or _LF in value or _NUL in value:
            raise SourceInvalid(f"the value of header {name!r} of the request cannot be sent", sent=False)
        if _fold(name) == b"user-agent":
            agent = value
        else:
            parts += (name, b": ", value, b"\r\n")
    parts += (b"user-agent: ", agent, b"\r\n")
    if body or method in _METHODS_WITH_BODY:
        parts.append(b"content-length: %d\r\n" % len(body))
    parts += (b"\r\n", body)
    return b"".join(parts)


def user_agent() -> bytes:
    """Name the product that asks (RFC 9110, section 10.1.5)."""
    return f"klantbeeld/{version('klantbeeld')}".encode("ascii")


@lru_cache(maxsize=256)
def _fold(name: bytes) -> bytes:
    """Give the name in lower case, checked. Connectors use few names, and no name is a secret, so they are kept."""
    folded = name.lower()
    if not name or name.translate(None, _TOKEN) or folded in OURS:
        raise SourceInvalid(f"header {folded!r} of the request cannot be sent", sent=False)
    return folded
