"""Mappings: for each member of a unified record, the wire members that it needs and one pure function or a table.

    INVOICE = Mapping(records.Invoice, wire.Invoice, {
        "record_id": take("id"),
        "settlement": take("status", via={"open": InvoiceState.OPEN, "paid": InvoiceState.PAID}),
        "due_on": take("due_date", via=day),
        "total": take("total", "currency", via=money),
    })

A plan that selects `due_on` alone decodes `due_date` alone and runs one function.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from klantbeeld.sdk.records import Origin, Record

R = TypeVar("R", bound=Record)

Via = Callable[..., Any] | Table[Any, Any]

# Members that every record carries, selected or not: the gateway checks and labels records by them.
ALWAYS = ("record_id", "owner", "version")


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member comes from: wire members by their Python names, and what makes one value of them.

    Without wire members it has always the same `value`.
    """

    wire: tuple[str, ...]
    via: Via | None = None
    value: Any = None


def take(*wire: str, via: Via | None = None) -> Member:
    """Make a member of one wire member as it is, or of several through `via`, in the order given.

    `via` is a function, or for one wire member a table; what is not in the table becomes None.
    """
    if len(wire) != 1 and not callable(via):
        message = f"{wire}: several wire members need a function"
        raise TypeError(message)
    return Member(wire, via)


def always(value: Any) -> Member:
    """Make a member that has the same value in every record."""
    return Member((), value=value)


@dataclass(frozen=True)
class Mapping(Generic[R]):
    """How one wire struct becomes records of one kind.

    Without `each` and `when`, exactly one record. `each` makes the items of a nested list, and the members are then
    taken from an item, those in `outer` from the struct around it; `when` says whether there is a record at all (no
    phone number, no contact medium).
    """

    record: type[R]
    wire: type[Any]
    members: Table[str, Member]
    each: Member | None = None
    when: Member | None = None
    outer: Table[str, Member] = field(default_factory=dict)
    _translators: dict[frozenset[str], "Translator[R]"] = field(default_factory=dict, repr=False, compare=False)

    def translator(self, members: frozenset[str]) -> "Translator[R]":
        """Return the translator for these members; made once for each set of members."""
        found = self._translators.get(members)
        if found is None:
            found = self._translators[members] = compile_mapping(self, members)
        return found


@dataclass(frozen=True, slots=True)
class Translator(Generic[R]):
    """A mapping narrowed to some members: the wire members to decode, and the function that translates them.

    `translate` makes records of wire structs, all with the same origin. `is_owned` says whether they name their owner.
    """

    wire: frozenset[str]
    translate: Callable[[Iterable[Any], Origin | None], list[R]]
    is_owned: bool


def together(translators: Sequence["Translator[Any]"]) -> "Translator[Any]":
    """Make one of the translators of several mappings; it gives the records of the first, then those of the next."""
    if len(translators) == 1:
        return translators[0]
    each = [one.translate for one in translators]

    def translate(structs: Iterable[Any], origin: Origin | None) -> list[Any]:
        records: list[Any] = []
        for one in each:
            records += one(structs, origin)
        return records

    wire = frozenset[str]().union(*(one.wire for one in translators))
    return Translator(wire, translate, any(one.is_owned for one in translators))


def compile_mapping(mapping: Mapping[R], members: frozenset[str]) -> Translator[R]:
    """Write out the translation of a list as one expression, without a loop over members."""
    chosen, outer = (_chosen(table, members) for table in (mapping.members, mapping.outer))
    around = [member for member in (mapping.each, None if mapping.each else mapping.when, *outer.values()) if member]
    needed = around if mapping.each else [*around, *chosen.values()]
    constants: list[Any] = []
    made = [_argument(name, member, "w", constants) for name, member in chosen.items()]
    made += [_argument(name, member, "o" if mapping.each else "w", constants) for name, member in outer.items()]
    record = f"R({', '.join([*made, 'origin=g'])})"
    loop = f"for o in s for w in {_expression(mapping.each, 'o', constants)}" if mapping.each else "for w in s"
    condition = f" if {_expression(mapping.when, 'w', constants)}" if mapping.when else ""
    scope: dict[str, Any] = {"R": mapping.record, **{f"c{number}": each for number, each in enumerate(constants)}}
    # The source is made of the mapping's own keys, which are identifiers of our records: no foreign text goes in.
    exec(f"def translate(s, g): return [{record} {loop}{condition}]", scope)  # noqa: S102 - see above
    wire = frozenset(name for member in needed for name in member.wire)
    return Translator(wire, scope["translate"], "owner" in chosen or "owner" in outer)


def _chosen(table: Table[str, Member], members: frozenset[str]) -> dict[str, Member]:
    return {name: made for name, made in table.items() if name in members or name in ALWAYS}


def _argument(name: str, member: Member, struct: str, constants: list[Any]) -> str:
    return f"{name}={_expression(member, struct, constants)}"


def _expression(member: Member, struct: str, constants: list[Any]) -> str:
    """Return the expression that makes the member from a struct; what it uses beside that goes into `constants`."""
    values = ", ".join(f"{struct}.{name}" for name in member.wire)
    if member.wire and member.via is None:
        return values
    name = f"c{len(constants)}"
    if not member.wire:
        constants.append(member.value)
        return name
    constants.append(member.via if callable(member.via) else member.via.get)  # type: ignore[union-attr]  # not None
    return f"{name}({values})"
