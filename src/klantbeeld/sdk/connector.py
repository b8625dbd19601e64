"""Connectors: the code for one kind of system. A connector does no I/O.

    class Stripe(Connector):
        auth = Bearer("secret_key")

        @reads(mapping.INVOICE)
        def invoices(self, ask: Ask) -> Call[wire.Invoice]:
            return Call(path="/v1/invoices", query=[("customer", ask.key)], items=("data",), record=wire.Invoice)

        @does(WriteSafety.IDEMPOTENCY_KEY, mapping.CREDIT_NOTE)
        def credit_invoice(self, act: CreditInvoice) -> Call[wire.CreditNote]: ...

A capability raises SourceRejected where it is given an id that cannot be one of its product.
"""

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeVar

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceUnavailable,
)
from klantbeeld.sdk.auth import Auth, NoAuth
from klantbeeld.sdk.hooks import Hook
from klantbeeld.sdk.mapping import Mapping
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.signing import Signing
from klantbeeld.sdk.words import Guard, MatchKind, WriteSafety

F = TypeVar("F", bound=Callable[..., Any])

READING = "__klantbeeld_reading__"
DOING = "__klantbeeld_doing__"


@dataclass(frozen=True, slots=True)
class Reading:
    """A capability to read.

    `mappings` make records of each item. Readings of one connector with the same `resource` make the same call and
    are asked together. `batch` is the most keys of one call; an item's `owner` (or `record_id`, where the keys are
    records) tells which key it answers. `newest_first` names the member by which the source sorts its pages, newest
    first; without it the gateway reads all pages and sorts. `page` is the largest page that the source gives. `finds`
    are the kinds of match key that `find` takes.
    """

    name: str
    mappings: tuple[Mapping[Any], ...]
    resource: str
    batch: int = 1
    newest_first: str | None = None
    page: int | None = None
    by_record: bool = False
    finds: tuple[MatchKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Doing:
    """A capability to write: what the owner offers against doing it twice, and how its answer is read.

    `guard` says what is done with the version that the caller expects.
    """

    name: str
    safety: WriteSafety
    mapping: Mapping[Any]
    guard: Guard = Guard.NONE


class Connector:
    """One configured connector; lives as long as its source, holds nothing that changes.

    `hook` reads what the product tells by webhook, if it does.
    `options` are those that `connector.toml` declares, filled in from the settings.
    """

    auth: ClassVar[Auth | Signing] = NoAuth()
    hook: ClassVar[Hook | None] = None

    def __init__(self, options: Table[str, str]) -> None:
        self.options = options

    def problem(self, reply: Reply) -> SourceError | None:
        """Say what is wrong with an answer, by its status; None if nothing is.

        A connector overrides this where its product says more in the body or uses a status in its own way.
        """
        return problem_of_status(reply)

    @classmethod
    def readings(cls) -> dict[str, Reading]:
        """Return the capabilities to read, by name."""
        return _marked(cls, READING)

    @classmethod
    def doings(cls) -> dict[str, Doing]:
        """Return the capabilities to write, by name."""
        return _marked(cls, DOING)


def reads(
    *mappings: Mapping[Any],
    resource: str | None = None,
    batch: int = 1,
    newest_first: str | None = None,
    page: int | None = None,
    by_record: bool = False,
    finds: tuple[MatchKind, ...] = (),
) -> Callable[[F], F]:
    """Mark a method as a capability to read; see `Reading` for what the arguments mean."""

    def mark(method: F) -> F:
        name = method.__name__
        reading = Reading(name, mappings, resource or name, batch, newest_first, page, by_record, finds)
        setattr(method, READING, reading)
        return method

    return mark


def does(safety: WriteSafety, mapping: Mapping[Any], *, guard: Guard | None = None) -> Callable[[F], F]:
    """Mark a method as a capability to write; `mapping` reads the id and version of what was written.

    `guard` is what keeps it from going over a newer change: by default If-Match where that is its safety, else nothing.
    """
    kept = guard or (Guard.IF_MATCH if safety is WriteSafety.IF_MATCH else Guard.NONE)

    def mark(method: F) -> F:
        setattr(method, DOING, Doing(method.__name__, safety, mapping, kept))
        return method

    return mark


def problem_of_status(reply: Reply) -> SourceError | None:  # noqa: PLR0911 - a table that needs a range
    """Read the status as HTTP means it (RFC 9110, section 15)."""
    status = reply.status
    if 200 <= status < 300:  # noqa: PLR2004 - the range of success
        return None
    detail = f"status {status}"
    if status in {401, 403}:
        return SourceRefused(detail)
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return SourceRefused(detail, retry_after=retry_after(reply))
    if status in {409, 412}:
        return SourceConflict(detail)
    if status in {400, 404, 410, 422}:
        return SourceRejected(detail)
    if status >= 500:  # noqa: PLR2004 - the range of server errors
        return SourceUnavailable(detail, retry_after=retry_after(reply))
    return SourceInvalid(detail)


def retry_after(reply: Reply) -> float | None:
    """Return the seconds of a `Retry-After`; one that is a date is held against the answer's own (RFC 9110, 10.2.3)."""
    value = reply.header("retry-after")
    if not value or value.isdecimal():
        return float(value) if value else None
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(reply.header("date") or "")
    except (ValueError, TypeError, OverflowError):  # no date, one with a zone and one without, or one beyond all time
        return None
    return max(wait.total_seconds(), 0.0)


def _marked(cls: type[Connector], mark: str) -> dict[str, Any]:
    found = ((name, getattr(getattr(cls, name), mark, None)) for name in dir(cls))
    return {name: made for name, made in found if made is not None}
