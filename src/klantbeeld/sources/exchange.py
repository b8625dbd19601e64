"""One exchange with a system: a call with the proof of who asks, its reply, and what the connector makes of that."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import structs

from klantbeeld.errors import SourceError, SourceInvalid, SourceRefused
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.transport import Transport
from klantbeeld.telemetry.spans import Span


class Exchange:
    """Makes the exchanges of one source; lives as long as that. `deadline_header` tells the system its time left."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        transport: Transport,
        credentials: Credentials,
        *,
        monotonic: Callable[[], float],
        deadline_header: str | None,
    ) -> None:
        self._name = name
        self._connector = connector
        self._transport = transport
        self._credentials = credentials
        self._monotonic = monotonic
        self._deadline_header = deadline_header.encode() if deadline_header else None

    async def make(self, call: Call[Any], deadline: float, context: CallContext) -> Reply:
        """Make one, as the chain's attempt; raises SourceError."""
        if context.span is not None:
            return await self._traced(call, deadline, context, context.span)
        proven, credentials = call, self._credentials
        if credentials.are_in_headers:
            headers = credentials.at_hand()
            if headers is None:
                headers = await credentials.headers(deadline, context)
            if call.headers:
                headers = (*encoded(tuple(call.headers)), *headers)
        else:
            proven = await credentials.apply(call, deadline, context)
            headers = encoded(tuple(proven.headers))
        body = b""
        if proven.form is not None or proven.json is not None:
            body, media_type = proven.content()
            headers = (*headers, (b"content-type", (media_type or "").encode()))
        if self._deadline_header is not None:
            left = max(int((deadline - self._monotonic()) * 1000), 0)
            headers = (*headers, (self._deadline_header, str(left).encode()))
        reply = await self._transport.exchange(proven.method, proven.target, headers, body, deadline=deadline)
        if reply.status in proven.absent:
            return reply
        if problem := self._connector.problem(reply):
            problem.status = reply.status
            if isinstance(problem, SourceRefused):
                self._credentials.forget_token(context)
            raise problem
        return reply

    async def _traced(self, call: Call[Any], deadline: float, context: CallContext, parent: Span) -> Reply:
        """Make one as a span, which the system hears of (W3C trace context)."""
        number = 1 + sum(one.name == "attempt" and one.parent_id == parent.span_id for one in parent.every)
        span = parent.begin("attempt", source=self._name, method=call.method, attempt=number)
        told = call.with_headers(("traceparent", span.traceparent()))
        try:
            reply = await self.make(told, deadline, structs.replace(context, span=None))
        except SourceError as problem:
            span.end(failed=True, status=problem.status, code=problem.code)
            raise
        span.end(status=reply.status)
        return reply


@lru_cache(maxsize=1024)
def encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return header lines as bytes; a connector's are the same from call to call. Raises SourceInvalid, not sent."""
    try:
        return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    except UnicodeEncodeError as error:
        raise SourceInvalid("a header of the request has characters that cannot be sent", sent=False) from error
