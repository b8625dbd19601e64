"""The wire: keep-alive HTTP/1.1 on asyncio and httptools, one pool a source.

A request walks through these files: `wire` takes it, `request` writes its head, `pool` finds or opens a connection
(`dial`), `connection` sends it and reads the answer, `coding` decompresses the body. `limits` holds every number.
"""

from klantbeeld.sources.wire.limits import Limits
from klantbeeld.sources.wire.origin import Origin
from klantbeeld.sources.wire.wire import Wire

__all__ = ["Limits", "Origin", "Wire"]
