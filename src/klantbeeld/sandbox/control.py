"""Control over a server from outside: the log of its requests, faults on demand, and a fresh start.

``Controlled`` wraps a server's app. Everything under ``/_sandbox/`` is for whoever runs the sandbox and is neither
logged nor subject to faults::

    GET    /_sandbox/health     {"name", "status"}
    GET    /_sandbox/log        {"requests": [...]}, oldest first; ?path= keeps those whose path begins so
    DELETE /_sandbox/log
    GET    /_sandbox/fault      {"faults": [...]}
    PUT    /_sandbox/fault      one fault or a list of them, in place of all earlier ones
    DELETE /_sandbox/fault
    GET    /_sandbox/habits     {"name": number, ...}: what this server can be told, and its present value
    PUT    /_sandbox/habits     some of them with new numbers, such as {"token_seconds": 5}
    POST   /_sandbox/reset      the store, the log, the faults and the habits as they were at the start

Habits are whole numbers that an app offers in ``app.state.habits``: how long a token lives, how long an idempotency
key is remembered.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klantbeeld.sandbox.faults import Fault, FaultError, act_out, read_faults, read_habits

LOG_LIMIT = 100_000
SECRET_HEADERS = frozenset({"authorization", "cookie"})


class Controlled:
    """An ASGI app around ``make()``, with the log, the faults and the reset. Lives as long as the server."""

    def __init__(
        self,
        name: str,
        make: Callable[[], ASGIApp],
        *,
        clock: Callable[[], datetime],
        drop: Callable[[Scope], None] | None = None,
    ) -> None:
        self.name = name
        self._make = make
        self._clock = clock
        self._drop = drop or _reset_connection
        self._app = make()
        self._is_as_made = True
        self._log: deque[dict[str, object]] = deque(maxlen=LOG_LIMIT)
        self._faults: list[Fault] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: control, or the server's own behind the log and the faults."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith("/_sandbox/"):
            response = await self._control(Request(scope, receive))
            await response(scope, receive, send)
            return
        self._is_as_made = False
        body = await Request(scope, receive).body()
        fault = self._next_fault(scope["path"])
        entry = self._entry(scope, body, fault)
        self._log.append(entry)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        app = _counting(self._app, entry)
        if fault is None:
            await app(scope, _replay(body, receive), noting)
        else:
            await act_out(fault, app, self._drop)(scope, _replay(body, receive), noting)

    async def _control(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/_sandbox/")
        shown = self._shown(name, request.query_params.get("path", "")) if request.method == "GET" else None
        if shown is not None:
            return JSONResponse(shown)
        try:
            is_done = self._change(request.method, name, await request.body())
        except FaultError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if is_done:
            return Response(status_code=204)
        return JSONResponse({"error": "There is no such control; see klantbeeld.sandbox.control."}, status_code=404)

    def _shown(self, name: str, prefix: str) -> dict[str, object] | None:
        match name:
            case "health":
                return {"name": self.name, "status": "ok"}
            case "log":
                return {"requests": [entry for entry in self._log if str(entry["path"]).startswith(prefix)]}
            case "fault":
                return {"faults": [fault.shown() for fault in self._faults]}
            case "habits":
                return {**self._habits()}
            case _:
                return None

    def _change(self, method: str, name: str, body: bytes) -> bool:
        match method, name:
            case "DELETE", "log":
                self._log.clear()
            case "PUT", "fault":
                self._faults = read_faults(body)
            case "DELETE", "fault":
                self._faults = []
            case "PUT", "habits":
                self._is_as_made = False
                self._habits().update(read_habits(body, self._habits()))
            case "POST", "reset":
                if not self._is_as_made:
                    self._app, self._is_as_made = self._make(), True
                self._log.clear()
                self._faults = []
            case _:
                return False
        return True

    def _habits(self) -> dict[str, int]:
        habits: dict[str, int] = getattr(getattr(self._app, "state", None), "habits", {})
        return habits

    def _next_fault(self, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.matches(path):
                fault.use()
                return fault
        return None

    def _entry(self, scope: Scope, body: bytes, fault: Fault | None) -> dict[str, object]:
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        return {
            "at": self._clock().isoformat(),
            "method": scope["method"],
            "path": scope["path"],
            "query": unquote(scope["query_string"].decode("latin-1")),
            "headers": {key: value for key, value in headers.items() if key not in SECRET_HEADERS},
            "body": body.decode("utf-8", "replace"),
            "status": None,
            "fault": fault.mode if fault else None,
            "executed": False,
        }


def _counting(app: ASGIApp, entry: dict[str, object]) -> ASGIApp:
    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        entry["executed"] = True
        await app(scope, receive, send)

    return counted


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def replayed() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


def _reset_connection(_scope: Scope) -> None:
    raise ConnectionResetError("The sandbox dropped the connection, as it was told to.")
