"""`klantbeeld demo`: four simulated systems and the gateway, with requests to paste."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.app import Outside, build_app
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_settings import demo_settings, write_settings
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.cli.free_port import free_port
from klantbeeld.cli.serve import server_of
from klantbeeld.cli.views import view
from klantbeeld.gateway.graphiql import Example
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings

# How long the printed tokens are good, in minutes.
MINUTES = 8 * 60

AGENTS_CUSTOMER = "fatima-el-amrani"
APPS_CUSTOMER = "mila-hendriks"
PARTNERS_CUSTOMER = "sanne-de-wit"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is printed and shown in a tab: whose, what for, and how."""

    who: str
    title: str
    query: str
    variables: Mapping[str, object]
    token: str
    purpose: str


def run_demo(*, port: int, folder: Path | None, size: int) -> None:
    """Run until it is interrupted; leaves nothing behind without a folder."""
    console = Console(highlight=False)
    keep = nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="klantbeeld-demo-")
    with keep as name:
        place = Path(name or "")
        with console.status("Starting Dataverse, Stripe, Zendesk and SAP Customer Data Cloud (simulated)…"):
            sandbox = Sandbox(size=size)
            sandbox.start()
        with sandbox:
            uvloop.run(_run(console, sandbox, place, port or free_port()))


async def _run(console: Console, sandbox: Sandbox, folder: Path, port: int) -> None:
    issuer = DemoIssuer.new(clock=time.time)
    file = write_settings(folder, sandbox, issuer, port=port)
    settings = demo_settings(file)
    with console.status("Filling the cross-reference map…"):
        customers = await settle(settings, sandbox, issuer)
    requests = requests_of(settings, issuer, customers)
    with (folder / "gateway.log").open("ab", buffering=0) as log:
        outside = Outside(
            environ=os.environ,
            log_to=log,
            examples=tuple(_tab(request) for request in requests),
            demo_token=requests[0].token,
        )
        async with build_app(settings, outside) as app:
            server = server_of(app, host=settings.gateway.host, port=port)
            serving = asyncio.create_task(server.serve())
            while not (server.started or serving.done()):
                await asyncio.sleep(0.01)
            if server.started:
                url = f"http://127.0.0.1:{port}{settings.gateway.path}"
                _print(console, sandbox, folder=folder, url=url, requests=requests, customers=customers)
            await serving


def requests_of(settings: Settings, issuer: DemoIssuer, customers: Mapping[str, str]) -> list[Request]:
    """Return the requests of an agent, an app and a partner."""
    agent, app, partner = (
        token_for(who, issuer, settings, minutes=MINUTES) for who in ("agent", APPS_CUSTOMER, "partner")
    )
    return [
        Request("agent", "service call", view("service-call"), {"id": customers[AGENTS_CUSTOMER]}, agent, "service"),
        Request("app", "self service", view("self-service"), {}, app, "self-service"),
        Request("partner", "delivery", view("partner"), {"id": customers[PARTNERS_CUSTOMER]}, partner, "fulfilment"),
        Request(
            "agent",
            "the mail that should not go",
            view("marketing"),
            {"id": customers["sanne-de-wit"], "channel": "EMAIL"},
            agent,
            "marketing",
        ),
    ]


def curl(request: Request, url: str) -> str:
    """Return a request as a command to paste into a shell."""
    body = json.dumps({"query": " ".join(_without_comments(request.query)), "variables": request.variables})
    quoted = body.replace("'", "'\\''")
    return (
        f"curl -s {url} -H 'Content-Type: application/json' \\\n"
        f"  -H 'Klantbeeld-Purpose: {request.purpose}' -H 'Authorization: Bearer {request.token}' \\\n"
        f"  -d '{quoted}'"
    )


def _without_comments(document: str) -> list[str]:
    return [word for line in document.splitlines() if not line.startswith("#") for word in line.split()]


def _tab(request: Request) -> Example:
    headers = {"Authorization": f"Bearer {request.token}", "Klantbeeld-Purpose": request.purpose}
    return Example(request.title, request.query, json.dumps(request.variables, indent=2), json.dumps(headers, indent=2))


def _print(
    console: Console, sandbox: Sandbox, *, folder: Path, url: str, requests: list[Request], customers: Mapping[str, str]
) -> None:
    people = Table(title="Twelve customers", title_justify="left", box=None)
    people.add_column("customer", no_wrap=True)
    people.add_column("id", no_wrap=True)
    people.add_column("who", overflow="fold")
    for member in sandbox.population.cast:
        people.add_row(member.key, customers[member.key], escape(member.about))
    console.print(people)
    for request in requests:
        console.print(f"\n[bold]{request.who}: {request.title}[/bold]")
        console.print(curl(request, url), soft_wrap=True, markup=False)
    console.print(f"\n[bold]GraphiQL[/bold], with these requests in its tabs: {url}")
    console.print(f"Settings, keys and log: {folder}")
    stops = " ".join(str(sandbox.process_id(name)) for name in sandbox.names)
    console.print(f"Simulated systems, to be stopped one by one (kill): {stops}")
    console.print("Stop everything with Ctrl-C.")
