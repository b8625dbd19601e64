"""`klantbeeld identity`: the cross-reference map is filled and looked at."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from klantbeeld.cli.opened import settings_of
from klantbeeld.cli.terminal import remarks, results, show, table_of
from klantbeeld.errors import ConfigurationError
from klantbeeld.identity import importing
from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.import_lines import Finding
from klantbeeld.identity.importing import ImportReport, import_file
from klantbeeld.identity.links import Links
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings import Settings
from klantbeeld.settings_file import read_secret
from klantbeeld.store import open_store

# Lines that are shown; a report holds them all.
MOST_SHOWN = 50


def import_references(config: Path | None, file: Path, *, decided_by: str, report: Path | None) -> int:
    """Import a file; 1 if a line was refused, else 0. Raises OperatorError.

    What was wrong goes line by line into `report` as well, as JSON lines.
    """
    settings = settings_of(config)
    with ExitStack() as stack:
        kept = stack.enter_context(_writable(report)) if report else None
        progress = stack.enter_context(_progress(remarks()))
        size = file.stat().st_size if file.is_file() else None
        done = asyncio.run(_import(settings, file, size=size, decided_by=decided_by, bar=progress, found=_keeper(kept)))
    console = results()
    if done.findings:
        show(_findings(done, report))
    console.print(
        f"{done.lines} lines: {done.accepted} in the map ({done.linked} new links, {done.customers} new customers), "
        f"{done.refused} refused."
    )
    return 1 if done.refused else 0


def look_up(config: Path | None, source: str, record_id: str) -> int:
    """Print whose a record is, with all links of that customer; 1 if it is nobody's. Raises OperatorError."""
    settings = settings_of(config)
    if settings.sources and source not in settings.sources:
        names = ", ".join(sorted(settings.sources))
        raise ConfigurationError(f"source `{source}`", "is not configured", f"Sources are: {names}")
    links = asyncio.run(_look_up(settings, source, record_id))
    if links is None:
        remarks().print(f"No customer has the record {record_id} of {source}.", markup=False)
        return 1
    console = results()
    console.print(f"Customer {links.customer_id}")
    if links.redirected_from:
        console.print(f"Merged into it: {', '.join(links.redirected_from)}")
    show(_links(links))
    return 0


async def _import(
    settings: Settings,
    file: Path,
    *,
    size: int | None,
    decided_by: str,
    bar: Progress,
    found: Callable[[Finding], None],
) -> ImportReport:
    task = bar.add_task(f"Importing {file.name}", total=size, lines=0, refused=0)

    def advance(so_far: importing.Progress) -> None:
        bar.update(task, completed=so_far.bytes_read, lines=so_far.lines, refused=so_far.refused)

    async with _opened(settings) as identity:
        return await import_file(
            file,
            identity,
            decided_by=decided_by,
            sources=frozenset(settings.sources) or None,
            progress=advance,
            found=found,
        )


async def _look_up(settings: Settings, source: str, record_id: str) -> Links | None:
    async with _opened(settings) as identity:
        customer_id = await identity.by_reference(source, record_id)
        return await identity.links(customer_id) if customer_id else None


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[StoredIdentityMap]:
    ring = load_key_ring(settings.identity, lambda secret, where: read_secret(secret, os.environ, where=where))
    async with open_store(settings.store) as store:
        yield StoredIdentityMap(store, ring, region=settings.identity.default_region)


def _writable(report: Path) -> IO[str]:
    try:
        return report.open("w", encoding="utf-8")
    except OSError as error:
        problem = f"cannot be written ({type(error).__name__})"
        raise ConfigurationError(str(report), problem, "Name a file in a folder that you may write to") from error


def _keeper(kept: IO[str] | None) -> Callable[[Finding], None]:
    def keep(finding: Finding) -> None:
        if kept is not None:
            kept.write(json.dumps({"line": finding.line, "code": finding.code, "why": finding.why}) + "\n")

    return keep


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]} lines, {task.fields[refused]} refused"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _findings(done: ImportReport, report: Path | None) -> Table:
    shown = done.findings[:MOST_SHOWN]
    table = table_of("line", "code", "why")
    table.columns[0].justify = "right"
    for finding in shown:
        table.add_row(str(finding.line), finding.code, f"The line {finding.why}.")
    if (more := sum(done.by_code.values()) - len(shown)) > 0:
        table.add_row("…", "", f"{more} more" + ("." if report else "; write all into a file with --report."))
    return table


def _links(links: Links) -> Table:
    table = table_of("source", "record", "since", "origin", "decided by")
    for link in links.links:
        since = link.since.isoformat(timespec="seconds")
        table.add_row(link.source, link.record_id, since, link.origin, link.decided_by)
    return table
