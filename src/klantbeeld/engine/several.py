"""Answers that are more than one: in parts, and one for each event."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from msgspec import structs

from klantbeeld.engine.deferral import deferral_of
from klantbeeld.engine.documents import Asked as AskedDocument
from klantbeeld.engine.documents import Document
from klantbeeld.engine.events import Events, Happened, Waiting
from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.increments import Parts, Portions, execute_in_parts, parts_of
from klantbeeld.engine.plan import Joint, Plan, Shape
from klantbeeld.engine.portions import Division, check_parts, divide
from klantbeeld.engine.ports import Answer, FormattedError, Surroundings, Trail
from klantbeeld.engine.roots import RunRoots
from klantbeeld.engine.run import Run
from klantbeeld.engine.variables import InvalidVariables, Variables
from klantbeeld.errors import RequestError
from klantbeeld.settings import Language, Settings


class EngineParts(Protocol):
    """What `app.py` hands to an engine, as far as it is needed here."""

    @property
    def settings(self) -> Settings:
        """All of them."""
        ...

    @property
    def trail(self) -> Trail:
        """Where is noted what leaves."""
        ...

    @property
    def count_fallback(self) -> Callable[[], None]:
        """Counts an answer that graphql-core assembles."""
        ...


class Engine(Protocol):
    """What an engine has for one answer to one request."""

    _schema: GraphQLSchema
    _fetch: Fetch

    @property
    def _parts(self) -> EngineParts: ...

    def _shape(self, plan: Plan, variables: Variables, /) -> Shape: ...

    def _run(self, plan: Plan, shape: Shape, variables: Variables, context: Surroundings, /, *, fresh: bool) -> Run: ...

    def _roots(self, run: Run, context: Surroundings, /) -> RunRoots: ...

    async def _enter(self, run: Run, joint: Joint, roots: RunRoots, /) -> None: ...

    async def _assemble(self, run: Run, asked: AskedDocument, /) -> tuple[Any, Sequence[GraphQLError]]: ...

    def _told(
        self, run: Run, asked: AskedDocument, errors: Sequence[GraphQLError], context: Surroundings, /
    ) -> list[FormattedError]: ...

    def _shown(self, errors: Sequence[GraphQLError], language: Language, /) -> list[FormattedError]: ...

    def _leave_trail(self, run: Run, document: Document, caller: Any, /, *, outcome: str, is_more: bool) -> None: ...

    def _encoded(self, data: Any, shown: Sequence[FormattedError], run: Run, document: Document, /) -> Answer: ...

    def _refused(self, errors: Any, context: Surroundings, /) -> Answer: ...

    async def _event(
        self, asked: AskedDocument, first: Run, happened: Happened, /, context: Surroundings
    ) -> dict[str, Any] | None: ...


class Several:
    """What an engine can beside one answer to one request."""

    def _division(self: Engine, document: Document, plan: Plan, variables: Variables) -> Division | None:
        """Divide a plan as its operation puts things off; None where it puts nothing off this time."""
        limits = self._parts.settings.gateway
        deferral = deferral_of(document.whole, plan.name, variables.coerced, most=limits.max_deferred)
        if not deferral:
            return None
        check_parts(plan, deferral, variables.coerced, most=limits.max_parts)
        return divide(plan, deferral)

    async def _begin(self: Engine, portions: Portions, asked: AskedDocument, context: Surroundings) -> Answer | Parts:
        """Assemble the first answer, and hand on the parts; the whole answer where in the end nothing was put off."""
        run, document = portions.run, asked.document
        self._parts.count_fallback()
        try:
            await portions.read_first()
            result = await execute_in_parts(self._schema, document.whole, portions)
        except BaseException:
            if run.attempts:  # broken off: the write may have been made, and nobody will tell
                self._leave_trail(run, document, context.caller, outcome="UNKNOWN", is_more=False)
            await portions.close()
            raise

        def shown(errors: Sequence[GraphQLError]) -> list[FormattedError]:
            return self._shown(asked.moved.placed(errors) if asked.moved else errors, context.language)

        def leave_trail(*, failed: bool, is_more: bool = True) -> None:
            outcome = "PARTIAL" if failed else "COMPLETE"
            self._leave_trail(run, document, context.caller, outcome=outcome, is_more=is_more)

        first = result if isinstance(result, ExecutionResult) else result.initial_result
        leave_trail(failed=bool(first.errors), is_more=False)
        if isinstance(result, ExecutionResult):
            return self._encoded(result.data, shown(result.errors or ()), run, document)
        return Parts(parts_of(result, portions, shown, leave_trail), document.digest)

    async def _subscribe(
        self: Engine, asked: AskedDocument, plan: Plan, variables: Variables, context: Surroundings
    ) -> Answer | Events:
        """Listen to what a subscription names; a refusal is an answer without any event."""
        if not context.takes_events:
            allowed = ("text/event-stream", "multipart/mixed; subscriptionSpec=1.0")
            raise RequestError("no events", code="NOT_ACCEPTABLE", status=406, place="header Accept", allowed=allowed)
        self._parts.trail.check()
        shape = self._shape(plan, variables)
        run = self._run(plan, shape, variables, context, fresh=True)
        if not shape.roots:  # refused by a rule
            data, errors = await self._assemble(run, asked)
            return self._encoded(data, self._told(run, asked, errors, context), run, asked.document)
        (joint,) = shape.roots
        try:
            given = run.arguments_of(joint)
        except (GraphQLError, InvalidVariables) as error:
            return self._refused(error.errors if isinstance(error, InvalidVariables) else [error], context)
        listen = joint.extension.listen  # type: ignore[union-attr]  # every field of the subscription is subscribed
        feed = await listen(roots=self._roots(run, context), **given)
        settings = self._parts.settings.changes

        known = asked

        async def answer(happened: Happened) -> dict[str, Any] | None:
            nonlocal known
            now, known = known, replace(asked, recurs=True)  # the next event asks the same again
            return await self._event(now, run, happened, context)

        return Events(
            Waiting(feed, most=settings.max_waiting, gather=settings.gather), answer, document=asked.document.digest
        )

    async def _event(
        self: Engine, asked: AskedDocument, first: Run, happened: Happened, context: Surroundings
    ) -> dict[str, Any] | None:
        """Answer one event as it stands now, rows and deadline included; raises RequestError where it is the last."""
        self._parts.trail.check()
        run = self._run(first.plan, first.shape, first.variables, context, fresh=True)
        deadline = asyncio.get_running_loop().time() + context.caller.deadline_seconds
        run.context = structs.replace(run.context, deadline=deadline)
        (joint,) = run.shape.roots
        roots = structs.replace(self._roots(run, context), events=happened.events, has_missed=happened.has_missed)
        await self._enter(run, joint, roots)
        value = run.roots[joint.number]
        if isinstance(value, RequestError):
            raise value
        if value is None:
            return None
        data, errors = await self._assemble(run, asked)
        told = self._told(run, asked, errors, context)
        return {"data": data, "errors": told} if told else {"data": data}
