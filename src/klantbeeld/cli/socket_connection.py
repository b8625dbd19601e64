"""One WebSocket of a client, as uvicorn serves it, with a limit to what can be made to wait on it.

uvicorn answers pings whether or not anybody reads the answers, and waits for ever for a client that reads nothing.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from klantbeeld.cli.patience import Patience, Stuck


class SocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's protocol of WebSockets, for one connection; `look` has to be called every second or so."""

    transport: asyncio.Transport

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._stuck = Stuck()

    def data_received(self, data: bytes) -> None:
        """Read on, unless what was answered before is not taken (asyncio)."""
        super().data_received(data)
        if not (self.writable.is_set() or self.transport.is_closing()):
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on once the client has read (asyncio)."""
        super().resume_writing()
        if not (self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def look(self, now: float, patience: Patience) -> None:
        """End the connection of a client that takes nothing; `now` is monotonic, in seconds."""
        waiting = self.transport.get_write_buffer_size()
        if self._stuck.at(("answer", -waiting) if waiting else None, now) >= patience.read and waiting:
            self.transport.abort()
