"""Which request this is: the W3C trace context and the request id, taken from the caller where they are well formed.

https://www.w3.org/TR/trace-context/ (level 1). `tracestate` is not handed on: it is text of the caller's making, and
sources have no business with it.
"""

import os
import re
from dataclasses import dataclass

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
REQUEST_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
SAMPLED = 0x01


@dataclass(slots=True)  # not frozen: that costs a microsecond for every request
class Trace:
    """One request's place in a trace; lives as long as the request."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16, ours
    request_id: str  # a UUID, hyphens or none
    sampled: bool
    parent_id: str = ""  # the caller's span, 16; empty where it named none

    def traceparent(self) -> str:
        """Give the header that tells a source that its call belongs to this request."""
        return f"00-{self.trace_id}-{self.span_id}-{SAMPLED if self.sampled else 0:02x}"


def accept_trace(traceparent: str | None = None, request_id: str | None = None) -> Trace:
    """Go on with the caller's trace and request id, or begin new ones.

    A request id that is not a UUID is replaced: whatever else a client may put there would end in the logs.
    """
    fresh = os.urandom(40).hex()
    known = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    # Version 00 has exactly four parts; later versions may append more.
    if known is not None and known[4] is not None and str(traceparent).startswith("00"):
        known = None
    return Trace(
        trace_id=known[1] if known else fresh[:32],
        span_id=fresh[32:48],
        request_id=request_id if request_id and REQUEST_ID.fullmatch(request_id) else fresh[48:],
        sampled=bool(int(known[3], 16) & SAMPLED) if known else False,
        parent_id=known[2] if known else "",
    )
