"""Operations that put things off, made of generated ones, and what a client makes of the parts of an answer."""

from random import Random
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_nullable_type,
    parse,
    parse_value,
    print_ast,
    validate,
    visit,
)
from graphql.language import ArgumentNode, DirectiveNode, SelectionSetNode
from tests.engine.cases import CORE

Response = dict[str, Any]


def put_off(text: str, seed: int, *, most: int = 12) -> str:
    """Put parts of a valid document off; the same seed puts off the same."""
    document = parse(text)
    types = TypeInfo(CORE)
    for streams in (True, False):
        putting = _PuttingOff(Random(f"parts {seed}"), types, most, streams=streams)
        found = visit(document, TypeInfoVisitor(types, putting))
        if not validate(CORE, found):
            return print_ast(found)
    message = f"no way to put anything off in {text}"
    raise AssertionError(message)


def keys_of_sources(text: str) -> set[str]:
    """Return the response keys of `sources`, which tells what was asked by the time that it is answered."""
    found: set[str] = set()

    class Noting(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            if node.name.value == "sources":
                found.add((node.alias or node.name).value)

    visit(parse(text), Noting())
    return found


class _PuttingOff(Visitor):
    def __init__(self, random: Random, types: TypeInfo, most: int, *, streams: bool) -> None:
        super().__init__()
        self.random, self.types, self.left, self.streams = random, types, most, streams
        self.labels = 0

    def leave_field(self, node: FieldNode, _key: Any, _parent: Any, _path: Any, ancestors: Any) -> Any:
        """Stream a list, or put some of the fields below off."""
        directives = tuple(node.directives or ())
        kind = self.types.get_type()
        is_list = kind is not None and isinstance(get_nullable_type(kind), GraphQLList)
        if is_list and self.streams and not _is_root_of_mutation(ancestors) and self.random.random() < 0.3:
            directives += self.directive("stream", f"initialCount: {self.random.randint(0, 2)}")
        below = node.selection_set
        if below is not None and self.random.random() < 0.3:
            cut = self.random.randrange(len(below.selections))
            kept, off = below.selections[:cut], below.selections[cut:]
            wrapped = InlineFragmentNode(
                type_condition=None, directives=self.directive("defer"), selection_set=SelectionSetNode(selections=off)
            )
            below = SelectionSetNode(selections=(*kept, wrapped))
        return FieldNode(
            alias=node.alias, name=node.name, arguments=node.arguments, directives=directives, selection_set=below
        )

    def directive(self, name: str, *more: str) -> tuple[DirectiveNode, ...]:
        """Write a directive with a label; none where there are enough, since a label stands once in a document."""
        if self.left == 0:
            return ()
        self.left -= 1
        self.labels += 1
        given = dict(one.split(": ") for one in (f'label: "l{self.labels}"', *more))
        if self.random.random() < 0.2:
            given["if"] = self.random.choice(["true", "false"])
        arguments = tuple(ArgumentNode(name=NameNode(value=one), value=parse_value(it)) for one, it in given.items())
        return (DirectiveNode(name=NameNode(value=name), arguments=arguments),)


def _is_root_of_mutation(ancestors: Any) -> bool:
    operations = [one for one in ancestors if isinstance(one, OperationDefinitionNode)]
    depth = sum(isinstance(one, FieldNode) for one in ancestors)
    return not operations or (operations[0].operation is not OperationType.QUERY and depth == 0)


def merged(parts: list[Response]) -> Response:
    """Put parts together, as a client does; fails the test where they do not follow one another properly."""
    first, *later = parts
    data, errors = first.get("data"), list(first.get("errors", ()))
    pending: dict[str, list[Any]] = {}
    for number, part in enumerate([first, *later]):
        assert part["hasNext"] is (number < len(later))
        assert not set(pending) & {one["id"] for one in part.get("pending", ())}
        pending |= {one["id"]: one["path"] for one in part.get("pending", ())}
        for entry in part.get("incremental", ()):
            place = _at(data, [*pending[entry["id"]], *entry.get("subPath", ())])
            errors += entry.get("errors", ())
            if "items" in entry:
                place.extend(entry["items"])
            else:
                _merge(place, entry["data"])
        for entry in part.get("completed", ()):
            del pending[entry["id"]]
            errors += entry.get("errors", ())
    assert pending == {}
    return {"data": data, "errors": errors} if errors else {"data": data}


def _at(data: Any, path: list[Any]) -> Any:
    for key in path:
        data = data[key]
    return data


def _merge(into: Response, more: Response) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
