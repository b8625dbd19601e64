"""Conversations: the calls that a connector wants sent for one reading or one write, one after the other."""

from collections.abc import Generator
from typing import Any

import structlog
from msgspec import Struct

from klantbeeld.errors import SourceConflict, SourceError, SourceInvalid, SourceRefused, SourceRejected
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.decode import decode

Conversation = Call[Any] | Generator[Call[Any], Reply, Call[Any]]

WITHOUT_MEMBERS = frozenset(ALWAYS)

log = structlog.get_logger(__name__)


class Written(Struct, frozen=True):
    """What an owner answered to a write: the id of the record and, where it gives one, the new version."""

    record_id: str
    version: str | None


def begun(connector: Connector, name: str, act: Act) -> Conversation:
    """Begin the conversation of a write; raises SourceError, not sent."""
    try:
        conversation: Conversation = getattr(connector, name)(act)
    except SourceError as problem:
        problem.sent = False
        raise
    except Exception as error:
        raise broken(error, sent=False) from error
    return conversation


async def carried_through(conversation: Conversation, chain: Chain, context: CallContext) -> tuple[Call[Any], Reply]:
    """Send a call, or carry a dialogue to its last call; returns that call and the reply to it. Raises SourceError.

    An error speaks for the dialogue as a whole: it is `sent` if anything was that changes something, and once the
    source did part of it no refusal proves that nothing was done.
    """
    reply: Reply | None = None
    began = sending = False
    try:
        while True:
            sending = False
            call, is_last = _next_call(conversation, reply)
            sending = call.sends
            reply = await chain.send(call, context)
            if is_last:
                return call, reply
            chain.delivered(call)
            began = began or sending
    except SourceError as problem:
        if began and isinstance(problem, SourceConflict | SourceRejected | SourceRefused):
            raise SourceInvalid(f"a later step of a write: {problem.detail}") from problem
        problem.sent = began or (sending and problem.sent)
        raise
    except Exception as error:
        raise broken(error, sent=began or sending) from error


def written_by(mapping: RecordMapping[Any], call: Call[Any], reply: Reply) -> Written:
    """Read what an owner answered to a write. Raises SourceInvalid, or the owner's refusal in the body."""
    translator = mapping.translator(WITHOUT_MEMBERS)
    try:
        decoded = decode(call, reply.body, translator.wire)
        (record, *_) = translator.translate(decoded.items[:1], None)
    except Exception as error:
        if isinstance(error, SourceError) and not isinstance(error, SourceInvalid):
            raise  # the owner's refusal, in the body
        # The status said that it was done; what was done cannot be named, so it must not be called applied.
        raise SourceInvalid("the answer to a write does not say what was written") from error
    return Written(record.record_id, record.version)


def broken(error: Exception, *, sent: bool) -> SourceInvalid:
    """Make of a connector's fault what it costs; the log is told which and where."""
    log.error("internal_error", error=error)
    return SourceInvalid(f"the connector failed: {type(error).__name__}", sent=sent)


def _next_call(conversation: Conversation, reply: Reply | None) -> tuple[Call[Any], bool]:
    """Return what is to be sent after a reply, and whether it is the last."""
    if isinstance(conversation, Call):
        return conversation, True
    try:
        return (next(conversation) if reply is None else conversation.send(reply)), False
    except StopIteration as end:
        return end.value, True
