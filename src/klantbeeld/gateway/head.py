"""The head of a request: what its method and its headers alone tell, and what of that is refused."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope

from klantbeeld.gateway import negotiation
from klantbeeld.gateway.errors import Refusal
from klantbeeld.gateway.negotiation import Wanted
from klantbeeld.gateway.ports import Caller
from klantbeeld.settings import Language

MOST_MILLISECONDS_DIGITS: Final = 7
DEADLINE_HEADER: Final = b"klantbeeld-deadline-ms"
KEY_HEADER: Final = b"idempotency-key"
ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-type",
        b"content-length",
        b"klantbeeld-consistency-token",
        b"klantbeeld-explain",
        b"klantbeeld-purpose",
        DEADLINE_HEADER,
        KEY_HEADER,
    }
)
# What a request may bring (RFC 9110, section 12.5.1; W3C Linked Data Platform, section 7.1).
TAKES: Final = ((b"accept", b"application/json"), (b"accept-post", b"application/json"))
METHODS: Final = frozenset({"GET", "HEAD", "POST"})
ALLOW: Final = (b"allow", b"GET, HEAD, POST")


@dataclass(slots=True)  # not frozen: that costs a microsecond for every request
class Exchange:
    """What is known of one HTTP request before anything was asked of others; lives as long as it."""

    scope: Scope
    receive: Receive
    wanted: Wanted
    language: Language
    headers: Mapping[bytes, bytes]
    arrived: float = 0.0  # when all of it was there, in the loop's time


def refuse_unfit(exchange: Exchange, cors_origins: Collection[str]) -> None:
    """Raise Refusal for what cannot be answered whatever its body says."""
    method = exchange.scope["method"]
    headers = exchange.headers
    if method not in METHODS:
        raise Refusal("METHOD_NOT_ALLOWED", status=405, headers=(ALLOW,))
    if not exchange.wanted.is_anything:
        raise Refusal("NOT_ACCEPTABLE", status=406, place="header Accept", allowed=negotiation.OFFERS)
    if len(headers) != len(exchange.scope["headers"]):
        refuse_repeated(exchange.scope)
    if method != "POST":
        _refuse_cross_site(headers, cors_origins)
    elif not negotiation.is_json(headers.get(b"content-type", b"")):
        raise Refusal(
            "UNSUPPORTED_MEDIA_TYPE",
            status=415,
            place="header Content-Type",
            allowed=("application/json",),
            headers=TAKES,
        )
    elif headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(
            "UNSUPPORTED_MEDIA_TYPE",
            status=415,
            place="header Content-Encoding",
            allowed=("identity",),
            headers=((b"accept-encoding", b"identity"),),
        )


def refuse_repeated(scope: Scope) -> None:
    """Raise Refusal for a header twice of which there is only one: whoever reads the other one is deceived."""
    names = [name for name, _ in scope["headers"]]
    for name in ONCE:
        if names.count(name) > 1:
            raise Refusal("BAD_REQUEST", place=f"header {name.decode()}, twice")


def deadline_of(caller: Caller, headers: Mapping[bytes, bytes], *, arrived: float, reserve: float) -> float:
    """Give when what is asked of others has to be there, in the time in which `arrived` is.

    So many seconds as `reserve` says, at most a tenth of them all, are left for putting the answer together.
    """
    seconds = _seconds(caller, headers)
    return arrived + seconds - min(reserve, seconds / 10)


def joined(scope: Scope, headers: Mapping[bytes, bytes], name: bytes) -> bytes:
    """Give a list header, whose lines are one list (RFC 9110, section 5.3)."""
    if len(headers) == len(scope["headers"]):
        return headers.get(name, b"")
    return b",".join(value for given, value in scope["headers"] if given == name)


def asks_by_get(scope: Scope) -> bool:
    """Tell whether a GET is a GraphQL request, whatever it accepts."""
    return any(name in scope["query_string"] for name in (b"query=", b"documentId=", b"extensions="))


def _refuse_cross_site(headers: Mapping[bytes, bytes], cors_origins: Collection[str]) -> None:
    """Refuse a GET that another site's page made a browser send; a POST of JSON needs CORS anyway."""
    if headers.get(b"sec-fetch-site") != b"cross-site":
        return
    if headers.get(b"origin", b"").decode("latin-1") not in cors_origins:
        raise Refusal("CROSS_SITE_REQUEST", status=403, place="header Sec-Fetch-Site")


def _seconds(caller: Caller, headers: Mapping[bytes, bytes]) -> float:
    """Give the seconds that the request may take: the caller's own, or fewer where a header asks so."""
    asked = headers.get(DEADLINE_HEADER)
    if asked is None:
        return caller.deadline_seconds
    if not asked.isdigit() or len(asked) > MOST_MILLISECONDS_DIGITS or int(asked) == 0:
        most = 10**MOST_MILLISECONDS_DIGITS - 1
        raise Refusal("BAD_REQUEST", place="header Klantbeeld-Deadline-Ms", allowed=(f"1..{most}",))
    return min(caller.deadline_seconds, int(asked) / 1000)
