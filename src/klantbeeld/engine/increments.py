"""An answer in parts: `@defer` and `@stream` (RFC Incremental Delivery, in the format of graphql-core 3.3).

The first portion of the plan is read as any plan is. Whatever is put off starts when the first answer has been handed
on and the next part is asked for: then it cannot take a connection, a place in a queue or the processor away from the
first answer, and a client that goes away after it costs the sources nothing more. From then on all portions are read
at once, each as soon as the values are there from which it goes on. graphql-core assembles: its fields wait for the
portion that brings them.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLResolveInfo, GraphQLSchema, MiddlewareManager
from graphql.execution import (
    ExperimentalIncrementalExecutionResults,
    InitialIncrementalExecutionResult,
    SubsequentIncrementalExecutionResult,
    experimental_execute_incrementally,
)
from graphql.pyutils import Path as ResponsePath

from klantbeeld.engine.documents import Document
from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.plan import Joint
from klantbeeld.engine.portions import FIRST, Division, Key, Seam, items_of
from klantbeeld.engine.ports import Surroundings
from klantbeeld.engine.run import Arguments, Run, deny, way_of
from klantbeeld.engine.selections import holds
from klantbeeld.engine.walk import parents_of
from klantbeeld.graph.answers import Moment
from klantbeeld.sdk.records import Record

Part = dict[str, Any]
Shown = Callable[[Sequence[GraphQLError]], list[dict[str, Any]]]
Enter = Callable[[Joint], Awaitable[None]]


class LeaveTrail(Protocol):
    """Notes what was read so far, before it leaves."""

    def __call__(self, *, failed: bool) -> None:
        """Note it."""


@dataclass(slots=True)
class Portions:
    """Reads the portions of one operation; lives as long as it, and is the context of graphql-core's resolvers.

    `enter` enters a root field, and reads what is below those of the first portion.
    """

    run: Run
    division: Division
    fetch: Fetch
    enter: Enter
    _tasks: dict[Key, "asyncio.Task[None]"] = field(default_factory=dict)

    @property
    def moment(self) -> Moment:
        """What a field's function knows of the request."""
        return self.run.moment

    async def read_first(self) -> None:
        """Read what the first answer needs beside the division's own plan: below lists that are streamed."""
        await self._read(FIRST)

    def start(self) -> None:
        """Start to read everything else."""
        for key in self.division.portions:
            if key != FIRST:
                self._task(key)

    async def close(self) -> None:
        """Stop reading; for whoever has everything, or wants no more of it."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def resolve(self, resolve: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
        """Resolve a field when it has been read, and refuse what rights refuse: a middleware of graphql-core."""
        way = way_of(info.path)
        deny(self.run.plan, way)
        joints = self.division.joints.get(way)
        if joints is None or any(self._knows(joint, source) for joint in joints):
            return resolve(source, info, **given)
        return self._resolve_later(joints, resolve, source, info, given)

    def entered(self, path: ResponsePath) -> Any:
        """Return the value of the root field at a response path, for its resolver."""
        (joint,) = self.division.joints[way_of(path)]
        return self.run.entered_at(joint)

    def combined(self, path: ResponsePath, parent: Any) -> Any:
        """Return the value of a joined field for one parent, for its resolver."""
        joints = self.division.joints[way_of(path)]
        known = [joint for joint in joints if self._knows(joint, parent)]
        return self.run.taken(
            known[0], parent
        )  # an object may stand among the first items of a list and the later ones

    def as_told(self, path: ResponsePath, record: Record) -> Record:
        """Return what the field at a response path tells of, for its resolver."""
        return self.run.as_told(path, record)

    async def _resolve_later(
        self,
        joints: Sequence[Joint],
        resolve: Callable[..., Any],
        source: Any,
        info: GraphQLResolveInfo[Any],
        given: Arguments,
    ) -> Any:
        for joint in joints:
            key = self.division.portion_of[joint.number]
            if key != FIRST:
                await asyncio.shield(self._task(key))
            if self._knows(joint, source):
                break
        value = resolve(source, info, **given)
        return await value if inspect.isawaitable(value) else value

    def _knows(self, joint: Joint, parent: Any) -> bool:
        """Say whether a joint was read for a parent; it has its place there before that."""
        if self.division.above[joint.number] is None:
            return joint.number in self.run.roots
        key = self.division.portion_of[joint.number]
        return self.run.has_place(joint, parent) and (key == FIRST or self._task(key).done())

    def _task(self, key: Key) -> "asyncio.Task[None]":
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._read(key))
        return self._tasks[key]

    async def _read(self, key: Key) -> None:
        portion = self.division.portions.get(key)
        if portion is None:
            return
        await asyncio.gather(*(asyncio.shield(self._task(one)) for one in portion.after if one != FIRST))
        outer = [seam for seam in portion.seams if not self._is_within(seam, key)]
        await asyncio.gather(*(self._go_on(seam) for seam in outer))
        for seam in reversed(portion.seams):  # the innermost was found first
            if self._is_within(seam, key):
                await self._go_on(seam)

    def _is_within(self, seam: Seam, key: Key) -> bool:
        """Say whether a seam lies between two joints of one portion, where a list is cut by its items."""
        return seam.above is not None and self.division.portion_of[seam.above.number] == key

    async def _go_on(self, seam: Seam) -> None:
        if seam.above is None:
            wanted = (joint for joint in seam.joints if holds(joint.conditions, self.run.shape.conditions))
            await asyncio.gather(*(self._enter_later(joint) for joint in wanted))
            return
        values = [(items_of(value, seam.items), customer_id) for value, customer_id in self._values_of(seam.above)]
        await self.fetch.go_on(self.run, seam.joints, values)

    async def _enter_later(self, joint: Joint) -> None:
        await self.enter(joint)
        await self.fetch.go_on(self.run, joint.children, self._values_of(joint))

    def _values_of(self, joint: Joint) -> list[tuple[Any, str]]:
        """Return the values that a joint has by now, with the customer that each is about."""
        above = self.division.above[joint.number]
        if above is None:
            value = self.run.roots.get(joint.number)
            return [(None if isinstance(value, Exception) else value, "")]
        return [
            (self.run.value_at(joint, parent), found)
            for value, customer_id in self._values_of(above)
            for parent, found in parents_of(value, joint.route, customer_id)
        ]


def in_parts(document: Document, context: Surroundings) -> bool:
    """Say whether a document may be answered in parts: it puts things off, the client reads that, and no plan is asked.

    A plan goes with a whole answer.
    """
    return document.incremental is not None and context.takes_incremental and not context.explain


async def execute_in_parts(
    schema: GraphQLSchema, document: DocumentNode, portions: Portions
) -> ExecutionResult | ExperimentalIncrementalExecutionResults:
    """Have graphql-core assemble the first answer, and whatever comes later."""
    made: Any = experimental_execute_incrementally(
        schema,
        document,
        context_value=portions,
        variable_values=dict(portions.run.variables.given),
        operation_name=portions.run.plan.name,
        middleware=MiddlewareManager(portions),
    )
    result: ExecutionResult | ExperimentalIncrementalExecutionResults = (
        await made if inspect.isawaitable(made) else made
    )
    return result


@dataclass(slots=True)
class Parts:
    """Parts of an answer, for the gateway; `is_live` is said of events, which have no deadline."""

    given: AsyncGenerator[Part, None]
    document: str
    is_live: bool = False

    def __aiter__(self) -> "Parts":
        """Give itself."""
        return self

    async def __anext__(self) -> Part:
        """Give the next part."""
        return await anext(self.given)

    async def aclose(self) -> None:
        """Stop; may be called again."""
        await self.given.aclose()


async def parts_of(
    results: ExperimentalIncrementalExecutionResults,
    portions: Portions,
    shown: Shown,
    leave_trail: LeaveTrail,
) -> AsyncGenerator[Part, None]:
    """Give the parts, errors masked; `leave_trail` hears of each for which something was read, and if it failed."""
    later = results.subsequent_results
    read = _read_so_far(portions.run)
    try:
        yield _part(results.initial_result, shown)
        portions.start()
        async for result in later:
            part = _part(result, shown)
            if (now := _read_so_far(portions.run)) > read:
                read = now
                leave_trail(failed=_has_errors(part))
            yield part
    finally:
        await later.aclose()
        await portions.close()


def _read_so_far(run: Run) -> int:
    """Return how many customers were met and answers of sources are there; they only grow."""
    return len(run.customers) + sum(len(answers) for answers in run.asked.values())


def _part(result: InitialIncrementalExecutionResult | SubsequentIncrementalExecutionResult, shown: Shown) -> Part:
    part: Part = dict(result.formatted)
    if isinstance(result, InitialIncrementalExecutionResult) and result.errors:
        part["errors"] = shown(result.errors)
    for name in ("incremental", "completed"):
        entries: Sequence[Any] = getattr(result, name, None) or ()
        if entries:
            part[name] = [
                entry.formatted | ({"errors": shown(entry.errors)} if entry.errors else {}) for entry in entries
            ]
    return part


def _has_errors(part: Part) -> bool:
    return any(entry.get("errors") for name in ("incremental", "completed") for entry in part.get(name, ()))
