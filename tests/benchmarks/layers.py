"""What each layer of a request costs, on replayed bodies and without sockets: the engine, the endpoint, and the rest.

    python -m tests.benchmarks.layers --folder var/bench [--query q1] [--requests 500] [--rounds 7] [--profile]

The folder is that of `make bench`, whose map of a million links it looks up in. Prints CPU microseconds a request:
`engine` is the compiled plan with its sources; `in Starlette` adds the small endpoint of alone.py; `all on` is the
whole application of `klantbeeld serve`. Below stand the parts of all on that can be run by themselves.
"""

import argparse
import asyncio
import base64
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import uvloop
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.benchmarks.alone import HERE, SOURCES, Anybody, Endpoint, plain_engine
from tests.benchmarks.deployment import Deployment, deploy
from tests.benchmarks.replay import UPSTREAMS, Step, profile, replies_in, run_parts, show, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.access.admission import make_admission
from klantbeeld.access.keys import over_http
from klantbeeld.access.recording import Recording
from klantbeeld.access.rights import Caller
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.app import build_app
from klantbeeld.engine.ports import Answer, Reading
from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.ports import GraphQLRequest, RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.outside import Outside
from klantbeeld.settings import Secret, Settings
from klantbeeld.settings_file import load_settings, read_secret
from klantbeeld.store import open_store
from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines

ASKED = 200


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--query", default="q1", choices=("q1", "q2", "q3"))
    options.add_argument("-n", type=int, default=50, help="customers of a q3")
    options.add_argument("--requests", type=int, default=500)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--profile", action="store_true", help="print where all on spends its time")
    asked = options.parse_args()
    rounds = None if asked.profile else asked.rounds
    show(
        uvloop.run(
            measure(asked.folder.resolve(), query=asked.query, many=asked.n, requests=asked.requests, rounds=rounds)
        )
    )


async def measure(
    folder: Path, *, rounds: int | None, query: str = "q1", many: int = 50, requests: int = 300
) -> dict[str, list[float]]:
    """Run the layers, one after the other, round by round; returns microseconds. Without rounds, print a profile."""
    async with open_layers(folder, query=query, many=many) as found:
        if rounds is None:
            await profile(found.parts["all on"], requests)
            return {}
        async with features(found, answer=await found.parts["engine"](0)) as each:
            return await run_parts({**found.parts, **each}, requests, rounds)


@dataclass(frozen=True)
class Layers:
    """The layers as steps by name, each of which proved that it answers, and what the features are made of."""

    parts: Mapping[str, Callable[[int], Awaitable[bytes]]]
    settings: Settings
    deployment: Deployment
    log: BinaryIO
    bodies: Sequence[bytes]


@asynccontextmanager
async def open_layers(folder: Path, *, query: str, many: int = 50) -> AsyncIterator[Layers]:
    """Open the layers over replayed bodies."""
    deployment = await deploy(folder)
    bodies = bodies_of(query, deployment.ids, many)
    with tempfile.TemporaryDirectory() as answers:
        write_bodies(Path(answers))
        make_transport = transports(replies_in(Path(answers)))
    customers = {one: f"C{number:05d}" for number, one in enumerate(deployment.ids, 1)}
    engine, _ = plain_engine(customers, upstreams=UPSTREAMS, make_transport=make_transport)
    caller = Anybody()

    async def execute(number: int) -> bytes:
        deadline = asyncio.get_running_loop().time() + 2
        context = RequestContext(caller=caller, deadline=deadline, language="en")
        answer = await engine.execute(request_of_body(bodies[number % len(bodies)]), context)
        assert isinstance(answer, Answer)
        return answer.body

    settings = load_settings(deployment.config("at once"), {})
    with (deployment.folder / "layers.log").open("ab", buffering=0) as log:
        async with build_app(settings, Outside(environ={}, log_to=log, make_transport=make_transport)) as app:
            alone = Starlette(routes=[Route("/graphql", Endpoint(engine))])
            token = f"Bearer {deployment.token}".encode()
            parts = {
                "engine": execute,
                "in Starlette": over_asgi(alone, bodies, ()),
                "all on": over_asgi(app, bodies, ((b"authorization", token),)),
            }
            for step in parts.values():
                prove(await step(0))
            yield Layers(parts, settings, deployment, log, bodies)


@asynccontextmanager
async def features(found: Layers, *, answer: bytes) -> AsyncIterator[dict[str, Step]]:
    """Give a step for each feature of all on that can be run by itself, with the application's own settings."""
    settings, deployment, log, bodies = found.settings, found.deployment, found.log, found.bodies

    def secret(one: Secret, where: str) -> SecretStr:
        return read_secret(one, {}, where=where)

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings.store))
        identity = StoredIdentityMap(store, load_key_ring(settings.identity, secret), region="NL")
        key = base64.b64decode(secret(settings.access.trail.key, "trail").get_secret_value())
        opening = open_trail(store, key=key, clock=time.time, settings=settings.access.trail)
        trail = Recording(await stack.enter_async_context(opening))
        client = await stack.enter_async_context(httpx.AsyncClient())
        admission = make_admission(settings.access, get=over_http(client), clock=time.time)
        stack.push_async_callback(admission.close)
        authorization = f"Bearer {deployment.token}"
        caller = await admission(authorization, {})
        endpoint = GraphQLEndpoint(Constant(Answer(answer)), Always(caller), settings=settings.gateway)
        vocabulary = Vocabulary(paths=frozenset({"/graphql"}), caller_classes=frozenset({"agent"}))
        observed = ObserveRequests(nothing, lines=RequestLines(log, vocabulary), metrics=Metrics(SOURCES))
        bare = over_asgi(nothing, bodies, ())
        yield {
            "(driving nothing over ASGI)": bare,
            "- endpoint: headers, body, negotiation, reply": over_asgi(endpoint, bodies, ()),
            "- a line of log, and the metrics of a request": over_asgi(observed, bodies, ()),
            "- token, rights and purpose": lambda _: admission(authorization, {}),
            "- links of a customer, in a map of a million": lambda n: identity.links_of([deployment.ids[n % ASKED]]),
            "- an entry of the trail, written by its thread": recording(trail, caller, deployment.ids),
        }


class Constant:
    """An engine that has one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> Answer:
        return self._answer


class Always:
    """An authenticator that knows one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def __call__(self, authorization: str | None, headers: Mapping[bytes, bytes], /) -> Caller:
        return self._caller


async def nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def recording(trail: Recording, caller: Caller, ids: Sequence[str]) -> Step:
    """Return a step that records a reading; now and then the writer gets its turn."""
    names = ("crm", "billing", "complaints", "marketing")
    fields = tuple(f"Customer.field{number}" for number in range(40))

    async def step(number: int) -> None:
        customer = ids[number % len(ids)]
        trail.check()
        trail.read(caller, Reading((customer,), fields, names, "Unified", "0" * 64, "COMPLETE"))
        if number % 16 == 15:
            await asyncio.sleep(0.001)

    return step


def bodies_of(query: str, ids: Sequence[str], many: int) -> list[bytes]:
    """Return the requests."""
    text = " ".join((HERE / f"queries/{query}.graphql").read_text().split())
    variables = [{"ids": ids[:many]}] if "$ids" in text else [{"id": one} for one in ids[:ASKED]]
    return [json.dumps({"query": text, "variables": one}).encode() for one in variables]


def over_asgi(
    app: ASGIApp, bodies: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]]
) -> Callable[[int], Awaitable[bytes]]:
    """Return a step that sends a request to an application, as uvicorn does."""

    async def step(number: int) -> bytes:
        body = bodies[number % len(bodies)]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(_scope(len(body), headers), receive, send)
        return sent[1]["body"]  # type: ignore[no-any-return]

    return step


def prove(body: object) -> None:
    """Refuse to measure an answer with errors."""
    answer = json.loads(body)  # type: ignore[arg-type]
    if answer.get("errors") or not answer.get("data"):
        raise SystemExit(json.dumps(answer)[:1000])


def _scope(length: int, headers: Sequence[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50_000),
        "state": {},
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"content-length", str(length).encode()),
            *headers,
        ],
    }


if __name__ == "__main__":
    main()
