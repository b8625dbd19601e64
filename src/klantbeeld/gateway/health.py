"""What operators and their orchestrators ask: is it alive, is it ready, what does it measure."""

from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from klantbeeld.gateway.ports import Readiness

NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
READY, NOT_READY = 200, 503


async def live(_: Request) -> Response:
    """Answer that the process runs and its loop turns; asks nobody else."""
    return _json(READY, {"live": True})


class ReadyEndpoint:
    """Answers whether requests can be taken, and which part is missing: names only, no addresses and no errors.

    A source that is `quarantined`, because its connector is broken, is named and does not matter here.
    """

    def __init__(self, readiness: Readiness, *, quarantined: tuple[str, ...] = ()) -> None:
        self._readiness = readiness
        self._details: dict[str, Any] = {"quarantined": list(quarantined)} if quarantined else {}

    async def ready(self, _: Request) -> Response:
        """Answer 200 if every part is there, 503 otherwise, and if asking itself breaks."""
        try:
            parts = dict(await self._readiness())
        except Exception:  # noqa: BLE001 - whoever asks gets a plain no
            parts = {"readiness": False}
        is_ready = all(parts.values())
        return _json(READY if is_ready else NOT_READY, {"ready": is_ready, "parts": parts, **self._details})


class MetricsEndpoint:
    """Answers the metrics of a registry, in the text format of Prometheus or of OpenMetrics by negotiation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def metrics(self, request: Request) -> Response:
        """Answer all metrics."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": content_type} | NO_STORE)


def _json(status: int, content: Any) -> Response:
    return Response(
        msgspec.json.encode(content), status_code=status, headers={"content-type": "application/json"} | NO_STORE
    )
