"""Issue 3, figures: what is measured is first proved to be right, here by a gateway as `make bench` runs it."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.benchmarks.aims import AIMS
from tests.benchmarks.compare import Row
from tests.benchmarks.deployment import Deployment, deploy
from tests.benchmarks.leaves import Different, check_answer
from tests.benchmarks.replay import replies_in
from tests.benchmarks.rows import COMPARISONS, Comparison, row_of
from tests.benchmarks.test_leaves import CUSTOMERS, bodies

from klantbeeld.sdk.replies import Reply

from .running import Gateway, free_port, running

__all__ = ["bodies"]

LEAVES = {"q1": 269, "q2": 4, "q3-50": 50 * 61}
NOBODY_IN_FRONT = {"KLANTBEELD__GATEWAY__STOPPING__ACCEPT": "0"}  # who would have to notice that it stops
HERE = "here"  # the upstreams of this page, among those of the benchmark


class Bodies(ThreadingHTTPServer):
    """One of the four systems: static answers, by path and query."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False  # the gateway's connections are kept alive
    replies: Mapping[str, Reply]


class GiveBody(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bodies

    def do_GET(self) -> None:
        reply = self.server.replies[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def upstreams(replies: Mapping[str, Reply]) -> Iterator[str]:
    """Serve the four systems on ports that differ in their last digit; gives their address without it."""
    with ExitStack() as stack:
        for server in four_servers():
            server.replies = replies
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            serving.start()
            stack.callback(serving.join)
            stack.callback(server.shutdown)
            stack.enter_context(server)
        yield f"http://127.0.0.1:{server.server_port // 10}"


def four_servers() -> list[Bodies]:
    """Listen on four ports that end in 1 to 4 and were free."""
    while True:
        first = free_port() // 10 * 10
        made: list[Bodies] = []
        try:
            made.extend(Bodies(("127.0.0.1", first + digit), GiveBody) for digit in range(1, 5))
        except OSError:
            for server in made:
                server.server_close()
        else:
            return made


@pytest.fixture(scope="module")
def replies(bodies: Path) -> dict[str, Reply]:
    """Give what the upstreams answer, by path; a test may change it."""
    return {target: reply for found in replies_in(bodies).values() for target, reply in found.items()}


@pytest.fixture(scope="module")
def measured(replies: dict[str, Reply], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, str]]:
    """Serve what is measured as `all-on`, over those upstreams and a smaller map; gives its address too."""
    folder = tmp_path_factory.mktemp("figures")
    with upstreams(replies) as address:
        made = asyncio.run(deploy(folder, customers=CUSTOMERS, asked=CUSTOMERS, upstreams={HERE: address}))
        with running(Gateway(made.config(HERE), free_port(), environ=NOBODY_IN_FRONT)) as gateway:
            yield made, gateway.address


def row(measured: tuple[Deployment, str], part: str) -> Row:
    """Give the row `all-on` of a comparison, as it is measured."""
    comparison: Comparison = COMPARISONS[part]
    return row_of("all-on", comparison, measured[0])


def ask(measured: tuple[Deployment, str], sent: str, headers: Mapping[str, str]) -> Any:
    reply = httpx.post(
        f"{measured[1]}/graphql", content=sent, headers={"Content-Type": "application/json", **headers}, timeout=20
    )
    return json.loads(reply.text)


@pytest.mark.feature("3 figures", "Each row first proves that its answer holds the same leaf values as the upstreams")
@pytest.mark.parametrize("part", LEAVES)
def test_what_is_measured_holds_the_values_of_the_upstreams(
    measured: tuple[Deployment, str], bodies: Path, part: str
) -> None:
    chosen = row(measured, part)
    for sent, keys in chosen.bodies[:10]:
        answer = ask(measured, sent, chosen.headers)
        assert check_answer(COMPARISONS[part].query, answer, bodies, keys, ours=True) == LEAVES[part]


@pytest.mark.feature("3 figures", "An answer that differs from the upstreams in one value is not measured")
def test_a_value_that_differs_is_found(
    measured: tuple[Deployment, str], bodies: Path, replies: dict[str, Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = row(measured, "q2")
    sent, keys = chosen.bodies[0]
    path = f"/customers/{keys[0]}"
    customer = msgspec.json.decode(replies[path].body) | {"full_name": "Somebody Else"}
    changed = msgspec.structs.replace(replies[path], body=msgspec.json.encode(customer))
    monkeypatch.setitem(replies, path, changed)
    with pytest.raises(Different, match="full_name"):
        check_answer("q2", ask(measured, sent, chosen.headers), bodies, keys, ours=True)


@pytest.mark.feature("3 figures", "Everything is on that an operator would have on: token, rights, trail, metrics, log")
def test_what_is_measured_has_everything_on(measured: tuple[Deployment, str]) -> None:
    made, address = measured
    chosen = row(measured, "q1")
    sent, _ = chosen.bodies[0]
    refused = ask(measured, sent, {})
    assert refused["errors"][0]["extensions"]["code"] == "TOKEN_MISSING"
    assert "errors" not in ask(measured, sent, chosen.headers)
    metrics = httpx.get(f"{address}/metrics").text
    assert 'klantbeeld_source_calls_total{outcome="ok",source="crm"}' in metrics
    settings = made.config(HERE).read_text(encoding="utf-8")
    assert "[access.trail]" in settings
    assert "[cache]" not in settings
    assert chosen.command.split()[0].endswith("klantbeeld")


MEASURES = (
    *(aim.text for aim in AIMS),
    "Q3, cost of each of 500, of each of 50",
    "### Q1 through the shipped connectors",
    "### Q1, over TLS",
    "### Q1, 64 connections",
    "### Growth",
    "**Where the time goes.**",
    "make bench",
)


@pytest.mark.feature("3 figures", "`docs/performance.md` has every measure, and says how to take it again")
@pytest.mark.parametrize("measure", MEASURES)
def test_the_page_has_every_measure(pytestconfig: pytest.Config, measure: str) -> None:
    page = (pytestconfig.rootpath / "docs/performance.md").read_text(encoding="utf-8")
    assert measure in page


@pytest.mark.feature("3 figures", "The aims are the issue's, and none of them is left out")
def test_every_aim_has_its_number() -> None:
    most = {aim.text: aim.most for aim in AIMS}
    assert [most[f"Q1 {how}, of {whom}"] for how in ("alone", "all on") for whom in PEERS] == [
        *(0.20, 0.30, 0.06, 1.5),
        *(0.25, 0.35, 0.07, 2.0),
    ]
    assert most["Q2 all on, of Yoga's CPU"] == 0.30
    assert [most[f"Q3 with {many}, of Yoga's CPU"] for many in (50, 500)] == [0.25, 0.25]
    assert most["p50 over 20 ms upstreams, in ms"] == 22
    assert most["memory above idle, in MiB"] == 40


PEERS = ("Yoga's CPU", "Yoga's with JIT", "Hive Gateway's", "the floor over our wire")
