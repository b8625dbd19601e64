"""The writer: sends an act to its owner, once, with a key of its own, and says what came of it."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from klantbeeld.errors import SourceError, SourceRejected, Unanswered
from klantbeeld.identity.links import Links
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.outcomes import StepOutcome, WriteOutcome, WriteStatus, status_after
from klantbeeld.writes.routing import able, owner_of

# The longest key that a caller may give (draft-ietf-httpapi-idempotency-key-header names no bound; Stripe's is 255).
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a mutation wants: an act of a role, for one customer, with what makes it safe.

    `source` is the home of the record that changes, where there is one, and `holder` its id of the customer; else the
    owner is found by its role. `values` are the act's own members. `caller` is who asks, in words that stay the same
    from request to request; with the caller's `key` it makes the key of each step, so that the same request after a
    crash has the same keys.
    """

    role: Role
    act: str
    values: Mapping[str, Any]
    customer: Links
    channel: Channel
    caller: str
    key: str | None = None
    expected: str | None = None
    source: str | None = None
    holder: str | None = None


class Writer:
    """Writes over the sources of one configuration; lives as long as that.

    `declared` names the owner of an act where a role has several. `secret` keeps step keys from being guessed.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        declared: Mapping[str, str],
        secret: bytes,
        new_id: Callable[[], str],
    ) -> None:
        self._sources = sources
        self._declared = declared
        self._secret = hmac.digest(secret, b"klantbeeld step keys", "sha256")
        self._new_id = new_id

    async def write(self, intent: Intent, context: CallContext) -> WriteOutcome:
        """Carry an intent out; raises Unanswered where no owner can take it, and nothing was sent then."""
        operation_id = self._new_id()
        owner = self._owner(intent)
        record_ids = [link.record_id for link in intent.customer.links if link.source == owner.name]
        if not record_ids:
            raise Unanswered("NOT_LINKED", source=owner.name)
        act = self._act(intent, intent.holder or record_ids[0], step=owner.name, operation_id=operation_id)
        return WriteOutcome(operation_id, (await self._step(owner, intent.act, act, context),))

    def _owner(self, intent: Intent) -> Source:
        if intent.source is None:
            return owner_of(intent.act, intent.role, sources=self._sources, declared=self._declared)
        home = self._sources.get(intent.source)
        if home is None or intent.role.name not in home.roles:
            raise Unanswered("OWNER_UNKNOWN")
        return able(home, intent.act)

    def _act(self, intent: Intent, customer: str, *, step: str, operation_id: str) -> Act:
        made_from = "\0".join((intent.caller, intent.act, intent.key or operation_id, step, customer))
        key = hmac.digest(self._secret, made_from.encode(), "sha256").hex()
        kind = intent.role.acts[intent.act]
        return kind(customer=customer, key=key, expected=intent.expected, channel=intent.channel, **intent.values)

    async def _step(self, owner: Source, name: str, act: Act, context: CallContext) -> StepOutcome:
        try:
            written = await owner.act(name, act, context)
        except SourceError as error:
            reason = error.reason if isinstance(error, SourceRejected) else None
            return StepOutcome(owner.name, name, status_after(error), code=error.code, reason=reason)
        return StepOutcome(owner.name, name, WriteStatus.APPLIED, written.record_id, written.version)
