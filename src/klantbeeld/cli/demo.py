"""`klantbeeld demo`: four simulated systems and the gateway, with requests to paste."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import uvloop
from rich.console import Console

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.app import build_app
from klantbeeld.cli.demo_lock import alone_in
from klantbeeld.cli.demo_page import Page, print_page
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_requests import requests_of, tab_of
from klantbeeld.cli.demo_settings import demo_settings, make_folder, write_settings
from klantbeeld.cli.listening import address_of, listen, port_of
from klantbeeld.cli.server import Manner, run_server
from klantbeeld.cli.terminal import remarks, results
from klantbeeld.errors import OperatorError
from klantbeeld.outside import Outside
from klantbeeld.sandbox.launcher import Sandbox, SandboxError

HOST = "127.0.0.1"


def run_demo(*, port: int, folder: Path | None, size: int) -> None:
    """Run until Ctrl-C or SIGTERM; leaves nothing behind without a folder. Raises OperatorError."""
    notes = remarks()
    with suppress(KeyboardInterrupt), ending_like_ctrl_c(), ExitStack() as stack:
        listener = stack.enter_context(closing(listen(HOST, port)))
        with _signals_held_back():  # or one that comes when the folder is made and not yet known would leave it behind
            place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="klantbeeld-demo-")))
        make_folder(place)
        stack.enter_context(alone_in(place, address_of(listener)))
        with notes.status("Starting Dataverse, Stripe, Zendesk and SAP Customer Data Cloud (simulated)…"):
            sandbox = stack.enter_context(_sandbox(size))
        uvloop.run(_run(notes, sandbox, place, listener))
    notes.print("Everything is stopped.")


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: leave through every `with`, so that all that was started is stopped.

    Ctrl-C itself is set too: a shell starts what runs in the background with SIGINT ignored, and both would be lost.
    """
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    terminated = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, terminated)
        signal.signal(signal.SIGINT, interrupted)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _sandbox(size: int) -> Iterator[Sandbox]:
    try:
        with Sandbox(size=size) as sandbox:
            yield sandbox
    except SandboxError as error:
        raise OperatorError(f"The simulated systems cannot be used: {error}") from error


async def _run(notes: Console, sandbox: Sandbox, folder: Path, listener: socket.socket) -> None:
    issuer = kept_issuer(folder)
    settings = demo_settings(write_settings(folder, sandbox, issuer, port=port_of(listener)))
    with notes.status("Filling the cross-reference map…"):
        customers = await settle(settings, sandbox, issuer)
    requests = requests_of(settings, issuer, customers)
    page = Page(sandbox, folder, address_of(listener, settings.gateway.path), requests, customers)
    with (folder / "gateway.log").open("ab", buffering=0) as log:
        outside = Outside(
            environ=os.environ,
            log_to=log,
            examples=tuple(tab_of(request) for request in requests),
            demo_token=requests[0].token,
        )
        async with build_app(settings, outside) as app:
            manner = Manner(
                closing=app.end_streams, streams=app.streams_open
            )  # nobody is in front of a demo, who would have to notice
            await run_server(app, listener, then=lambda: print_page(results(), page), manner=manner)


def kept_issuer(folder: Path) -> DemoIssuer:
    """Return the issuer that an earlier demo left in its folder, so that its tokens stay good; else a new one."""
    try:
        return DemoIssuer.load(folder / "issuer.json", clock=time.time)
    except (OSError, ValueError):
        return DemoIssuer.new(clock=time.time)
