"""The engine and the wire in Starlette alone: no token, no rights, no trail, no metrics, no log, a map in memory.

    python -m tests.benchmarks.alone --port 5101 --ids ids.txt --upstreams http://127.0.0.1:910

It is not a way to run Klantbeeld: it says what the engine and the wire cost, so that the rest can be told from them.
"""

import argparse
import asyncio
import gc
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
import uvloop
from graphql import DocumentNode
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from klantbeeld.cli.serve import COLLECT
from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.engine.ports import Answer, Reading
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.gateway.limits import check_limits, parse_document
from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.graph.schema import build_schema
from klantbeeld.identity.links import IMPORT, Link, Links
from klantbeeld.registry import load_connectors
from klantbeeld.settings import GatewaySettings, Settings, SourceSettings
from klantbeeld.sources.context import Priority
from klantbeeld.sources.opening import MakeTransport, open_source
from klantbeeld.sources.source import Source
from klantbeeld.writes.writer import Writer

HERE = Path(__file__).resolve().parent
SOURCES = ("crm", "billing", "complaints", "marketing")
DEADLINE = 2.0
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EveryRight:
    """Refuses nothing."""

    fingerprint: str = "every"

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        return None


@dataclass(frozen=True)
class Anybody:
    """Whoever asks."""

    rights: EveryRight = EveryRight()
    caller_class: str = "agent"
    deadline_seconds: float = DEADLINE
    expires_at: float | None = None
    priority: Priority = Priority.AGENT
    token: str | None = None


class Whole:
    """Releases everything."""

    is_whole = True

    def covers(self, scope: str, coordinate: str) -> bool:
        return True


class EveryRow:
    """Releases every customer."""

    async def releases(self, caller: Any, customer_ids: Collection[str]) -> Mapping[str, Whole]:
        return dict.fromkeys(customer_ids, WHOLE)

    async def own(self, caller: Any) -> str | None:
        return None


class NoTrail:
    """Keeps nothing."""

    def check(self) -> None:
        """Nothing can be wrong."""

    def read(self, caller: Any, reading: Reading) -> None:
        """Forget it."""


class Map:
    """Customers and their links, in memory."""

    def __init__(self, links: Mapping[str, Links]) -> None:
        self._links = links

    async def links_of(self, customer_ids: Sequence[str]) -> dict[str, Links]:
        return {one: self._links[one] for one in customer_ids if one in self._links}


class Endpoint:
    """Reads a request, has it answered, writes the answer."""

    def __init__(self, engine: Engine) -> None:
        self._execute = engine.execute
        self._caller = Anybody()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        deadline = asyncio.get_running_loop().time() + DEADLINE
        context = RequestContext(caller=self._caller, deadline=deadline, language="en")
        answer = await self._execute(request_of_body(body), context)
        assert isinstance(answer, Answer)
        length = b"%d" % len(answer.body)
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


WHOLE = Whole()


class NoRegister:
    """Nobody asks what was disclosed."""

    async def disclosures(self, customer_id: str) -> list[Any]:
        """Give none."""
        return []

    async def grants(self, customer_id: str) -> list[Any]:
        """Give none."""
        return []


def plain_engine(
    customers: Mapping[str, str],
    *,
    upstreams: str,
    ca_bundle: Path | None = None,
    make_transport: MakeTransport | None = None,
) -> tuple[Engine, dict[str, Source]]:
    """Make the engine over the four plain systems.

    `customers` are record ids by customer id, `upstreams` the systems' addresses without their last digit.
    """
    gateway = GatewaySettings(max_customers=500)
    settings = Settings(gateway=gateway, sources=source_settings(upstreams, ca_bundle), language="en")
    links = {one: links_of(one, dict.fromkeys(SOURCES, record_id)) for one, record_id in customers.items()}
    return make_engine(settings, Map(links), make_transport=make_transport)


def make_engine(
    settings: Settings, identity: Any, *, make_transport: MakeTransport | None = None
) -> tuple[Engine, dict[str, Source]]:
    """Make the engine over some sources; what they need as credentials is `benchmark`."""
    connectors = load_connectors((HERE / "connectors",))
    sources = {}
    for name, one in settings.sources.items():
        loaded = connectors.load(one.connector)
        secrets = dict.fromkeys(loaded.make.auth.needs, "benchmark")
        sources[name] = open_source(name, one, loaded, secrets, make_transport=make_transport)
    shows = SimpleNamespace(shown=gateway_errors.shown, shown_before_execution=gateway_errors.shown_before_execution)
    engine = Engine(
        EngineParts(
            schema=build_schema(),
            settings=settings,
            sources=sources,
            identity=identity,
            rows=EveryRow(),
            writer=cast("Writer", None),  # nothing is written
            register=NoRegister(),
            trail=NoTrail(),
            errors=shows,
            parse=partial(parse, limits=settings.gateway),
            cursor_key=b"k" * 32,
            count_fallback=fell_back,
            failed=broke,
            now=lambda: datetime.now(UTC),
        )
    )
    return engine, sources


def source_settings(upstreams: str, ca_bundle: Path | None) -> dict[str, Any]:
    """Return the settings of the four sources."""
    return {
        name: SourceSettings(
            connector=f"plain_{name}",
            base_url=f"{upstreams}{digit}",
            ca_bundle=ca_bundle,
            importance="important",
            risk_when_missing={"nl": "ontbreekt", "en": "is missing"},
            hosted_in="NL",
            processor="nobody",
            retention="P1Y",
            max_connections=256,
        )
        for digit, name in enumerate(SOURCES, 1)
    }


def links_of(customer_id: str, records: Mapping[str, str]) -> Links:
    """Return the links of a customer; `records` are the ids in each source."""
    links = (Link(source, records[source], SINCE, IMPORT, None, "benchmark", ()) for source in sorted(records))
    return Links(customer_id, customer_id, (), tuple(links))


def parse(text: str, limits: GatewaySettings) -> DocumentNode:
    """Parse a document within the limits."""
    document = parse_document(text, limits)
    check_limits(document, limits)
    return document


def fell_back() -> None:
    """Fail: what is measured is the compiled assembly."""
    raise AssertionError("an answer was assembled by graphql-core")


def broke(error: BaseException) -> None:
    """Fail: nothing of ours may break."""
    raise error


def read_ids(lines: Iterable[str]) -> dict[str, str]:
    """Read record ids by customer id; the n-th line is the customer id of the n-th record."""
    return {line.strip(): f"C{number:05d}" for number, line in enumerate(lines, 1) if line.strip()}


def collect_less() -> None:
    """Have the garbage collector look where and when `klantbeeld serve` has it look."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def main() -> None:
    """Serve until a signal comes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--ids", type=Path, required=True)
    options.add_argument("--upstreams", required=True, help="addresses of the four systems without their last digit")
    options.add_argument("--ca", type=Path, help="certificates to trust")
    asked = options.parse_args()

    async def serve() -> None:
        customers = read_ids(asked.ids.read_text().splitlines())
        engine, _ = plain_engine(customers, upstreams=asked.upstreams, ca_bundle=asked.ca)
        app = Starlette(routes=[Route("/graphql", Endpoint(engine))])
        collect_less()
        await uvicorn.Server(
            uvicorn.Config(app, port=asked.port, http="httptools", lifespan="off", log_level="error", access_log=False)
        ).serve()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
