"""Documents: parsed, checked and validated once, and kept for as long as they are asked.

Validation is quadratic in the size of a document, so the limits are checked first: `app.py` hands in a parser that
refuses what is too large. What that costs is taken from the share of unknown documents; a known one pays nothing, and
neither does one that differs from a known one in literals alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    OperationDefinitionNode,
    VariablesInAllowedPositionRule,
    specified_rules,
    validate,
)

from klantbeeld.engine.deferral import is_incremental, without_deferral
from klantbeeld.engine.literals import Moved, Template, Unshared, make_template
from klantbeeld.engine.lru import LRU
from klantbeeld.engine.scanning import Scan, scan
from klantbeeld.engine.selections import Selections
from klantbeeld.engine.share import Share
from klantbeeld.engine.tokens import forget_tokens
from klantbeeld.errors import Overloaded, RequestError
from klantbeeld.settings import DocumentSettings
from klantbeeld.telemetry.metrics import DocumentOrigin

# Most errors of a document that are reported.
MOST_ERRORS = 20

# What a document takes in memory, in bytes; measured, and held by a test: itself, its syntax tree, and its text.
BYTES_A_DOCUMENT = 8_000
BYTES_A_TOKEN = 600
BYTES_A_CHARACTER = 4

# A document of so many tokens is validated in two goes, so that others wait for neither long. The rules about variables
# walk the whole document once for all of them.
LARGE = 400
ABOUT_VARIABLES = (NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule)
RULES = (ABOUT_VARIABLES, tuple(rule for rule in specified_rules if rule not in ABOUT_VARIABLES))

Parse = Callable[[str], DocumentNode]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed: its syntax tree, operations by name, and how its selections open.

    `digest` is the SHA-256 of its text without its literals, in hexadecimal digits, and of the whole text for a trusted
    one. `number` tells it from every other one, and `size` is about what it takes in memory, in bytes. `tree` and what
    is made of it are without `@defer` and `@stream`, and `incremental` is the whole tree where there are any.
    """

    number: int
    digest: str
    tree: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    selections: Selections
    size: int
    incremental: DocumentNode | None = None

    @property
    def whole(self) -> DocumentNode:
        """The tree as it was sent."""
        return self.incremental or self.tree

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to execute (GraphQL, section 6.1).

        Raises RequestError with OPERATION_NOT_FOUND, or with OPERATION_NAME_MISSING where there are several.
        """
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        place, names = "operationName", [each for each in self.operations if each]
        if name is None and self.operations:
            raise RequestError("which of them", code="OPERATION_NAME_MISSING", place=place, allowed=names)
        if not name or name not in self.operations:  # the one without a name is named by leaving the name out
            raise RequestError("no such operation", code="OPERATION_NOT_FOUND", place=place, allowed=names)
        return self.operations[name]


@dataclass(frozen=True, slots=True)
class Asked:
    """A document as it was sent: `literals` are the variables for those that it does not share with its template.

    `recurs` says that it was seen before, or one of its shape, so that compiling it pays. `moved` puts the places of
    errors right where the document is a template.
    """

    document: Document
    recurs: bool
    is_trusted: bool = False
    literals: Mapping[str, Any] = field(default_factory=dict)
    moved: Moved | None = None


class Invalid(Exception):
    """A document that does not parse or validate; `errors` say where and why."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Shared:
    """The template of a shape that recurs, and the document made of it."""

    template: Template
    document: Document


class Alone:
    """A shape whose documents cannot share one."""


def uncounted(_origin: DocumentOrigin) -> None:
    """Count nothing."""


class Documents:
    """The documents of one schema; lives as long as the schema.

    `trusted` are texts that are known from the start: they are read when they are first asked, at nobody's cost.
    `heard` hears of each document that was not known.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        parse: Parse,
        settings: DocumentSettings,
        *,
        share: Share,
        most_tokens: int,
        trusted: Collection[str] = (),
        heard: Callable[[DocumentOrigin], None] = uncounted,
    ) -> None:
        self._schema = schema
        self._parse = parse
        self._share = share
        self._most_tokens = most_tokens
        self._heard = heard
        self._numbers = count()
        self._all_recur = settings.compile == "all"
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._waiting = set(trusted)
        self._trusted: dict[str, Asked] = {}
        room = settings.document_bytes
        # Of what was seen once the text alone is kept: whoever sends ever new documents fills no memory with trees.
        self._once: LRU[str, Scan] = LRU(entries=settings.most_new, size=room // 8)
        self._first: LRU[tuple[str, ...], str] = LRU(entries=settings.most_new, size=room // 8)
        self._shapes: LRU[tuple[str, ...], Shared | Alone] = LRU(entries=settings.most_documents, size=room // 4)
        self._recurring: LRU[str, Asked] = LRU(entries=settings.most_documents, size=room // 2)

    def known(self, text: str) -> Asked | None:
        """Return a document that came again before; None for one that has to be read."""
        return self._recurring.get(text) or self._trusted.get(text)

    async def read(self, text: str) -> Asked:
        """Return a document that is not at hand; raises Invalid, RequestError from the parser, or Overloaded.

        Of those who ask for the same one, or for new ones of the same shape, at the same time, one reads it and the
        others wait for that: when many clients meet a new document together, it is read once or twice.
        """
        async with self._alone(text):
            if found := self.known(text):
                return found
            if before := self._once.pop(text):  # known, so it is not refused
                return self._keep(text, Asked(await self._document(text, before), recurs=True))
            taken = scan(text, most_tokens=self._most_tokens)
            if text in self._waiting:
                return await self._read_trusted(text, taken)
            async with self._alone(taken.shape):  # what stands above waits for no stranger's reading
                return await self._read_unknown(text, taken)

    def _alone(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of a text or a shape, which is gone when nobody holds or waits for it."""
        lock = self._locks.get(key) or asyncio.Lock()
        self._locks[key] = lock
        return lock

    async def _read_unknown(self, text: str, taken: Scan) -> Asked:
        if taken.found and (shared := await self._shared(text, taken)):
            self._heard("shared")
            return self._keep(text, shared)
        return await self._read_new(text, taken)

    async def exactly(self, text: str) -> Asked:
        """Return a document as it stands, shared with no other; raises as `read` does."""
        found = self.known(text)
        if found is None or found.literals:
            taken = scan(text, most_tokens=self._most_tokens)
            async with self._admitted():
                found = Asked(await self._document(text, taken), recurs=False)
        return found

    async def _read_trusted(self, text: str, taken: Scan) -> Asked:
        document = await self._document(text, taken)
        self._trusted[text] = Asked(replace(document, digest=Scan((text,), (), 0).digest), recurs=True, is_trusted=True)
        self._waiting.discard(text)
        return self._trusted[text]

    async def _read_new(self, text: str, taken: Scan) -> Asked:
        """Parse and validate an unknown document, from the share."""
        async with self._admitted():
            self._heard("new")
            document = await self._document(text, taken)
        size = BYTES_A_CHARACTER * len(text)
        if taken.found and taken.shape not in self._shapes:
            self._first.put(taken.shape, text, size=size)
        if self._all_recur:
            return self._keep(text, Asked(document, recurs=True))
        self._once.put(text, taken, size=size)
        return Asked(document, recurs=False)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        try:
            async with self._share.turn():
                yield
        except Overloaded:
            self._heard("refused")
            raise

    def _keep(self, text: str, asked: Asked) -> Asked:
        # What a text that shares its document takes is its own length, twice: as the key, and for places of errors.
        size = 2 * BYTES_A_CHARACTER * len(text) if asked.moved else asked.document.size
        self._recurring.put(text, asked, size=size)
        return asked

    async def _shared(self, text: str, taken: Scan) -> Asked | None:
        """Return the document of a known shape, with the literals of this one; None where it is not shared."""
        shape = self._shapes.get(taken.shape) or await self._templated(taken.shape)
        if not isinstance(shape, Shared):
            return None
        try:
            literals = shape.template.values(taken.found)
        except Unshared:
            return None
        moved = Moved(shape.template, text, taken.found)
        return Asked(shape.document, recurs=True, literals=literals, moved=moved)

    async def _templated(self, key: tuple[str, ...]) -> Shared | Alone | None:
        """Make a template of a shape that comes for the second time."""
        first = self._first.pop(key)
        if first is None:
            return None
        shape = await self._shape_of(first)
        size = shape.document.size if isinstance(shape, Shared) else BYTES_A_CHARACTER * len(first)
        self._shapes.put(key, shape, size=size)
        return shape

    async def _shape_of(self, text: str) -> Shared | Alone:
        taken = scan(text, most_tokens=self._most_tokens)
        try:
            with self._share.spending():
                template = make_template(self._schema, self._parsed(text), text, taken)
            return Shared(template, await self._validated(template.tree, text, taken))
        except (Unshared, Invalid):
            return Alone()

    async def _document(self, text: str, taken: Scan) -> Document:
        """Parse and validate, and let others go on in between."""
        with self._share.spending():
            whole = self._parsed(text)
        await asyncio.sleep(0)
        return await self._validated(whole, text, taken)

    def _parsed(self, text: str) -> DocumentNode:
        try:
            tree = self._parse(text)
        except GraphQLError as error:
            raise Invalid([error]) from error
        forget_tokens(tree, text)
        return tree

    async def _validated(self, whole: DocumentNode, text: str, taken: Scan) -> Document:
        for rules in (specified_rules,) if taken.tokens < LARGE else RULES:
            with self._share.spending():
                errors = validate(self._schema, whole, rules, max_errors=MOST_ERRORS)
                if errors and rules is ABOUT_VARIABLES:  # all of them, in the order of the document
                    errors = validate(self._schema, whole, max_errors=MOST_ERRORS)
            if errors:
                raise Invalid(errors)
            await asyncio.sleep(0)
        return self._made(whole, text, taken)

    def _made(self, whole: DocumentNode, text: str, taken: Scan) -> Document:
        tree = without_deferral(whole) if is_incremental(whole) else whole
        operations, fragments = {}, {}
        for definition in tree.definitions:
            if isinstance(definition, OperationDefinitionNode):
                operations[definition.name.value if definition.name else ""] = definition
            elif isinstance(definition, FragmentDefinitionNode):
                fragments[definition.name.value] = definition
        return Document(
            number=next(self._numbers),
            digest=taken.digest,
            tree=tree,
            operations=operations,
            selections=Selections(self._schema, fragments),
            size=BYTES_A_DOCUMENT + BYTES_A_TOKEN * taken.tokens + BYTES_A_CHARACTER * len(text),
            incremental=None if tree is whole else whole,
        )
