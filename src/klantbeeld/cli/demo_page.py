"""What the demo prints when it is up: whom there is to ask about, requests to paste, and how to go on."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klantbeeld.cli.demo_requests import Request, curl
from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.launcher import Sandbox

TITLES: Mapping[System, str] = {
    "dataverse": "Microsoft Dataverse",
    "stripe": "Stripe",
    "zendesk": "Zendesk",
    "sap_customer_data_cloud": "SAP Customer Data Cloud",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say; `customers` are customer ids by the key of the cast."""

    sandbox: Sandbox
    folder: Path
    url: str
    requests: Sequence[Request]
    customers: Mapping[str, str]


def print_page(console: Console, page: Page) -> None:
    """Print it all; requests stay in one piece, so that they can be pasted."""
    console.print(_people(page))
    console.print()
    console.print(_systems(page.sandbox))
    for request in page.requests:
        console.print(f"\n[bold]As {request.who}: {request.title}[/bold]")
        console.print(curl(request, page.url), soft_wrap=True, markup=False)
    console.print(f"\n[bold]GraphiQL[/bold], with these requests in its tabs: {page.url}", soft_wrap=True)
    folder = page.folder.resolve()
    console.print(f"Settings, keys and log: {folder}", soft_wrap=True, markup=False)
    again = shlex.join((_command(), "token", "mila-hendriks", "--folder", str(folder)))
    console.print(f"Another token: {again}", soft_wrap=True, markup=False)
    console.print("Stop everything with Ctrl-C.")


def _command() -> str:
    """Return the command as it can be typed: in a checkout, after `make demo`, it is not on the path."""
    return "klantbeeld" if shutil.which("klantbeeld") else str(Path(sys.executable).with_name("klantbeeld"))


def _people(page: Page) -> Table:
    people = Table(title="Twelve customers", title_justify="left", box=None, pad_edge=False)
    people.add_column("customer", no_wrap=True)
    people.add_column("id", no_wrap=True, style="cyan")
    people.add_column("who", overflow="fold")
    for member in page.sandbox.population.cast:
        people.add_row(member.key, page.customers[member.key], escape(member.about))
    return people


def _systems(sandbox: Sandbox) -> Table:
    systems = Table(title="Four simulated systems", title_justify="left", box=None, pad_edge=False)
    systems.add_column("system", no_wrap=True)
    systems.add_column("address", no_wrap=True)
    systems.add_column("to stop it alone", no_wrap=True)
    for name in sandbox.names:
        systems.add_row(TITLES[name], sandbox.base_url(name), f"kill {sandbox.process_id(name)}")
    return systems
