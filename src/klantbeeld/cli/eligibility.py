"""`klantbeeld eligibility`: a recipient list is judged by a running gateway, line by line, and stored nowhere.

The list is read in chunks, few of them at once, so that neither it nor the answers are ever held whole, and the sources
are asked no faster than they answer. Whoever a silent source left unjudged is asked about again, after a pause. What
stays unjudged is not allowed.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import httpx
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from klantbeeld.cli.query import Manner
from klantbeeld.cli.recipients import Recipient, is_json_lines, read_recipients
from klantbeeld.cli.terminal import remarks
from klantbeeld.errors import ConfigurationError
from klantbeeld.sdk.words import Channel

# Root fields that the gateway takes in one operation by default.
MOST_REFERENCES = 20
# Longer than any deadline of a caller class ought to be, in seconds.
PATIENCE = 60.0
# The first pause before somebody is asked about again, in seconds; each further one is twice as long.
PAUSE = 1.0
MEDIA_TYPE = "application/graphql-response+json"

JUDGED = "fragment Judged on Eligibility { allowed asOf blockers { code message source } }"
BY_ID = (
    "query Eligibility($customers: [ID!]!, $channel: Channel!, $product: ID) {"
    " judged: marketingEligibilities(customers: $customers, channel: $channel, product: $product) { ...Judged } }"
    + JUDGED
)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one line; `code` says why there is no judgement, and then nothing is allowed."""

    recipient: Recipient
    allowed: bool = False
    blockers: tuple[Mapping[str, Any], ...] = ()
    as_of: str | None = None
    code: str | None = None

    @property
    def is_unsaid(self) -> bool:
        """Whether asking again may help: a source or the gateway was silent."""
        return self.code == "NOT_ANSWERED" or any(one["code"] == "SOURCE_MISSING" for one in self.blockers)


class Judge(Protocol):
    """Judges some recipients, in their order."""

    async def __call__(self, recipients: Sequence[Recipient], /) -> list[Verdict]:
        """Return a verdict for each; nothing is raised for what goes wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a list is worked through: recipients a chunk, chunks at once, tries for each recipient."""

    chunk: int = 50
    at_once: int = 2
    tries: int = 3


async def stream(
    recipients: Iterable[Recipient], judge: Judge, *, pace: Pace | None = None, sleep: Sleep = asyncio.sleep
) -> AsyncGenerator[Verdict, None]:
    """Yield a verdict for each recipient, in the order of the list; reads no further ahead than `pace` says."""
    speed = pace or Pace()
    going: deque[asyncio.Task[list[Verdict]]] = deque()
    try:
        for chunk in _chunks(recipients, speed.chunk):
            if len(going) == speed.at_once:
                for verdict in await going.popleft():
                    yield verdict
            going.append(asyncio.create_task(_judge(chunk, judge, tries=speed.tries, sleep=sleep)))
        while going:
            for verdict in await going.popleft():
                yield verdict
    finally:
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class AskedGateway:
    """The judge behind a running gateway's address."""

    client: httpx.AsyncClient
    url: str
    channel: Channel
    product: str | None = None

    async def __call__(self, recipients: Sequence[Recipient], /) -> list[Verdict]:
        """Ask by ids in one operation, and by references in as few as the gateway takes."""
        by_id = [one for one in recipients if one.customer]
        by_reference = [one for one in recipients if not one.customer]
        parts = [self._by_id(by_id)] if by_id else []
        parts += [self._by_reference(part) for part in _chunks(by_reference, MOST_REFERENCES)]
        found = [verdict for part in await asyncio.gather(*parts) for verdict in part]
        return sorted(found, key=lambda verdict: verdict.recipient.line)

    async def _by_id(self, recipients: Sequence[Recipient]) -> list[Verdict]:
        variables = {"customers": [one.customer for one in recipients]}
        data, codes = await self._ask(BY_ID, variables)
        judged = data.get("judged") or [None] * len(recipients)
        code = codes.get("judged", "CUSTOMER_UNKNOWN") if data else codes.get("", "NOT_ANSWERED")
        return [_verdict(one, found, code) for one, found in zip(recipients, judged, strict=True)]

    async def _by_reference(self, recipients: Sequence[Recipient]) -> list[Verdict]:
        names = [f"r{number}" for number in range(len(recipients))]
        variables: dict[str, Any] = {}
        for name, one in zip(names, recipients, strict=True):
            variables |= {f"{name}s": one.source, f"{name}i": one.record_id}
        data, codes = await self._ask(_by_references(names), variables)
        verdicts = []
        for name, one in zip(names, recipients, strict=True):
            customer = data.get(name)
            code = codes.get(name, "CUSTOMER_UNKNOWN") if data else codes.get("", "NOT_ANSWERED")
            verdicts.append(_verdict(one, customer["marketingEligibility"] if customer else None, code))
        return verdicts

    async def _ask(self, document: str, variables: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """Return data, and the code of each root field's error; under "" that of a request that failed as a whole."""
        body = {"query": document, "variables": {**variables, "channel": self.channel, "product": self.product}}
        try:
            response = await self.client.post(self.url, json=body, timeout=PATIENCE)
            answer = response.json()
            errors = answer.get("errors") or []
            codes = {str((error.get("path") or [""])[0]): str(error["extensions"]["code"]) for error in errors}
        except httpx.UnsupportedProtocol:
            raise  # the address is wrong, and will be for every line
        except (httpx.TransportError, ValueError, KeyError, TypeError, AttributeError):
            return {}, {"": "NOT_ANSWERED"}
        return answer.get("data") or {}, codes


async def judge_file(
    file: Path, judge: Judge, *, pace: Pace, note: Callable[[int], None], write: Callable[[str], object]
) -> int:
    """Write a line of JSON for each line of a file; returns how many could not be judged."""
    unjudged = 0
    with nullcontext(sys.stdin) if str(file) == "-" else file.open(encoding="utf-8", errors="replace") as lines:
        recipients = read_recipients(lines, is_json=is_json_lines(file))
        async with aclosing(stream(recipients, judge, pace=pace)) as verdicts:
            async for verdict in verdicts:
                write(json.dumps(_shown(verdict), ensure_ascii=False) + "\n")
                unjudged += verdict.code is not None
                note(1)
    return unjudged


def eligibility(
    url: str,
    file: Path,
    *,
    channel: Channel,
    product: str | None,
    manner: Manner,
    pace: Pace,
) -> int:
    """Judge a list, with progress on a terminal; 1 if a line could not be judged, else 0. Raises ConfigurationError."""
    headers = {"Accept": MEDIA_TYPE, **manner.headers}
    columns = (SpinnerColumn(), TextColumn("Judging recipients"), MofNCompleteColumn(), TimeElapsedColumn())

    async def run() -> int:
        console = remarks()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=None)
            async with httpx.AsyncClient(headers=headers) as client:
                asked = AskedGateway(client, url, channel, product)
                return await judge_file(
                    file, asked, pace=pace, note=lambda by: progress.advance(task, by), write=sys.stdout.write
                )

    try:
        unjudged = asyncio.run(run())
    except OSError as error:
        raise ConfigurationError.unread(file, error, "Name a file of recipients, .csv or .jsonl") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        mend = "Write http://HOST:PORT/graphql"
        raise ConfigurationError("--url", "is not the address of a gateway", mend) from error
    if unjudged:
        remarks().print(f"Lines that could not be judged: {unjudged}. None of them is allowed.", markup=False)
    return 1 if unjudged else 0


def channel_of(word: str) -> Channel:
    """Return the channel that a word names; raises ConfigurationError."""
    try:
        return Channel[word.upper()]
    except KeyError as error:
        raise ConfigurationError("--channel", "is no channel", f"It is one of {', '.join(Channel)}") from error


async def _judge(chunk: Sequence[Recipient], judge: Judge, *, tries: int, sleep: Sleep) -> list[Verdict]:
    """Judge a chunk, and those again about whom somebody was silent; with each further try after a longer pause."""
    verdicts = {one.line: Verdict(one, code=one.problem) for one in chunk}
    left = [one for one in chunk if not one.problem]
    for number in range(tries):
        if number and left:
            await sleep(PAUSE * 2 ** (number - 1))
        found = await judge(left) if left else []
        verdicts |= {verdict.recipient.line: verdict for verdict in found}
        left = [verdict.recipient for verdict in found if verdict.is_unsaid]
    return list(verdicts.values())


def _verdict(recipient: Recipient, judged: Mapping[str, Any] | None, code: str) -> Verdict:
    if judged is None:
        return Verdict(recipient, code=code)
    verdict = Verdict(recipient, blockers=tuple(judged["blockers"]), as_of=judged["asOf"])
    return replace(verdict, allowed=judged["allowed"] is True)


def _shown(verdict: Verdict) -> dict[str, Any]:
    one = verdict.recipient
    who = {"customer": one.customer, "source": one.source, "record_id": one.record_id}
    shown = {"line": one.line, **{name: value for name, value in who.items() if value}, "allowed": verdict.allowed}
    if verdict.code:
        return shown | {"code": verdict.code}
    return shown | {"blockers": list(verdict.blockers), "as_of": verdict.as_of}


def _by_references(names: Sequence[str]) -> str:
    declared = "".join(f", ${name}s: String!, ${name}i: String!" for name in names)
    fields = "".join(
        f" {name}: customerByReference(source: ${name}s, recordId: ${name}i)"
        " { marketingEligibility(channel: $channel, product: $product) { ...Judged } }"
        for name in names
    )
    return f"query Eligibility($channel: Channel!, $product: ID{declared}) {{{fields} }} {JUDGED}"


def _chunks(recipients: Iterable[Recipient], size: int) -> Iterator[list[Recipient]]:
    rest = iter(recipients)
    while chunk := list(islice(rest, size)):
        yield chunk
