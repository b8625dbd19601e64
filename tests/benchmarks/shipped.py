"""Q1 through the four connectors that come with Klantbeeld, beside the plain ones, on replayed bodies.

    python -m tests.benchmarks.shipped [--requests 300] [--rounds 9]

The bodies are the recorded examples of the connectors, their lists filled up to what the plain systems answer: 20
invoices, 5 complaints, 6 consents, 10 campaigns. They are larger: 68 KB of invoices instead of 3. Prints CPU
microseconds a request of both, and how they compare, round by round.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop
from tests.benchmarks.alone import HERE, Anybody, Map, links_of, make_engine, plain_engine
from tests.benchmarks.replay import HEADERS, UPSTREAMS, Replay, Step, replies_in, say, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.engine.engine import Engine
from klantbeeld.engine.ports import Answer
from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.registry import own_folder
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import Settings, SourceSettings

CUSTOMER = CustomerIds().new()
TOKEN = Reply(200, HEADERS, b'{"access_token": "benchmark", "expires_in": 3600, "token_type": "Bearer"}')
NUMBERS = {"invoices": 20, "complaints": 5, "consents": 6, "campaigns": 10}
CHANNELS = ("email", "sms", "phone", "post", "push", "app")


class Anything(Replay):
    """A transport that has one answer to whatever is asked, and a token for whoever asks one."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        return TOKEN if target.endswith("/token") else self._reply


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=300)
    options.add_argument("--rounds", type=int, default=9)
    asked = options.parse_args()
    found = uvloop.run(measure(requests=asked.requests, rounds=asked.rounds))
    for name, values in found.items():
        say(f"{name:10}{min(values):8.1f} {statistics.median(values):8.1f} {max(values):8.1f} us")
    ratios = [one / other for one, other in zip(found["shipped"], found["plain"], strict=True)]
    say(f"shipped, of plain: {min(ratios):.2f}/{statistics.median(ratios):.2f}/{max(ratios):.2f}")


async def measure(*, rounds: int, requests: int = 300) -> dict[str, list[float]]:
    """Measure both in turn; returns microseconds by round."""
    steps = {"plain": plain(), "shipped": shipped()}
    for name, step in steps.items():
        count(name, json.loads(await step(0)))  # type: ignore[arg-type]
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.process_time()
            for number in range(requests):
                await step(number)
            found[name].append((time.process_time() - began) / requests * 1e6)
    return found


def plain() -> Step:
    """Return a step that asks the plain systems."""
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder), 5)
        replies = replies_in(Path(folder))
    engine, _ = plain_engine({CUSTOMER: "C00001"}, upstreams=UPSTREAMS, make_transport=transports(replies))
    return asking(engine)


def shipped() -> Step:
    """Return a step that asks the systems whose connectors come with Klantbeeld."""
    bodies, keys = {}, {}
    for connector, make in MADE.items():
        keys[connector], bodies[connector] = make(own_folder() / connector / "examples")
    replies = {name: Reply(200, HEADERS, json.dumps(body).encode()) for name, body in bodies.items()}

    def make_transport(address: str, _settings: SourceSettings) -> Anything:
        return Anything(next(reply for name, reply in replies.items() if name in address))

    settings = Settings(sources={name: source(name) for name in MADE}, language="en")
    engine, _ = make_engine(settings, Map({CUSTOMER: links_of(CUSTOMER, keys)}), make_transport=make_transport)
    return asking(engine)


def asking(engine: Engine) -> Step:
    """Return a step that asks Q1."""
    text = " ".join((HERE / "queries/q1.graphql").read_text().split())
    body = json.dumps({"query": text, "variables": {"id": CUSTOMER}}).encode()
    caller = Anybody()

    async def step(_number: int) -> bytes:
        deadline = asyncio.get_running_loop().time() + 2
        context = RequestContext(caller=caller, deadline=deadline, language="en")
        answer = await engine.execute(request_of_body(body), context)
        assert isinstance(answer, Answer)
        return answer.body

    return step


def count(name: str, answer: Any) -> None:
    """Refuse to measure an answer that does not have what it should."""
    if answer.get("errors"):
        raise SystemExit(f"{name}: {json.dumps(answer['errors'])[:1000]}")
    customer = answer["data"]["customer"]
    for field, number in NUMBERS.items():
        items = customer[field]
        got = len(items["nodes"] if isinstance(items, dict) else items)
        if got != number:
            raise SystemExit(f"{name}: {got} {field} instead of {number}")


def source(connector: str) -> Any:
    """Return the settings of a source."""
    address = f"http://{connector.replace('_', '-')}.example"
    return {
        "connector": connector,
        "base_url": address.replace("-", "_"),
        "options": {"tenant_id": "benchmark", "authority": address.replace("-", "_")}
        if connector == "dataverse"
        else {},
        "importance": "important",
        "risk_when_missing": {"nl": "ontbreekt", "en": "is missing"},
        "hosted_in": "NL",
        "processor": "nobody",
        "retention": "P1Y",
    }


def contact(examples: Path) -> tuple[str, Any]:
    """Make Dataverse's answer: one contact with the columns of name and addresses."""
    key, body = recorded(examples / "party.json")
    other, media = recorded(examples / "contact_media.json")
    assert key == other
    body["value"][0] |= media["value"][0]
    return key, body


def invoices(examples: Path) -> tuple[str, Any]:
    """Make Stripe's answer."""
    key, body = recorded(examples / "invoices.json")
    body["data"] = filled(body["data"], NUMBERS["invoices"], lambda one, number: one | {"id": f"in_{number:017d}"})
    return key, body


def tickets(examples: Path) -> tuple[str, Any]:
    """Make Zendesk's answer."""
    key, body = recorded(examples / "complaints.json")
    body["tickets"] = filled(body["tickets"], NUMBERS["complaints"], lambda one, number: one | {"id": 100 + number})
    return key, body


def account(examples: Path) -> tuple[str, Any]:
    """Make the answer of SAP Customer Data Cloud."""
    key, body = recorded(examples / "consents.json")
    other, sent = recorded(examples / "campaigns.json")
    assert key == other
    body["preferences"] = {"marketing": dict.fromkeys(CHANNELS, body["preferences"]["marketing"]["email"])}
    body["data"] = sent["data"]
    campaigns = sent["data"]["campaigns"]
    made = filled(campaigns, NUMBERS["campaigns"], lambda one, number: one | {"id": f"KB-ACTIE-{number}"})
    body["data"]["campaigns"] = made
    return key, body


def recorded(file: Path) -> tuple[str, Any]:
    """Return the key that was asked and the body of the reply."""
    example = json.loads(file.read_bytes())
    return example["ask"]["keys"][0], example["exchanges"][-1]["reply"]["body"]


def filled(items: Sequence[Mapping[str, Any]], number: int, change: Any) -> list[Any]:
    """Repeat items up to a number, each with something of its own."""
    return [change(dict(items[place % len(items)]), place) for place in range(number)]


MADE = {
    "dataverse": contact,
    "stripe": invoices,
    "zendesk": tickets,
    "sap_customer_data_cloud": account,
}


if __name__ == "__main__":
    main()
