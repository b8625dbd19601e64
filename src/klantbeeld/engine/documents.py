"""Documents: parsed, checked and validated once, and kept for as long as they are asked.

Validation is quadratic in the size of a document, so the limits are checked first: `app.py` hands in a parser that
refuses what is too large. What that costs is taken from the share of unknown documents; a known one pays nothing, and
neither does one that differs from a known one in literals alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    validate,
)

from klantbeeld.engine.deferral import is_incremental, without_deferral
from klantbeeld.engine.literals import Moved, Template, Unshared, make_template
from klantbeeld.engine.lru import LRU
from klantbeeld.engine.scanning import Scan, scan
from klantbeeld.engine.selections import Selections, condition_variables
from klantbeeld.engine.share import Share
from klantbeeld.errors import RequestError
from klantbeeld.settings import DocumentSettings
from klantbeeld.telemetry.metrics import DocumentOrigin

# Most errors of a document that are reported.
MOST_ERRORS = 20

# What a document takes in memory, in bytes; measured, and held by a test: itself, its syntax tree, and its text.
BYTES_A_DOCUMENT = 8_000
BYTES_A_TOKEN = 600
BYTES_A_CHARACTER = 4

# Parts of the room for documents: those seen once, those whose shape may come again, and templates. The rest is for
# documents that came again, which no number of new ones drives out.
PART_OF_NEW = 8
PART_OF_TEMPLATES = 4

Parse = Callable[[str], DocumentNode]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed: its syntax tree, operations by name, and how its selections open.

    `deciding` are the variables of `@skip` and `@include`. `digest` is the SHA-256 of its text without its literals, in
    hexadecimal digits, and of the whole text for a trusted one. `number` tells it from every other one, and `size` is
    about what it takes in memory, in bytes. `tree` and what is made of it are without `@defer` and `@stream`, and
    `incremental` is the whole tree where there are any.
    """

    number: int
    digest: str
    tree: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    selections: Selections
    deciding: frozenset[str]
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
        if name is None and self.operations:
            raise RequestError("which of the operations", code="OPERATION_NAME_MISSING", place="operationName")
        if name is None or name not in self.operations:
            raise RequestError("no such operation in the document", code="OPERATION_NOT_FOUND", place="operationName")
        return self.operations[name]


@dataclass(frozen=True, slots=True)
class Asked:
    """A document as it was sent: `literals` are the variables for those that it does not share with its template.

    `recurs` says that it was seen before, or one of its shape, so that compiling it pays. `moved` puts the places of
    errors right where the document is a template.
    """

    document: Document
    recurs: bool
    literals: Mapping[str, Any] = field(default_factory=dict)
    moved: Moved | None = None


class Invalid(Exception):
    """A document that does not parse or validate; `errors` say where and why."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class First:
    """The first document of a shape, of which a template is made when a second comes."""

    text: str
    scan: Scan
    document: Document


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
        self._waiting = set(trusted)
        self._trusted: dict[str, Asked] = {}
        most, room = settings.most_documents, settings.document_bytes
        new, templates = room // PART_OF_NEW, room // PART_OF_TEMPLATES
        self._new: LRU[str, Asked] = LRU(entries=max(1, most // PART_OF_NEW), size=new)
        self._firsts: LRU[tuple[str, ...], First] = LRU(entries=max(1, most // PART_OF_NEW), size=new)
        self._shapes: LRU[tuple[str, ...], Shared | Alone] = LRU(
            entries=max(1, most // PART_OF_TEMPLATES), size=templates
        )
        self._recurring: LRU[str, Asked] = LRU(entries=most, size=room - 2 * new - templates)

    def get(self, text: str) -> Asked:
        """Return a document; raises Invalid, RequestError from the parser, or Overloaded where the share is spent."""
        found = self._recurring.get(text) or self._trusted.get(text)
        if found is None:
            found = self._again(text) or self._made(text)
        return found

    def exactly(self, text: str) -> Asked:
        """Return a document as it stands, shared with no other; raises as `get` does."""
        found = self._recurring.get(text) or self._trusted.get(text) or self._new.get(text)
        if found is None or found.literals:
            taken = scan(text, most_tokens=self._most_tokens)
            found = Asked(self._read(text, taken), recurs=False)
        return found

    def _again(self, text: str) -> Asked | None:
        """Return a document that was seen once, or is trusted and was not read yet."""
        if text in self._waiting:
            document = self._validated(text, self._parsed(text), scan(text, most_tokens=self._most_tokens))
            self._trusted[text] = Asked(replace(document, digest=Scan((text,), (), 0).digest), recurs=True)
            self._waiting.discard(text)
            return self._trusted[text]
        once = self._new.pop(text)
        return None if once is None else self._keep(text, replace(once, recurs=True))

    def _made(self, text: str) -> Asked:
        """Return a document that was not seen before."""
        taken = scan(text, most_tokens=self._most_tokens)
        if taken.found and (shared := self._shared(text, taken)):
            self._heard("shared")
            return self._keep(text, shared)
        document = self._read(text, taken)
        asked = Asked(document, recurs=self._all_recur)
        self._new.put(text, asked, size=document.size)
        if taken.found and taken.shape not in self._shapes:
            self._firsts.put(taken.shape, First(text, taken, document), size=document.size)
        return asked

    def _read(self, text: str, taken: Scan) -> Document:
        """Parse and validate an unknown document, from the share."""
        try:
            self._share.admit()
        except RequestError:
            self._heard("refused")
            raise
        self._heard("new")
        with self._share.spending():
            return self._validated(text, self._parsed(text), taken)

    def _keep(self, text: str, asked: Asked) -> Asked:
        # What a text that shares its document takes is its own length, twice: as the key, and for places of errors.
        size = 2 * BYTES_A_CHARACTER * len(text) if asked.moved else asked.document.size
        self._recurring.put(text, asked, size=size)
        return asked

    def _shared(self, text: str, taken: Scan) -> Asked | None:
        """Return the document of a known shape, with the literals of this one; None where it is not shared."""
        shape = self._shapes.get(taken.shape) or self._templated(taken.shape)
        if not isinstance(shape, Shared):
            return None
        try:
            literals = shape.template.values(taken.found)
        except Unshared:
            return None
        moved = Moved(shape.template, text, taken.found)
        return Asked(shape.document, recurs=True, literals=literals, moved=moved)

    def _templated(self, key: tuple[str, ...]) -> Shared | Alone | None:
        """Make a template of a shape that comes for the second time."""
        first = self._firsts.pop(key)
        if first is None:
            return None
        with self._share.spending():
            shape = self._shape_of(first)
        size = first.document.size if isinstance(shape, Shared) else BYTES_A_CHARACTER * len(first.text)
        self._shapes.put(key, shape, size=size)
        return shape

    def _shape_of(self, first: First) -> Shared | Alone:
        try:
            template = make_template(self._schema, first.document.whole, first.text, first.scan)
            return Shared(template, self._validated(first.text, template.tree, first.scan))
        except (Unshared, Invalid):
            return Alone()

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return self._parse(text)
        except GraphQLError as error:
            raise Invalid([error]) from error

    def _validated(self, text: str, whole: DocumentNode, taken: Scan) -> Document:
        if errors := validate(self._schema, whole, max_errors=MOST_ERRORS):
            raise Invalid(errors)
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
            deciding=condition_variables(tree),
            size=BYTES_A_DOCUMENT + BYTES_A_TOKEN * taken.tokens + BYTES_A_CHARACTER * len(text),
            incremental=None if tree is whole else whole,
        )
