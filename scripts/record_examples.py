"""Records a connector's examples again, from the sandbox or from a running system.

    python scripts/record_examples.py dataverse                      all of them, from a sandbox of its own
    python scripts/record_examples.py dataverse orders party         these two
    python scripts/record_examples.py stripe --base-url http://127.0.0.1:8085 --credential secret_key=sk_test_x \
        --origin "real server: localstripe 1.15" invoices
    python scripts/record_examples.py balie --folder my-connectors --base-url https://utrecht.balie.example \
        --credential token=x --origin "real server: Balie 3"   a connector that lives elsewhere

To add an example, write a file `examples/NAME.json` with `capability`, `origin`, and `ask` or `act`, and run this.
Each is recorded against a sandbox as it was at first. Those whose origin is another than the given one are left alone.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import httpx

from klantbeeld.errors import OperatorError
from klantbeeld.registry import LoadedConnector, load_connectors
from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server
from klantbeeld.sdk.examples import Example, example_options, load_examples, save_example
from klantbeeld.sdk.live import Live

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SANDBOX = "sandbox"
SANDBOX_URL = "http://sandbox.example"


def main() -> None:
    """Record, and say what was recorded."""
    parser = argparse.ArgumentParser(description="Records a connector's examples again.")
    parser.add_argument("connector")
    parser.add_argument("examples", nargs="*", help="names of examples; all without any")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="where connectors of your own are")
    parser.add_argument("--base-url", help="a running system, instead of a sandbox")
    parser.add_argument("--credential", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--origin", default=SANDBOX, help="who answers, as the examples name it")
    wanted = parser.parse_args()
    loaded = load_connectors(wanted.folder).load(wanted.connector)
    found = [example for example in load_examples(loaded.manifest) if example.origin == wanted.origin]
    chosen = [example for example in found if not wanted.examples or example.name in wanted.examples]
    if not chosen:
        sys.exit(f"Nothing is recorded: no example that was asked for has the origin `{wanted.origin}`.")
    credentials = dict(pair.split("=", 1) for pair in wanted.credential)
    asyncio.run(record(loaded, chosen, base_url=wanted.base_url, credentials=credentials))


async def record(
    loaded: LoadedConnector, examples: list[Example], *, base_url: str | None, credentials: dict[str, str]
) -> None:
    """Record each example and write it into its file."""
    sandbox = make_sandbox(loaded.manifest.name) if base_url is None else None
    for example in examples:
        async with AsyncExitStack() as stack:
            transport = sandbox() if sandbox else None
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport))
            live = live_of(loaded, client, base_url=base_url, credentials=credentials)
            save_example(await live.record(example), loaded.manifest)
        print(f"{loaded.manifest.name}/{example.name}")  # noqa: T201 - a command's output


def live_of(
    loaded: LoadedConnector, client: httpx.AsyncClient, *, base_url: str | None, credentials: dict[str, str]
) -> Live:
    """Return the connector over the system, with the options that examples are recorded with."""
    url = base_url or SANDBOX_URL
    options = example_options(loaded.manifest)
    given = credentials
    if base_url is None:
        given = dict(CREDENTIALS[cast("System", loaded.manifest.name)])
        options |= {name: value for name, value in given.items() if name in options}
        options |= {"authority": url} if "authority" in options else {}
    return Live(loaded.manifest, loaded.make(options), client, url, given)


def make_sandbox(name: str) -> Callable[[], httpx.ASGITransport]:
    """Return a maker of sandboxes in this process, all alike, whose clock stands still."""
    system = cast("System", name)
    population = make_population(size=8, today=TODAY)
    settings = ServerSettings(credentials=CREDENTIALS[system], clock=lambda: NOW)
    return lambda: httpx.ASGITransport(make_server(system, population, settings=settings))


if __name__ == "__main__":
    try:
        main()
    except OperatorError as error:
        sys.exit(f"Error: {error}")
