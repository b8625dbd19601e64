"""Statuses of sources in words: what is missing, and what that means for whoever reads the answer."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from klantbeeld.graph.answers import EXPECTED, Answer, Moment
from klantbeeld.graph.sourced import SourceStatus
from klantbeeld.sources.questions import SourceState

# States from the least to the most that a reader has to know.
GRAVITY = (
    SourceState.NOT_ASKED,
    SourceState.NOT_LINKED,
    SourceState.NOT_SUPPORTED,
    SourceState.NOT_CONFIGURED,
    SourceState.OK,
    SourceState.CACHED,
    SourceState.STALE,
    SourceState.DENIED,
    SourceState.UNAVAILABLE,
    SourceState.TIMEOUT,
)


def status_of(answer: Answer[Any], moment: Moment) -> SourceStatus:
    """Return the status of one answer, with the consequence of its absence in the caller's language."""
    fetched = [record.origin.fetched_at for record in answer.records if record.origin]
    return SourceStatus(
        source=answer.source,
        role=answer.role,
        state=answer.state,
        code=answer.code,
        latency_ms=_milliseconds(answer.seconds),
        as_of=min(fetched, default=None),
        consequence=None if answer.state in EXPECTED else consequence_of(answer.source, moment),
    )


def statuses_of(asked: Iterable[Answer[Any]], moment: Moment) -> list[SourceStatus]:
    """Return one status for each source that is configured: the worst of what was asked, or NOT_ASKED."""
    by_source: dict[str, list[Answer[Any]]] = {name: [] for name in sorted(moment.settings.sources)}
    for answer in asked:
        by_source.setdefault(answer.source, []).append(answer)
    return [_status(source, answers, moment) for source, answers in by_source.items() if source]


def _status(source: str, answers: list[Answer[Any]], moment: Moment) -> SourceStatus:
    if not answers:
        return status_of(Answer(source, "", "", SourceState.NOT_ASKED, []), moment)
    # The code and the role decide between equals, so that it is the same whichever came back first.
    worst = max(answers, key=lambda answer: (GRAVITY.index(answer.state), answer.code or "", answer.role))
    status = status_of(worst, moment)
    times = [record.origin.fetched_at for answer in answers for record in answer.records if record.origin]
    return replace(status, as_of=min(times, default=None), latency_ms=_milliseconds(max(a.seconds for a in answers)))


def consequence_of(source: str, moment: Moment) -> str | None:
    """Return what it means that a source is missing, as its operator put it."""
    settings = moment.settings.sources.get(source)
    return getattr(settings.risk_when_missing, moment.language) if settings else None


def _milliseconds(seconds: float) -> float | None:
    return round(seconds * 1000, 1) if seconds else None
