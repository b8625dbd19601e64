"""One WebSocket of a client, as uvicorn serves it, with a limit to what can be made to wait on it.

uvicorn answers pings whether or not anybody reads the answers, waits for ever for a client that reads nothing, and lets
everybody wait while it reads whatever one client has sent.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from klantbeeld.cli.patience import Patience, Stuck

PIECE: Final = 2_048  # bytes that are read in one round of the loop


class SocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's protocol of WebSockets, for one connection; `look` has to be called every second or so."""

    transport: asyncio.Transport

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._stuck = Stuck()
        self._unread = bytearray()
        self._is_turning = False  # a piece will be read in the loop's next round

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio)."""
        self._unread += data
        if not self._is_turning:
            self._read_piece()

    def resume_writing(self) -> None:
        """Go on once the client has read (asyncio)."""
        super().resume_writing()
        self._go_on()

    async def receive(self) -> Any:
        """Give what came, and read on (ASGI)."""
        message = await super().receive()
        self._go_on()
        return message

    def look(self, now: float, patience: Patience) -> None:
        """End the connection of a client that takes nothing; `now` is monotonic, in seconds."""
        waiting = self.transport.get_write_buffer_size()
        if self._stuck.at(("answer", -waiting) if waiting else None, now) >= patience.read:
            self.transport.abort()

    def _read_piece(self) -> None:
        """Read a little of what came: a read may hold thousands of frames, and others wait meanwhile."""
        self._is_turning = False
        if self._may_read():
            size = PIECE if self.handshake_initiated else len(self._unread)
            piece = bytes(self._unread[:size])
            del self._unread[:size]
            try:
                super().data_received(piece)
            except InvalidState:  # more frames behind one that ended it
                self.transport.close()
        self._go_on()

    def _go_on(self) -> None:
        """Read the next piece in the loop's next round, or let more come once all of it is read."""
        if self.transport.is_closing():
            return
        if not self._may_read():
            self.transport.pause_reading()
        elif not self._unread:
            self.transport.resume_reading()
        elif not self._is_turning:
            self.transport.pause_reading()
            self._is_turning = True
            self.loop.call_soon(self._read_piece)

    def _may_read(self) -> bool:
        """Say whether what came before has been taken, by us and by the client."""
        return not (self.read_paused or self.transport.is_closing()) and self.writable.is_set()
