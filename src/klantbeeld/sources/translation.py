"""Translation: wire structs become records, each checked against the customer's links and labelled with its origin."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import structlog

from klantbeeld.errors import SourceInvalid
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.mapping import Translator, together
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.sources.questions import Question, Subject

log = structlog.get_logger(__name__)

# The key under which records stand that were not asked for by key: those of a search.
NO_KEY = ""

OWNER = attrgetter("owner")

Found = dict[str, dict[str, list[Record]]]
"""Records by capability and by the key that they answer."""


@dataclass(frozen=True, slots=True)
class Translation:
    """How the answer to a question is read: one call's reading, what to decode, and a translator a capability."""

    reading: Reading
    select: frozenset[str]
    translators: tuple[tuple[str, Translator[Record]], ...]

    def collect(self, items: Sequence[Any], question: Question, source: str, now: datetime, into: Found) -> None:
        """Translate the items of an answer; a record that belongs to somebody else goes nowhere.

        Raises SourceInvalid for what a mapping cannot read.
        """
        if len(question.subjects) == 1:
            ((key, subject),) = question.subjects.items()
            self._collect_for(key, subject, items, Origin(source, subject.customer_id, now), into=into)
            return
        for capability, translator in self.translators:
            try:
                records = translator.translate(items, None)
            except Exception as error:
                raise _untranslated(source, capability, error) from error
            _spread(records, question, source, now, into[capability])

    def _collect_for(self, key: str, subject: Subject, items: Sequence[Any], origin: Origin, *, into: Found) -> None:
        """Translate items that are all about one subject."""
        owners = {None, *subject.owners}
        for capability, translator in self.translators:
            try:
                records = translator.translate(items, origin)
            except Exception as error:
                raise _untranslated(origin.source, capability, error) from error
            if translator.is_owned and not owners.issuperset(map(OWNER, records)):
                records = [record for record in records if record.owner in owners]
            found = into[capability]
            if key in found:
                found[key] += records
            else:
                found[key] = records


def translation_of(readings: Mapping[str, Reading], members: Mapping[str, frozenset[str]]) -> Translation:
    """Narrow the mappings of some capabilities of one resource to the members that are needed."""
    select: set[str] = set()
    translators = []
    for capability, wanted in members.items():
        translator = together([mapping.translator(wanted) for mapping in readings[capability].mappings])
        select |= translator.wire
        translators.append((capability, translator))
    return Translation(readings[next(iter(members))], frozenset(select), tuple(translators))


def _untranslated(source: str, capability: str, error: Exception) -> SourceInvalid:
    """Make of what a mapping raised what it costs; the log is told where that was, which no caller is."""
    log.warning("source_failed", source=source, code=SourceInvalid.code, error=error)
    return SourceInvalid(f"a record of {capability} could not be translated: {type(error).__name__}")


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
    origins = {subject.customer_id: Origin(source, subject.customer_id, now) for subject in question.subjects.values()}
    for record in records:
        key = record.record_id if question.by_record else record.owner
        subject = question.subjects.get(key) if key is not None else None
        if key is None or subject is None or not (record.owner is None or record.owner in subject.owners):
            continue
        record.origin = origins[subject.customer_id]
        found.setdefault(key, []).append(record)
