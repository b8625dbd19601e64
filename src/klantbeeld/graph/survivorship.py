"""Survivorship at read time: one value of several records, by a rule that can be read, with the alternatives.

Nothing of it is stored. The rule for a party is OWNER_FIRST: the value of the role that owns the field, the first of
its records in the order of source and id that has one.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import strawberry

from klantbeeld.graph.answers import Answers
from klantbeeld.sdk.records import Alternative, Choice, Record

R = TypeVar("R", bound=Record)

OWNER_FIRST = "OWNER_FIRST"
WITHDRAWAL_WINS = "WITHDRAWAL_WINS"


@strawberry.type(description="A value that another record has for the same field.")
class OtherValue:
    """A value that was not chosen."""

    source: str = strawberry.field(description="Source that says so.")
    value: str | None = strawberry.field(description="What it says, as text; null when it has no value.")


@strawberry.type(description="How a value was chosen where several records could give it.")
class ValueOrigin:
    """How a value was chosen."""

    field: str = strawberry.field(description="Name of the field.")
    source: str = strawberry.field(description="Source whose value it is.")
    rule: str = strawberry.field(description="Survivorship rule that chose it.")
    alternatives: list[OtherValue] = strawberry.field(description="What the other records say, where it differs.")


def origins_of(record: Record) -> list[ValueOrigin]:
    """Return how each value of a record was chosen; of a record that stood alone each value is its own."""
    choices = record.choices or merge([record], [], OWNER_FIRST).choices
    return [
        ValueOrigin(
            field=_camel(choice.member),
            source=choice.source,
            rule=choice.rule,
            alternatives=[OtherValue(source=other.source, value=other.value) for other in choice.alternatives],
        )
        for choice in choices
    ]


def owner_first(answers: Answers[R], owner: str) -> Any:
    """Merge the records into one, the owner's values first; None if the owner's sources have no record."""
    own = answers.by(owner).records
    if not own:
        return None
    others = [record for answer in answers for record in answer.records if answer.role != owner]
    return merge(own, others, OWNER_FIRST) if others or len(own) > 1 else own[0]


def merge(own: Sequence[R], others: Sequence[R], rule: str) -> R:
    """Take each member from the first of `own` that has it; `others` are only compared with."""
    merged = own[0]
    values: dict[str, Any] = {}
    choices = []
    for member in _members(merged):
        holder = next((record for record in own if getattr(record, member) is not None), None)
        if holder is None:
            continue
        value = getattr(holder, member)
        values[member] = value
        rest = [record for record in (*own, *others) if record is not holder and getattr(record, member) != value]
        choices.append(Choice(member, _source(holder), rule, tuple(_alternative(record, member) for record in rest)))
    return msgspec.structs.replace(merged, **values, choices=tuple(choices))


def _members(record: Record) -> list[str]:
    carried = set(Record.__struct_fields__)
    return [name for name in record.__struct_fields__ if name not in carried]


def _alternative(record: Record, member: str) -> Alternative:
    value = getattr(record, member)
    return Alternative(_source(record), None if value is None else str(value))


def _source(record: Record) -> str:
    return record.origin.source if record.origin else ""


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
