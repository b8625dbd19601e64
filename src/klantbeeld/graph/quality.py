"""Data quality: how complete, right, up to date and free of contradiction a customer's data is.

Each measure says its formula and the fields that it counted. What could not be read is unknown, and counts for nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

import strawberry
from strawberry import Parent

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import joined
from klantbeeld.graph.profile_fields import (
    ELSEWHERE,
    PROFILE,
    Field,
    Knowledge,
    fields_of,
    own_word,
    suited,
)
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.words import Category
from klantbeeld.sources.questions import DELIVERED, SourceState
from klantbeeld.texts import say

MEASURED_DATA = Data(owner="CRM", category=Category.REGISTRATION, scope="customer:read")


@strawberry.type(description="A field that a measure counted.")
class MeasuredField:
    """A field that was counted."""

    field: str = strawberry.field(description="Name of the field.")
    counts: bool = strawberry.field(description="Whether it counts for what is measured.")
    weight: int = strawberry.field(description="Its weight in the view.")
    sources: list[str] = strawberry.field(description="Sources that have a value for it.")


@strawberry.type(description="One measure of quality.")
class Measure:
    """One measure of quality."""

    value: float | None = strawberry.field(description="0 to 1; null when nothing could be counted.")
    formula: str = strawberry.field(description="How it was computed, in words.")
    fields: list[MeasuredField] = strawberry.field(description="The fields that were counted.")
    unknown: list[str] = strawberry.field(
        description="Fields that could not be counted: a source is silent, you may not read it, or nobody keeps it."
    )


@strawberry.type(description="How good the data of a customer is, measured now over all sources.")
class DataQuality:
    """Four measures; only those that are selected are computed."""

    view: str | None = strawberry.field(description="View whose fields and weights count; null for all fields alike.")

    @joined(*PROFILE)
    def completeness(answers: Parent[Answers[Record]]) -> Measure:
        """How much of what is needed is there."""
        return measure_of("completeness", answers)

    @joined(*PROFILE)
    def accuracy(answers: Parent[Answers[Record]]) -> Measure:
        """How much of what is there has the right form."""
        return measure_of("accuracy", answers)

    @joined(*PROFILE)
    def currency(answers: Parent[Answers[Record]]) -> Measure:
        """How much of what is there was given or verified lately."""
        return measure_of("currency", answers)

    @joined(*PROFILE, *ELSEWHERE)
    def conflicts(answers: Parent[Answers[Record]]) -> Measure:
        """On how much of what several systems hold they contradict each other."""
        return measure_of("conflicts", answers)


def quality_of(view: str | None, answers: Answers[Any]) -> DataQuality:
    """Make what is measured below it; raises RequestError with BAD_USER_INPUT for an unknown view."""
    fields_of(view, answers.moment)
    return DataQuality(view=view)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a measure says of a field: it counts or it does not, None for unknown; and who has a value."""

    counts: bool | None
    sources: tuple[str, ...] = ()


UNKNOWN = Verdict(None)

# Says of a field whether it counts; None leaves it out of the measure.
Judge = Callable[[Field, Answers[Any]], Verdict | None]


def measure_of(name: str, answers: Answers[Any]) -> Measure:
    """Measure over the fields of the view; `answers` are to the profile, and for conflicts to what is elsewhere."""
    judge = JUDGES[name]
    counted, unknown = [], []
    for field_name, field, weight in suited(answers, answers.parent.view):
        verdict = judge(field, answers)
        if verdict is None:
            continue
        if verdict.counts is None:
            unknown.append(own_word(field_name))
        else:
            sources = sorted(set(verdict.sources))
            counted.append(
                MeasuredField(field=own_word(field_name), counts=verdict.counts, weight=weight, sources=sources)
            )
    total = sum(field.weight for field in counted)
    value = round(sum(field.weight for field in counted if field.counts) / total, 4) if total else None
    days = answers.moment.settings.quality.current_days
    formula = say(f"QUALITY_{name.upper()}", answers.moment.language, days=days)
    return Measure(value=value, formula=formula, fields=counted, unknown=unknown)


def _is_complete(field: Field, answers: Answers[Any]) -> Verdict | None:
    knowledge = field.knowledge(answers)
    if knowledge is Knowledge.UNKNOWN:
        return UNKNOWN
    return Verdict(knowledge is Knowledge.PRESENT, _sources(field, answers))


def _is_accurate(field: Field, answers: Answers[Any]) -> Verdict | None:
    held = field.held(answers)
    if not held:
        return UNKNOWN if field.knowledge(answers) is Knowledge.UNKNOWN else None
    return Verdict(all(field.is_right(one.value, answers.moment) for one in held), _sources(field, answers))


def _is_current(field: Field, answers: Answers[Any]) -> Verdict | None:
    """Look at the latest date; a value of which no source says the date is unknown."""
    held = field.held(answers)
    if not held:
        return UNKNOWN if field.knowledge(answers) is Knowledge.UNKNOWN else None
    dates = [one.at for one in held if one.at]
    if not dates:
        return UNKNOWN
    oldest = answers.moment.now - timedelta(days=answers.moment.settings.quality.current_days)
    return Verdict(max(dates) >= oldest, _sources(field, answers))


def _is_contradicted(field: Field, answers: Answers[Any]) -> Verdict | None:
    """Compare what each source holds: two contradict each other that have no value in common."""
    if field.plain is None:
        return None
    by_source = _plain_values(field, answers)
    for values in combinations(by_source.values(), 2):
        if not values[0] & values[1]:
            return Verdict(counts=True, sources=tuple(by_source))
    silent = [
        answer
        for answer in answers.of(field.call)
        if answer.state not in DELIVERED | {SourceState.NOT_LINKED, SourceState.NOT_SUPPORTED}
    ]
    if silent:
        return UNKNOWN
    return Verdict(counts=False, sources=tuple(by_source)) if len(by_source) > 1 else None


def _plain_values(field: Field, answers: Answers[Any]) -> dict[str, set[str]]:
    """Return what each source holds, all its records together."""
    found: dict[str, set[str]] = {}
    for answer in answers.of(field.call):
        for record in answer.records:
            value = field.take(record, answers.moment)
            if plain := field.plain(value) if value and field.plain else None:
                found.setdefault(answer.source, set()).add(plain)
    return found


def _sources(field: Field, answers: Answers[Any]) -> tuple[str, ...]:
    return tuple(one.source for one in field.held(answers))


JUDGES: Mapping[str, Judge] = {
    "completeness": _is_complete,
    "accuracy": _is_accurate,
    "currency": _is_current,
    "conflicts": _is_contradicted,
}
