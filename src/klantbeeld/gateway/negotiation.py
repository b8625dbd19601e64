"""Which media type and which language an answer has (RFC 9110, section 12; GraphQL over HTTP, section 6).

Parsed headers are remembered: a client sends the same ones with every request.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, Final, Literal, TypeVar, cast

from klantbeeld.settings import Language

JSON: Final = b"application/json; charset=utf-8"
GRAPHQL_RESPONSE: Final = b"application/graphql-response+json; charset=utf-8"
EVENT_STREAM: Final = b"text/event-stream"
LONGEST_HEADER: Final = 2_000  # one beyond it is taken for absent; real ones are a tenth of it
REMEMBERED: Final = 256

Read = TypeVar("Read", bound=Callable[..., Any])

Streaming = Literal["multipart", "sse"]
Coding = Literal["zstd", "gzip"]
Offer = Literal["application/json", "application/graphql-response+json", "multipart/mixed", "text/event-stream"]

JSON_OFFERS: Final[tuple[Offer, ...]] = ("application/json", "application/graphql-response+json")
STREAM_OFFERS: Final[tuple[Offer, ...]] = ("multipart/mixed", "text/event-stream")
EVENT_OFFERS: Final = ("text/event-stream", "multipart/mixed; subscriptionSpec=1.0")
OFFERS: Final = (*JSON_OFFERS, *STREAM_OFFERS)
STREAMING: Final[dict[str, Streaming]] = {"multipart/mixed": "multipart", "text/event-stream": "sse"}


def remembered(read: Read) -> Read:
    """Remember what a function reads out of a header; one that is too long is taken for absent, and kept by nobody."""
    kept = lru_cache(REMEMBERED)(read)

    @wraps(read)
    def bounded(header: bytes, *rest: Any) -> Any:
        return kept(header if len(header) <= LONGEST_HEADER else b"", *rest)

    return cast("Read", bounded)


@dataclass(frozen=True, slots=True)
class Range:
    """One media range of an Accept header; a higher `rank` is preferred."""

    media: str
    parameters: tuple[tuple[str, str], ...]
    rank: tuple[float, int]

    @property
    def is_refused(self) -> bool:
        """The client wrote `q=0`."""
        return self.rank[0] <= 0

    def parameter(self, name: str) -> str | None:
        """Give a parameter's value, None if the range has none of that name."""
        return dict(self.parameters).get(name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client takes: each member the format for one kind of answer, None where it takes none."""

    json: bytes | None
    """Content type of a plain answer."""
    incremental: Streaming | None
    """For `@defer` and `@stream`."""
    events: Streaming | None
    """For subscriptions."""
    page: bool
    """A browser asks for a page before anything else."""

    @property
    def is_anything(self) -> bool:
        """There is a format for a plain answer: streams can carry one too."""
        return self.json is not None or self.incremental is not None or self.events is not None

    @property
    def refusal(self) -> bytes:
        """Content type of an answer without execution; a client that reads no JSON gets it nevertheless."""
        return self.json or JSON


@remembered
def wanted(accept: bytes) -> Wanted:
    """Read an Accept header; an absent (empty) one takes anything.

    Of what the client rates alike, what it names first is taken. `*/*` means `application/json`, and never a stream:
    who lists `*/*` or streams after JSON gets JSON for whatever fits into one answer.
    """
    ranges = list(_ranges(accept))
    if not ranges:
        return Wanted(json=JSON, incremental=None, events=None, page=False)
    json_rank = {offer: rank for offer in JSON_OFFERS if (rank := _rank(ranges, offer)) is not None}
    best_json = max(json_rank, key=lambda offer: json_rank[offer], default=None)
    html_rank = _rank([one for one in ranges if "*" not in one.media], "text/html")
    return Wanted(
        json=None if best_json is None else JSON if best_json == "application/json" else GRAPHQL_RESPONSE,
        incremental=_stream(ranges, is_incremental=True),
        events=_stream(ranges, is_incremental=False),
        page=html_rank is not None and (best_json is None or html_rank > json_rank[best_json]),
    )


@remembered
def is_json(content_type: bytes) -> bool:
    """Tell whether a request's body is JSON in UTF-8."""
    media, parameters = _media(content_type.decode("latin-1"))
    return media == "application/json" and dict(parameters).get("charset", "utf-8").lower() in {"utf-8", "utf8"}


@remembered
def language(accept_language: bytes, default: Language) -> Language:
    """Choose between Dutch and English by an Accept-Language header (RFC 4647 lookup)."""
    best, best_rank = default, (0.0, 0)
    for one in _ranges(accept_language):
        spoken = one.media.partition("-")[0]
        if spoken in {"nl", "en"} and one.rank > best_rank and not one.is_refused:
            best, best_rank = ("nl" if spoken == "nl" else "en"), one.rank
    return best


@remembered
def coding(accept_encoding: bytes, offered: tuple[Coding, ...]) -> Coding | None:
    """Choose how an answer is compressed (RFC 9110, section 12.5.3); of what the client rates alike, the first offered.

    None where the client takes none of them, or would rather have none. Who takes anything gets gzip: not everybody
    means it.
    """
    quality = {one.media: one.rank[0] for one in _ranges(accept_encoding)}
    rated: dict[Coding, float] = {one: quality.get(one, 0.0) for one in offered}
    rated["gzip"] = quality.get("gzip", quality.get("*", 0.0))
    best = max(rated, key=lambda one: rated[one])
    return best if rated[best] > 0 and rated[best] >= quality.get("identity", 0.0) else None


def _rank(ranges: list[Range], offer: str) -> tuple[float, int] | None:
    """Give the rank of what is offered: that of the most specific range that matches it."""
    kind = offer.partition("/")[0]
    for pattern in (offer, f"{kind}/*", "*/*"):
        matching = [one for one in ranges if one.media == pattern and _is_utf8(one)]
        if matching:
            best = max(one.rank for one in matching)
            return best if best[0] > 0 else None
    return None


def _stream(ranges: list[Range], *, is_incremental: bool) -> Streaming | None:
    fits = _fits_incremental if is_incremental else _fits_events
    named = [one for one in ranges if one.media in STREAM_OFFERS and not one.is_refused and fits(one)]
    return STREAMING[max(named, key=lambda one: one.rank).media] if named else None


def _fits_incremental(one: Range) -> bool:
    """Tell whether the client reads `pending` and `completed`; the older format is Apollo's `deferSpec`."""
    if one.parameter("deferspec") or one.parameter("subscriptionspec"):
        return False
    return one.parameter("incrementalspec") in {None, "v0.2"}


def _fits_events(one: Range) -> bool:
    """Events go as SSE, or in multipart only where the client asks for Apollo's subscription format."""
    return one.media == "text/event-stream" or one.parameter("subscriptionspec") == "1.0"


def _is_utf8(one: Range) -> bool:
    return (one.parameter("charset") or "utf-8").lower() in {"utf-8", "utf8"}


def _ranges(header: bytes) -> Iterator[Range]:
    for index, text in enumerate(header.decode("latin-1").split(",")):
        media, parameters = _media(text)
        if media:
            quality = _quality(dict(parameters).get("q", "1"))
            yield Range(media=media, parameters=parameters, rank=(quality, -index))


def _media(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    media, *rest = text.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return media.strip().lower(), tuple((name.strip().lower(), value.strip().strip('"')) for name, _, value in pairs)


def _quality(text: str) -> float:
    """Read a weight; one that is none counts as 1, as if it were not there."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0.0 <= quality <= 1.0 else 1.0
