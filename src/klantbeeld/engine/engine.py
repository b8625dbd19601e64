"""The engine: document, plan, fetch, assembly."""

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo, MiddlewareManager, OperationType
from graphql.execution import experimental_execute_incrementally

from klantbeeld.engine.ageing import headers_of
from klantbeeld.engine.assembly import Assemble, compile_assembly
from klantbeeld.engine.conversion import Conversion
from klantbeeld.engine.cursors import Cursors
from klantbeeld.engine.desk import Work
from klantbeeld.engine.documents import Asked as AskedDocument
from klantbeeld.engine.documents import Document, Documents, Invalid, Parse, uncounted
from klantbeeld.engine.events import Events, NothingHappens
from klantbeeld.engine.explanation import Laps, explanation, refuse_explaining
from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.increments import Parts, Portions, in_parts
from klantbeeld.engine.literals import is_of_literal
from klantbeeld.engine.lru import LRU
from klantbeeld.engine.plan import Joint, Plan, Shape, compile_plan, name_of
from klantbeeld.engine.plan_tree import Capable, Scene
from klantbeeld.engine.ports import (
    Answer,
    Asked,
    Consistency,
    Errors,
    Feed,
    FormattedError,
    Reading,
    Rights,
    Rows,
    Surroundings,
    Trail,
)
from klantbeeld.engine.register import OwnRegister, Register
from klantbeeld.engine.roots import RunRoots
from klantbeeld.engine.run import Run, deny, way_of
from klantbeeld.engine.several import Several
from klantbeeld.engine.share import Share
from klantbeeld.engine.turns import Turns
from klantbeeld.engine.variables import InvalidVariables, Variables
from klantbeeld.errors import KeyRefused, KlantbeeldError, Overloaded, RequestError
from klantbeeld.graph.answers import Moment
from klantbeeld.identity.map import IdentityMap
from klantbeeld.settings import Language, Settings
from klantbeeld.sources.context import Ageing, CallContext
from klantbeeld.sources.source import Source
from klantbeeld.telemetry.metrics import DocumentOrigin
from klantbeeld.writes.writer import Writer

# What a plan and the functions of one assembly take in memory, against their document; measured, and held by a test.
PLAN_SHARE = 0.25
ASSEMBLY_SHARE = 1.5

# Joined fields that graphql-core may complete without letting others go on: each takes some 50 microseconds.
MOST_AT_ONCE = 100

Middleware = Callable[..., Any]
PlanKey = tuple[int, str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What `app.py` hands in; lives as long as the app."""

    schema: strawberry.Schema
    settings: Settings
    sources: Mapping[str, Source]
    identity: IdentityMap
    rows: Rows
    writer: Writer
    work: Work | None = None
    trail: Trail
    register: Register
    errors: Errors
    parse: Parse
    trusted: Collection[str] = ()
    cursor_key: bytes
    count_document: Callable[[DocumentOrigin], None] = uncounted
    count_fallback: Callable[[], None]
    failed: Callable[[BaseException], None]
    now: Callable[[], datetime]
    consistency: Consistency | None = None
    changes: Feed = field(default_factory=NothingHappens)
    progress: Feed = field(default_factory=NothingHappens)


class Engine(Several):
    """Answers GraphQL requests; lives as long as the app."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._schema = parts.schema._schema  # noqa: SLF001 - strawberry hands its graphql-core schema to nobody
        self._to_python = Conversion(parts.schema).to_python
        limits = parts.settings.documents
        self._share = Share(share=limits.new_share, burst=limits.new_burst, most_waiting=limits.new_waiting)
        self._documents = Documents(
            self._schema,
            parts.parse,
            limits,
            share=self._share,
            most_tokens=parts.settings.gateway.max_tokens,
            trusted=parts.trusted,
            heard=parts.count_document,
        )
        self._plans: LRU[PlanKey, Plan] = LRU(entries=limits.most_plans, size=limits.plan_bytes)
        self._fetch = Fetch(parts.sources, OwnRegister(parts.register, parts.sources.values()))
        self._cursors = Cursors(parts.cursor_key)
        self._keeps = parts.settings.cache.is_on
        self._encode = msgspec.json.Encoder().encode

    async def execute(self, request: Asked, context: Surroundings, /) -> Answer | Parts | Events:
        """Answer a request, in parts where it asks so, or for each event; raises RequestError for what is refused."""
        laps = self._laps(context) if context.explain else None
        planning = context.span.begin("plan") if context.span else None
        try:
            asked, plan, variables = await self._prepare(request, context)
        except (Invalid, InvalidVariables) as invalid:
            return self._refused(invalid.errors, context)
        if planning:
            planning.end()
        document = asked.document
        behind = context.consistency_token is not None and await self._is_behind(context)
        if plan.is_live:
            return await self._subscribe(asked, plan, variables, context)
        division = self._division(document, plan, variables) if in_parts(document, context) else None
        if division:
            plan = division.plan
        run = self._run(plan, self._shape(plan, variables), variables, context, fresh=behind)
        if laps:
            laps.end("document")
        try:
            roots = await self._carry_out(run, context)
            if laps:
                laps.end("fetch")
            data, errors = (None, ()) if division else await self._assemble(run, asked)
        except BaseException:
            if run.attempts:  # broken off: the write may have been made, and nobody will tell
                self._leave_trail(run, document, context.caller, outcome="UNKNOWN")
            raise
        if division:
            portions = Portions(run, division, self._fetch, partial(self._enter, run, roots=roots))
            return await self._begin(portions, asked, context)
        told = self._told(run, asked, errors, context)
        extensions = self._explained(asked, run, laps, context.caller) if laps else None
        return self._encoded(data, told, run, document, extensions=extensions)

    def _laps(self, context: Surroundings) -> Laps:
        refuse_explaining(context.caller.rights)
        return Laps()

    def _explained(self, asked: AskedDocument, run: Run, laps: Laps, caller: Any) -> dict[str, Any]:
        laps.end("assembly")
        scene = Scene(
            schema=self._schema,
            sources=[
                Capable(name, source.roles, source.readings, source.doings)
                for name, source in sorted(self._parts.sources.items())
            ],
            owners=self._parts.settings.writes.owners,
            rights=caller.rights,
            whose=f"{caller.caller_class}, for {caller.rights.purpose}",
            literals=dict(asked.moved.written()) if asked.moved else {},
            cache=self._parts.settings.cache,
        )
        return {"explain": explanation(asked, run, laps, scene)}

    async def _prepare(self, request: Asked, context: Surroundings) -> tuple[AskedDocument, Plan, Variables]:
        """Return what there is before anything is read; raises Invalid, InvalidVariables or RequestError."""
        text = request.query or ""
        asked = self._documents.known(text) or await self._documents.read(text)
        try:
            return self._bound(asked, request, context)
        except InvalidVariables as invalid:
            if not asked.moved:
                raise
            if not any(is_of_literal(error) for error in invalid.errors):
                raise InvalidVariables(asked.moved.placed(invalid.errors)) from invalid
        # It may be a literal that no variable may be: the document by itself tells, and in its own words.
        return self._bound(await self._documents.exactly(text), request, context)

    def _bound(
        self, asked: AskedDocument, request: Asked, context: Surroundings
    ) -> tuple[AskedDocument, Plan, Variables]:
        plan = self._plan(asked, request.operation_name, context.caller.rights)
        if plan.operation.operation is OperationType.MUTATION and context.is_get:
            raise RequestError("a mutation may not come by GET", code="METHOD_NOT_ALLOWED", status=405)
        given = {**request.variables, **asked.literals} if asked.literals else request.variables
        return asked, plan, plan.variables.read(given)

    def _plan(self, asked: AskedDocument, name: str | None, rights: Rights) -> Plan:
        """Return the plan of an operation; that of a document which was not seen before is not kept."""
        document = asked.document
        operation = document.operation(name)
        key = (document.number, name_of(operation), rights.fingerprint)
        plan = self._plans.get(key)
        if plan is None:
            with self._share.spending():
                plan = compile_plan(self._schema, operation, document.selections, rights, self._to_python)
            if asked.recurs:
                self._plans.put(key, plan, size=int(PLAN_SHARE * document.size))
        return plan

    async def _is_behind(self, context: Surroundings) -> bool:
        """Say whether this replica has not heard of the write of a token; raises RequestError for no token."""
        token, consistency = context.consistency_token, self._parts.consistency
        return token is not None and consistency is not None and not await consistency.seen(token, context.deadline)

    def _run(self, plan: Plan, shape: Shape, variables: Variables, context: Surroundings, *, fresh: bool) -> Run:
        moment = Moment(self._parts.now(), context.language, self._parts.settings, context.caller.rights)
        caller = context.caller
        ageing = Ageing() if self._keeps and not plan.is_serial else None
        calls = CallContext(
            *(context.deadline, caller.priority, caller.rights.fingerprint, fresh, caller.token, ageing), context.span
        )
        return Run(plan, shape, variables, moment, context=calls, cursors=self._cursors, to_python=self._to_python)

    async def _carry_out(self, run: Run, context: Surroundings) -> RunRoots:
        """Enter the roots and read what is below them: one after another for a mutation, together for a query."""
        self._parts.trail.check()
        roots = self._roots(run, context)
        wanted = run.shape.roots
        if len(wanted) == 1:
            await self._enter(run, wanted[0], roots)
        elif run.plan.is_serial:
            for joint in wanted:
                await self._enter(run, joint, roots)
        else:
            await asyncio.gather(*(self._enter(run, joint, roots) for joint in wanted))
        return roots

    def _roots(self, run: Run, context: Surroundings) -> RunRoots:
        return RunRoots(
            run=run,
            fetch=self._fetch,
            identity=self._parts.identity,
            rows=self._parts.rows,
            writer=self._parts.writer,
            caller=context.caller,
            sources=self._parts.sources,
            changes=self._parts.changes,
            progress=self._parts.progress,
            key_in_header=context.idempotency_key,
            work=self._parts.work,
        )

    async def _enter(self, run: Run, joint: Joint, roots: RunRoots) -> None:
        try:
            given = run.arguments_of(joint)
            value = await joint.extension.enter(roots=roots, **given)  # type: ignore[union-attr]  # roots are entered
        except Exception as error:
            if run.plan.is_serial and len(run.shape.roots) == 1 and isinstance(error, KeyRefused | Overloaded):
                raise  # the request is this one write, and HTTP has a status for it
            run.roots[joint.number] = error  # raised again at the field, where it costs the field alone
            return
        run.roots[joint.number] = value
        if level := run.shape.levels.get(joint.number):
            await self._fetch.below(run, level, value)

    async def _assemble(self, run: Run, asked: AskedDocument) -> tuple[Any, Sequence[GraphQLError]]:
        """Give data and errors: by the plan's own functions, or by graphql-core where they do not do.

        A document that is seen for the first time is left to graphql-core, whose work is less than writing functions.
        So is one that recurs, as long as others have spent the share from which writing them is paid.
        """
        if not asked.recurs or self._has_to_wait(run.shape, asked):
            result = await self._by_graphql_core(run, asked)
            return result.data, result.errors or ()
        if assemble := self._assembly(run, asked.document):
            errors: list[GraphQLError] = []
            try:
                return assemble(run, errors), errors
            except Exception:  # noqa: BLE001, S110 - graphql-core finds out what it is, and where
                pass
        self._parts.count_fallback()
        result = await self._by_graphql_core(run, asked)
        return result.data, result.errors or ()

    def _has_to_wait(self, shape: Shape, asked: AskedDocument) -> bool:
        return not shape.is_written and shape.is_kept and not asked.is_trusted and self._share.is_spent

    def _assembly(self, run: Run, document: Document) -> Assemble | None:
        shape = run.shape
        if not shape.is_written and shape.is_kept:
            with self._share.spending():
                shape.assemble = compile_assembly(self._schema, run.plan, document.selections, shape.conditions)
            shape.is_written = True
            plan_key = (document.number, run.plan.name, run.context.rights)
            self._plans.grow(plan_key, int(ASSEMBLY_SHARE * document.size))
        return shape.assemble

    def _shape(self, plan: Plan, variables: Variables) -> Shape:
        """Return the plan with its conditions decided as the variables have it."""
        values = variables.coerced
        conditions = {name: values[name] for name in plan.deciding}
        key = tuple(sorted(conditions.items()))
        shape = plan.shapes.get(key)
        if shape is None:
            is_kept = len(plan.shapes) < self._parts.settings.documents.most_assemblies
            shape = self._fetch.shape_of(plan, conditions, is_kept=is_kept)
            if is_kept:
                plan.shapes[key] = shape
        return shape

    async def _by_graphql_core(self, run: Run, asked: AskedDocument) -> ExecutionResult:
        """Have graphql-core assemble: what is new or large in turns; those of a known document cost nothing."""
        turns = None
        if not asked.recurs or run.count_places() > MOST_AT_ONCE:
            turns = Turns(run.plan, None if asked.recurs else self._share)
        middlewares = [*([turns] if turns else ()), *([_denier(run.plan)] if run.plan.denied else ())]
        with turns.paid() if turns else nullcontext():
            # Its plain `execute` refuses a schema that knows `@defer`; there is none in this tree.
            result: Any = experimental_execute_incrementally(
                self._schema,
                asked.document.tree,
                context_value=run,
                variable_values=dict(run.variables.given),
                operation_name=run.plan.name,
                middleware=MiddlewareManager(*middlewares) if middlewares else None,
            )
        done: ExecutionResult = await result if inspect.isawaitable(result) else result
        return done

    def _leave_trail(self, run: Run, document: Document, caller: Any, *, outcome: str, is_more: bool = False) -> None:
        """Note what was read of whom, and written; `is_more` says that the writes were noted before."""
        if not (run.customers or any(attempt.may_have_changed for attempt in run.attempts)):
            return
        asked = {one.source for answers in run.asked.values() for one in answers if one.source and one.delivered}
        if run.attempts:
            asked |= {step.source for attempt in run.attempts if attempt.outcome for step in attempt.outcome.steps}
        reading = Reading(
            customers=tuple(run.customers),
            fields=run.plan.released,
            sources=tuple(sorted(asked)),
            operation=run.plan.name or "anonymous",
            document=document.digest,
            outcome=outcome,
            writes=not is_more and any(attempt.may_have_changed for attempt in run.attempts),
            channel=" ".join(sorted({attempt.channel.value for attempt in run.attempts})) if run.attempts else "",
        )
        self._parts.trail.read(caller, reading)

    def _encoded(
        self,
        data: Any,
        shown: Sequence[FormattedError],
        run: Run,
        document: Document,
        *,
        extensions: Mapping[str, Any] | None = None,
    ) -> Answer:
        response: dict[str, Any] = {"errors": shown, "data": data} if shown else {"data": data}
        if extensions:
            response["extensions"] = extensions
        body = self._encode(response)
        run.let_go()
        return Answer(
            body,
            is_partial=bool(shown),
            document=document.digest,
            waited=max([answer.seconds for asked in run.asked.values() for answer in asked], default=0.0),
            headers=headers_of(run.context.ageing, is_whole=not shown),
        )

    def _told(
        self, run: Run, asked: AskedDocument, errors: Sequence[GraphQLError], context: Surroundings
    ) -> list[FormattedError]:
        """Note an answer in the trail before it leaves; returns its errors as the caller may see them."""
        if errors and asked.moved:
            errors = asked.moved.placed(errors)
        self._leave_trail(run, asked.document, context.caller, outcome="PARTIAL" if errors else "COMPLETE")
        return self._shown(errors, context.language)

    def _shown(self, errors: Sequence[GraphQLError], language: Language) -> list[FormattedError]:
        """Show errors of fields as a caller may see them, and report those that are faults of ours."""
        shown = []
        for error in errors:
            if error.original_error and not isinstance(error.original_error, KlantbeeldError | GraphQLError):
                self._parts.failed(error.original_error)
            shown.append(self._parts.errors.shown(error, language))
        return shown

    def _refused(self, errors: Any, context: Surroundings) -> Answer:
        shown = self._parts.errors.shown_before_execution(errors, context.language)
        return Answer(self._encode({"errors": shown}), executed=False)


def _denier(plan: Plan) -> Middleware:
    """Return a middleware of graphql-core that refuses what rights refuse."""

    def refuse_denied(
        resolve: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], /, **arguments: Any
    ) -> Any:
        deny(plan, way_of(info.path))
        return resolve(source, info, **arguments)

    return refuse_denied
