"""Whether a connector still fits what was recorded, and whether a system still answers as it was recorded.

What is asked of a system are the recorded questions that read; where the recorded customer is not there, somebody from
the system's own list is asked about instead. Nothing is written, and nothing of what came back is kept or shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from klantbeeld.cli.drift import Change, changes
from klantbeeld.errors import SourceError, SourceRejected
from klantbeeld.registry import LoadedConnector
from klantbeeld.sdk.calls import Ask
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.examples import (
    Example,
    as_expected,
    as_request,
    example_options,
    load_examples,
    members_on_the_wire,
    rehearse,
)
from klantbeeld.sdk.imports import forbidden_imports
from klantbeeld.sdk.live import Live, Spoken, records_of
from klantbeeld.sdk.records import Record
from klantbeeld.telemetry.logs import place_of

# Lists everybody, so that there is somebody to ask about.
EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something holds, and what was seen; holds no value of anybody's."""

    what: str
    holds: bool
    said: str
    changes: tuple[Change, ...] = ()


def check_examples(loaded: LoadedConnector) -> list[Verdict]:
    """Hold a connector against its recorded examples and what it may import, without a network.

    SourceErrors become verdicts. Of imports only the wrong ones do.
    """
    connector = loaded.make(example_options(loaded.manifest))
    examples = load_examples(loaded.manifest)
    capabilities = {*connector.readings(), *connector.doings()}
    without = sorted(capabilities - {example.capability for example in examples})
    wrong = forbidden_imports(loaded.manifest.folder or Path())
    verdicts = [Verdict("imports", holds=False, said=each) for each in wrong]
    verdicts += [Verdict(name, holds=False, said="has no example") for name in without]
    return verdicts + [
        _rehearsed(example, connector, loaded)
        if example.capability in capabilities
        else Verdict(_named(example), holds=False, said="is no capability of the connector")
        for example in examples
    ]


async def check_live(live: Live) -> list[Verdict]:
    """Ask a system every recorded question that reads, and hold the answer against what the connector declares."""
    examples = [example for example in load_examples(live.manifest) if example.ask is not None]
    somebody = await _somebody(live)
    return [await _asked(example, live, somebody) for example in examples]


def _named(example: Example) -> str:
    return f"{example.capability} ({example.name}, {example.origin})"


def _rehearsed(example: Example, connector: Connector, loaded: LoadedConnector) -> Verdict:
    what = _named(example)
    replies = [exchange.reply.reply() for exchange in example.exchanges]
    try:
        calls = rehearse(example.start(connector, loaded.manifest), iter(replies))
        made, recorded = [as_request(call) for call in calls], [exchange.request for exchange in example.exchanges]
        if made != recorded:
            said = f"makes other requests than were recorded: {_difference(made, recorded)}"
            return Verdict(what, holds=False, said=said)
        found = [as_expected(record) for record in records_of(example, connector, calls[-1], replies[-1])]
    except SourceError as error:
        return Verdict(what, holds=False, said=f"{error.code}: {error.detail}")
    except Exception as error:  # noqa: BLE001 - it is the author's, who wants to know where, and of the others too
        return Verdict(what, holds=False, said=_raised(error))
    if found != example.expect:
        said = f"makes other records than were expected: {_difference(found, example.expect)}"
        return Verdict(what, holds=False, said=said)
    return Verdict(what, holds=True, said=_records(len(found)))


def _difference(made: Sequence[Any], wanted: Sequence[Any]) -> str:
    """Say where two lists differ, without a value."""
    if len(made) != len(wanted):
        return f"{len(made)} where {len(wanted)} should be"
    for number, pair in enumerate(zip(made, wanted, strict=True), 1):
        one, other = (msgspec.to_builtins(each) for each in pair)
        if differing := sorted(name for name in {*one, *other} if one.get(name) != other.get(name)):
            return f"number {number} in {', '.join(differing)}"
    return "in nothing that can be named"


def _raised(error: Exception) -> str:
    """Say what was raised and where, and nothing of its text, which may hold a value."""
    at = f" at {place_of(error.__traceback__)}" if error.__traceback__ else ""
    return f"raises {type(error).__name__}{at}"


async def _asked(example: Example, live: Live, somebody: str | None) -> Verdict:
    reading = live.connector.readings()[example.capability]
    what, ask = f"{example.capability} ({example.name})", example.asked(reading)
    is_same = True
    try:
        records, spoken = await _records_or_none(live, example.capability, ask, somebody)
        for other in _others(ask, records, None if reading.by_record else somebody):
            is_same = False
            spoken = await live.spoken(example.capability, other)
            records, _ = live.understood(example.capability, other, spoken)
    except SourceError as error:
        return Verdict(what, holds=False, said=f"{error.code}: {error.detail}")
    except (httpx.HTTPError, ValueError) as error:
        return Verdict(what, holds=False, said=type(error).__name__)
    if not records and example.expect:
        return Verdict(what, holds=True, said="answers, and has nothing under the recorded ids: not proved")
    found = tuple(changes(example.exchanges, spoken, is_same=is_same and bool(records)))
    return Verdict(what, not any(change.matters for change in found), _records(len(records)), found)


async def _records_or_none(live: Live, capability: str, ask: Ask, somebody: str | None) -> tuple[list[Record], Spoken]:
    """Ask about the recorded customer; a system that refuses an id that it does not have has nothing there."""
    try:
        spoken = await live.spoken(capability, ask)
    except SourceRejected:
        if not ask.keys or somebody is None:
            raise
        return [], []
    records, _ = live.understood(capability, ask, spoken)
    return records, spoken


def _others(ask: Ask, records: list[Record], somebody: str | None) -> Iterator[Ask]:
    """Ask about somebody who is there, where the recorded customer is not."""
    if ask.keys and not records and somebody is not None:
        yield msgspec.structs.replace(ask, keys=(somebody,))


async def _somebody(live: Live) -> str | None:
    reading = live.connector.readings().get(EVERYONE)
    if reading is None:
        return None
    ask = Ask(keys=(), select=members_on_the_wire(reading), first=1, arguments={})
    try:
        records, _ = await live.read(EVERYONE, ask)
    except (SourceError, httpx.HTTPError, ValueError):  # told at the example of `everyone`
        return None
    return records[0].record_id if records else None


def _records(number: int) -> str:
    return f"{number} record" + ("" if number == 1 else "s")
