"""Translation: wire structs become records, each checked against the customer's links and labelled with its origin."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from klantbeeld.errors import SourceInvalid
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.sources.questions import Question, Subject

# The key under which records stand that were not asked for by key: those of a search.
NO_KEY = ""

Found = dict[str, dict[str, list[Record]]]
"""Records by capability and by the key that they answer."""


@dataclass(frozen=True, slots=True)
class Translation:
    """How the answer to a question is read: one call's reading, what to decode, and a translator a mapping."""

    reading: Reading
    select: frozenset[str]
    translators: tuple[tuple[str, Callable[[Any], Iterable[Record]]], ...]

    def collect(self, items: Iterable[Any], question: Question, source: str, now: datetime, into: Found) -> None:
        """Translate the items of an answer; a record that belongs to somebody else goes nowhere.

        Raises SourceInvalid for what a mapping cannot read.
        """
        for capability, translate in self.translators:
            try:
                records = [record for item in items for record in translate(item)]
            except Exception as error:
                kind = type(error).__name__
                raise SourceInvalid(f"a record of {capability} could not be translated: {kind}") from error
            found = into[capability]
            if len(question.subjects) == 1:
                ((key, subject),) = question.subjects.items()
                found.setdefault(key, []).extend(_labelled(records, subject, source, now))
            else:
                _spread(records, question, source, now, found)


def translation_of(readings: Mapping[str, Reading], members: Mapping[str, frozenset[str]]) -> Translation:
    """Narrow the mappings of some capabilities of one resource to the members that are needed."""
    select: set[str] = set()
    translators = []
    for capability, wanted in members.items():
        for mapping in readings[capability].mappings:
            translator = mapping.translator(wanted)
            select |= translator.wire
            translators.append((capability, translator.translate))
    return Translation(readings[next(iter(members))], frozenset(select), tuple(translators))


def _labelled(records: Iterable[Record], subject: Subject, source: str, now: datetime) -> Iterable[Record]:
    origin, owners = Origin(source, subject.customer_id, now), subject.owners
    for record in records:
        if record.owner is None or record.owner in owners:
            record.origin = origin
            yield record


def _spread(
    records: Iterable[Record], question: Question, source: str, now: datetime, found: dict[str, list[Record]]
) -> None:
    """Put each record under the key that it answers; without subjects, as for a search, under none."""
    if not question.subjects:
        origin = Origin(source, "", now)
        for record in records:
            record.origin = origin
        found.setdefault(NO_KEY, []).extend(records)
        return
    for record in records:
        key = record.record_id if question.by_record else record.owner
        subject = question.subjects.get(key) if key is not None else None
        if key is not None and subject is not None:
            found.setdefault(key, []).extend(_labelled((record,), subject, source, now))
