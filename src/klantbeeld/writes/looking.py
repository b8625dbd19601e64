"""Looking: what an owner holds at this moment, read for the gateway's own use, past whatever was kept of it."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from klantbeeld.errors import SourceError, SourceInvalid
from klantbeeld.sdk.records import Record
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Question, Subject
from klantbeeld.sources.source import Source


async def read_records(
    source: Source, reads: Mapping[str, frozenset[str]], key: str, context: CallContext, *, owner: str
) -> dict[str, Sequence[Record]]:
    """Return what a source holds under one of its ids, by capability; those of one resource are asked together.

    `reads` are capabilities of the source, each with the members that are needed; `owner` is the customer's id there.
    Raises SourceError, `sent` false, also where not all could be read.
    """
    by_resource: dict[str, dict[str, frozenset[str]]] = {}
    for capability, members in reads.items():
        by_resource.setdefault(source.readings[capability].resource, {})[capability] = members
    found: dict[str, Sequence[Record]] = {}
    fresh = reading_anew(context)
    for together in by_resource.values():
        question = Question(
            subjects={key: Subject("", frozenset({owner}))},
            members=together,
            arguments={},
            by_record=source.readings[next(iter(together))].by_record,
            everything=True,
        )
        outcome = await source.ask(question, fresh)
        if outcome.problem is not None:
            raise unsent(outcome.problem)
        if not outcome.complete:  # what is judged, put back or found by would lack the rest
            raise SourceInvalid("there is more than can be read for a write", sent=False)
        found |= {capability: outcome.records.get(capability, {}).get(key, ()) for capability in together}
    return found


def reading_anew(context: CallContext) -> CallContext:
    """Return a context in which nothing that was read before is good enough."""
    return context if context.fresh else structs.replace(context, fresh=True)


def unsent(problem: SourceError) -> SourceError:
    """Return a problem of a read as one that proves that nothing was written."""
    problem.sent = False
    return problem
