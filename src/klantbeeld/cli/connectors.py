"""`klantbeeld connector`: what connectors can do, whether they fit their examples, and what a source answers now."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.table import Table
from rich.text import Text

from klantbeeld.cli.drift import Change
from klantbeeld.cli.example_check import Verdict, check_examples, check_live
from klantbeeld.cli.opened import file_of, remark_if_there_are_none, settings_of
from klantbeeld.cli.terminal import remarks, results, show, table_of
from klantbeeld.errors import ConfigurationError, SourceError
from klantbeeld.registry import LoadedConnector, load_connectors
from klantbeeld.sdk.calls import Ask, Call
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.examples import as_expected, members_on_the_wire
from klantbeeld.sdk.live import Live, translate, understand
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import Settings, SourceSettings
from klantbeeld.settings_file import closest, load_settings
from klantbeeld.sources.secrets import secrets_of
from klantbeeld.sources.tls import trust

# How an argument is read, where it is not taken as it stands.
KINDS: Mapping[str, Callable[[str], Any]] = {"since": datetime.fromisoformat, "open": "true".__eq__}


def list_connectors(config: Path | None) -> int:
    """Print what is found; 1 if a connector was set aside, else 0. Raises ConfigurationError."""
    connectors = load_connectors(_folders(config))
    table = table_of("connector", "product", "roles", "reads", "writes")
    for loaded in connectors.load_all():
        manifest, make = loaded.manifest, loaded.make
        writes = ", ".join(f"{doing.name} ({doing.safety.value})" for doing in make.doings().values())
        roles = ", ".join(manifest.roles)
        table.add_row(manifest.name, manifest.title, roles, ", ".join(make.readings()), writes or "-")
    show(table)
    for folder, error in connectors.quarantined.items():
        remarks().print(Text.assemble(("Set aside: ", "bold red"), f"{folder.name}: {error}"))
    return 1 if connectors.quarantined else 0


def check_connector(config: Path | None, name: str, *, live: bool) -> int:
    """Print a verdict on each example; 1 if one does not hold, else 0. Raises ConfigurationError."""
    verdicts = asyncio.run(_checked_live(settings_of(config), name)) if live else check_examples(_loaded(config, name))
    console = results()
    for verdict in verdicts:
        label, style = ("ok", "green") if verdict.holds else ("wrong", "bold red")
        console.print(Text.assemble((f"{label:6}", style), f"{verdict.what}: {verdict.said}"))
    if drift := [(verdict.what, change) for verdict in verdicts for change in verdict.changes]:
        show(_drift(drift))
    wrong = sum(not verdict.holds for verdict in verdicts)
    console.print(f"{len(verdicts) - wrong} of {len(verdicts)} hold.")
    return 1 if wrong else 0


def _folders(config: Path | None) -> Sequence[Path]:
    """Give the folders with connectors of one's own; without settings there are those that come with Klantbeeld."""
    return load_settings(file_of(config), os.environ).connector_folders


def _loaded(config: Path | None, name: str) -> LoadedConnector:
    try:
        return load_connectors(_folders(config)).load(name)
    except ConfigurationError:
        remark_if_there_are_none(config)  # they would have named the folder where it lies
        raise


def _drift(changes: Sequence[tuple[str, Change]]) -> Table:
    """Show what is not as it was recorded: what the connector reads first."""
    table = table_of("", "example", "change", "member", "recorded", "now")
    for what, change in sorted(changes, key=lambda one: not one[1].matters):
        label = Text("wrong", "bold red") if change.matters else Text("note", "yellow")
        table.add_row(label, what, change.kind, change.where, change.was or "-", change.now or "-")
    return table


def run_capability(
    config: Path | None,
    source: str,
    capability: str,
    keys: Sequence[str],
    *,
    arguments: Sequence[str],
    first: int | None,
) -> int:
    """Print the calls of one reading and its records; 1 if the source does not have or deliver any.

    Raises ConfigurationError.
    """
    settings, handed = settings_of(config), _arguments(arguments)

    def asked(reading: Reading) -> Ask:
        select = members_on_the_wire(reading)
        return Ask(keys=tuple(keys), select=select, first=first, arguments=handed)

    return asyncio.run(_run(settings, source, capability, asked))


async def _run(settings: Settings, source: str, capability: str, asked: Callable[[Reading], Ask]) -> int:
    notes, console = remarks(), results()
    async with _opened(settings, source) as live:
        reading = _reading(live, capability)
        ask = asked(reading)
        try:
            with notes.status(f"Asking {source} …"):
                spoken = await live.converse(getattr(live.connector, capability)(ask))
                decoded = understand(live.connector, *spoken[-1], ask.select)
        except (SourceError, httpx.HTTPError, LookupError, ValueError) as error:
            notes.print(f"{source}.{capability}: {failure_of(error)}", markup=False)
            return 1
    for call, reply in spoken:
        notes.print(_line(call, reply), markup=False)
    members = frozenset(reading.mappings[0].record.__struct_fields__)
    for record in translate(decoded.items, reading.mappings, members):
        text = json.dumps(as_expected(record), ensure_ascii=False, indent=2 if console.is_terminal else None)
        console.print(text, markup=False, soft_wrap=True)
    if decoded.next_page is not None:
        notes.print("There is a further page.")
    call, reply = spoken[-1]
    if reply.status in call.absent:
        notes.print(f"Absent: {source} does not have what was asked for, which is what {reply.status} means there.")
        return 1
    if not decoded.items:
        notes.print("No records.")
    return 0


async def _checked_live(settings: Settings, source: str) -> list[Verdict]:
    async with _opened(settings, source) as live:
        with remarks().status(f"Asking {source} …"):
            return await check_live(live)


@asynccontextmanager
async def _opened(settings: Settings, name: str) -> AsyncIterator[Live]:
    """Give a source to ask, without the gateway around it."""
    if name not in settings.sources:
        mend = closest(name, settings.sources, none="None is: add the first under [sources.NAME]")
        raise ConfigurationError(f"source `{name}`", "is not configured", mend)
    source = settings.sources[name]
    loaded = load_connectors(settings.connector_folders).load(source.connector)
    connector = loaded.make(_options(name, source, loaded))
    credentials = secrets_of(name, source, os.environ).values
    if missing := [need for need in connector.auth.needs if need not in credentials]:
        problem = f"{' and '.join(missing)} missing"
        raise ConfigurationError(f"sources.{name}.credentials", problem, "Say where it stands; try klantbeeld check")
    verify = trust(source.ca_bundle, certificate=source.client_certificate, key=source.client_key)
    async with httpx.AsyncClient(verify=verify, timeout=source.timeout) as client:
        yield Live(loaded.manifest, connector, client, source.base_url.rstrip("/"), credentials)


def _options(name: str, source: SourceSettings, loaded: LoadedConnector) -> dict[str, str]:
    options = {option: facts.default for option, facts in loaded.manifest.options.items()} | dict(source.options)
    if unset := [option for option, value in options.items() if value is None]:
        problem = f"{' and '.join(unset)} missing"
        raise ConfigurationError(f"sources.{name}.options", problem, "Set it; klantbeeld check says what there is")
    return {option: value for option, value in options.items() if value is not None}


def _reading(live: Live, capability: str) -> Reading:
    readings = live.connector.readings()
    if capability not in readings:
        problem = f"the connector `{live.manifest.name}` does not read it"
        raise ConfigurationError(f"capability `{capability}`", problem, closest(capability, readings))
    return readings[capability]


def _arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE as GraphQL would hand it on: `since` is a time, `open` a truth."""
    pairs = [argument.partition("=") for argument in arguments]
    if wrong := [name for name, sign, _ in pairs if not sign or not name]:
        raise ConfigurationError("--with", f"{', '.join(wrong)} has no value", "Write NAME=VALUE")
    try:
        return {name: KINDS.get(name, str)(value) for name, _, value in pairs}
    except ValueError as error:
        raise ConfigurationError("--with", "a time is not ISO 8601", "Write since=2026-11-23T09:00:00+01:00") from error


def failure_of(error: Exception) -> str:
    """Say what went wrong with a source; never with what it said, which may be somebody's data."""
    if isinstance(error, SourceError):
        return f"{error.code}: {error.detail}"
    if isinstance(error, httpx.HTTPError):
        return f"SOURCE_UNAVAILABLE: {type(error).__name__}"
    return "the capability needs other keys or arguments (--with), or the answer is not what was declared"


def _line(call: Call[Any], reply: Reply) -> str:
    """Write down a call without its proof of identity, and how it was answered."""
    body = "" if call.json is None and call.form is None else f" {msgspec.json.encode(call.json or call.form).decode()}"
    return f"{call.method} {call.target}{body} -> {reply.status}, {len(reply.body)} bytes"
