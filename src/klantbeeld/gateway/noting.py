"""Noting: what only the endpoint knows of an answer, for the log, the metrics and the traces of its request."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.types import Scope

from klantbeeld.gateway.parts import closed_at_the_end, has_errors
from klantbeeld.gateway.ports import Answer, Caller, Parts
from klantbeeld.telemetry.observe import KEY as OBSERVED
from klantbeeld.telemetry.observe import OBSERVER, Observation, ObserveRequests
from klantbeeld.telemetry.spans import Span

GONE: Final = 499  # what nginx calls it; it is logged and never sent


@contextmanager
def observed_operation(scope: Scope) -> Iterator[Scope]:
    """Observe one operation of a socket as a request; gives the scope to note it by."""
    own = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"x-request-id"]}  # that of one request
    observer: ObserveRequests | None = scope.get(OBSERVER)
    if observer is None:
        yield own
        return
    observed = observer.begin(own)
    try:
        yield own
    finally:
        observer.end(own, observed)


def note_stream(scope: Scope, caller: Caller, parts: Parts) -> None:
    """Tell the log and the metrics of an answer that comes bit by bit, before the first one."""
    observed: Observation | None = scope.get(OBSERVED)
    if observed is not None:
        observed.caller_class, observed.document = caller.caller_class, parts.document
        observed.is_stream = True


async def noted_parts(scope: Scope, parts: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[dict[str, Any], None]:
    """Hand on masked parts, and tell the log and the metrics where one of them says errors."""
    observed: Observation | None = scope.get(OBSERVED)
    async with closed_at_the_end(parts):
        async for part in parts:
            if observed is not None and has_errors(part):
                observed.outcome = "partial"
            yield part


def note(scope: Scope, caller: Caller, answer: Answer) -> None:
    """Tell the log and the metrics what only the endpoint knows."""
    observed: Observation | None = scope.get(OBSERVED)
    if observed is None:
        return
    observed.caller_class = caller.caller_class
    observed.document = answer.document
    observed.waited = answer.waited
    if answer.executed:
        observed.outcome = "partial" if answer.is_partial else "ok"
    else:
        observed.outcome = "refused"


def note_status(scope: Scope, status: int) -> None:
    """Tell the log and the metrics what an operation of a socket would have had as its status over HTTP."""
    observer: ObserveRequests | None = scope.get(OBSERVER)
    if observer is not None:
        observer.answered(scope[OBSERVED], status)


def span_of(scope: Scope) -> Span | None:
    """Give the span of the request, None where nothing is traced."""
    observed: Observation | None = scope.get(OBSERVED)
    return None if observed is None else observed.span


def note_gone(scope: Scope) -> None:
    """Tell the log and the metrics that nobody waits for the answer any more."""
    observed: Observation | None = scope.get(OBSERVED)
    if observed is not None:
        observed.outcome, observed.status = "gone", GONE
