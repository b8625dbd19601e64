"""Evidence: what an owner holds now, held against what a write wanted.

It is read live where an answer was lost, never to decide whether to send again while the owner may still be executing:
absence now is not absence later.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from klantbeeld.sdk import acts, records
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.words import ComplaintState, ContactKind
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.looking import read_records

Shown = bool | str | None


class Sight(Enum):
    """What was seen of a write: it is there, it is not, or what is there tells neither."""

    PRESENT = "present"
    ABSENT = "absent"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen, and the owner's id of the record in which it shows."""

    sight: Sight
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What an act changes, and how it shows: `reads` are capabilities with the members that are compared.

    The version is that of the first one's record. `record` names the act's member with the record's id, where it is not
    the customer who changes. `adds` says that the act adds something that nobody takes away: what is not there was not
    done, and what was there before is another one. `shows` gives the id of the record in which it shows, where that is
    not what changes, and None where what is there does not tell.
    """

    reads: Mapping[str, frozenset[str]]
    shows: Callable[[Any, Mapping[str, Sequence[Any]], datetime], Shown]
    record: str | None = None
    adds: bool = False


def _contacts(act: Any, seen: Mapping[str, Sequence[Any]], _since: datetime) -> bool:
    media = seen["contact_media"]
    values = {(medium.kind, medium.value) for medium in media}
    wanted = [(ContactKind.EMAIL, act.email), (ContactKind.PHONE, getattr(act, "phone", None))]
    named = getattr(act, "name", None)
    return (
        all((kind, value) in values for kind, value in wanted if value is not None)
        and (act.address is None or any(_same_address(act.address, medium.address) for medium in media))
        and (named is None or any(party.full_name == named for party in seen["party"]))
    )


def _same_address(wanted: records.PostalAddress, held: records.PostalAddress | None) -> bool:
    """Compare without spaces and case, which owners write in their own way."""
    if held is None:
        return False
    return all(
        _plain(getattr(wanted, name)) == _plain(getattr(held, name))
        for name in ("street", "house_number", "addition", "postcode", "city")
    )


def _plain(text: str | None) -> str:
    return "".join((text or "").split()).casefold()


def _consent(act: acts.SetConsent, seen: Mapping[str, Sequence[Any]], _since: datetime) -> bool:
    asked = [
        one.status
        for one in seen["consents"]
        if one.purpose == act.purpose and act.consent_channel in {None, one.channel}
    ]
    return bool(asked) and all(status is act.status for status in asked)


def _preference(act: acts.SetPreference, seen: Mapping[str, Sequence[Any]], _since: datetime) -> bool:
    return any(
        one.topic == act.topic and one.subscribed == act.subscribed and act.preference_channel in {None, one.channel}
        for one in seen["preferences"]
    )


def _attribute(act: acts.SetAttribute, seen: Mapping[str, Sequence[Any]], _since: datetime) -> bool:
    return any((one.name, one.value) == (act.name, act.value) for one in seen["attributes"])


def _is_in(state: ComplaintState) -> Callable[[Any, Mapping[str, Sequence[Any]], datetime], Shown]:
    """Return what tells that a complaint is in a state."""

    def shows(_act: Any, seen: Mapping[str, Sequence[Any]], _since: datetime) -> Shown:
        return any(one.state is state for one in seen["complaint"])

    return shows


def _said(act: acts.CommentOnComplaint, seen: Mapping[str, Sequence[Any]], since: datetime) -> Shown:
    wanted = (_plain(act.body), act.public)
    alike = [one for one in seen["comments"] if (_plain(one.body), one.public) == wanted]
    return (
        True if _added(((one.written_at, one) for one in alike), since) else _undated(one.written_at for one in alike)
    )


def _filed(act: acts.FileComplaint, seen: Mapping[str, Sequence[Any]], since: datetime) -> Shown:
    wanted = (_plain(act.subject), _plain(act.description))
    alike = [one for one in seen["complaints"] if (_plain(one.subject), _plain(one.description)) == wanted]
    found = _added(((one.filed_at, one) for one in alike), since)
    return found.record_id if found else _undated(one.filed_at for one in alike)


def _added(alike: Iterable[tuple[datetime | None, Record]], since: datetime) -> Record | None:
    """Return the first of some records that is not older than the write: an older one is another's."""
    return next((one for at, one in alike if at is not None and at >= since - CLOCKS_DIFFER), None)


def _undated(moments: Iterable[datetime | None]) -> Shown:
    """Say nothing where a record is alike and does not tell its time; else that the write does not show."""
    return None if None in set(moments) else False


CLOCKS_DIFFER = timedelta(seconds=30)  # as much as an owner's clock may be behind ours
NOTHING: frozenset[str] = frozenset()
REACHED = frozenset({"kind", "value", "address"})

STATE: Mapping[str, frozenset[str]] = {"complaint": frozenset({"state"})}

SUBJECTS: Mapping[str, Changed] = {
    "change_contact_details": Changed({"party": NOTHING, "contact_media": REACHED}, _contacts),
    "change_billing_details": Changed({"party": frozenset({"full_name"}), "contact_media": REACHED}, _contacts),
    "set_consent": Changed({"party": NOTHING, "consents": frozenset({"purpose", "channel", "status"})}, _consent),
    "set_preference": Changed(
        {"party": NOTHING, "preferences": frozenset({"topic", "channel", "subscribed"})}, _preference
    ),
    "set_attribute": Changed({"party": NOTHING, "attributes": frozenset({"name", "value"})}, _attribute),
    "hold_complaint": Changed(STATE, _is_in(ComplaintState.PENDING), record="complaint"),
    "reopen_complaint": Changed(STATE, _is_in(ComplaintState.OPEN), record="complaint"),
    "solve_complaint": Changed(STATE, _is_in(ComplaintState.SOLVED), record="complaint"),
    "comment_on_complaint": Changed(
        {"complaint": NOTHING, "comments": frozenset({"body", "public", "written_at"})},
        _said,
        record="complaint",
        adds=True,
    ),
    "file_complaint": Changed({"complaints": frozenset({"subject", "description", "filed_at"})}, _filed, adds=True),
}


def has_version(source: Source, act: str) -> bool:
    """Say whether the version of what an act changes can be read at a source."""
    subject = SUBJECTS.get(act)
    return subject is not None and _capability_of_version(subject) in source.readings


def record_of(name: str, act: Act) -> str:
    """Return the source's id of what an act changes: a record, else the customer."""
    subject = SUBJECTS.get(name)
    member = subject.record if subject else None
    return str(getattr(act, member)) if member else act.customer


async def read_version(source: Source, name: str, act: Act, context: CallContext) -> str | None:
    """Read the version of what an act is about to change; raises SourceError, of which nothing was sent."""
    subject = SUBJECTS[name]
    capability = _capability_of_version(subject)
    seen = await read_records(source, {capability: NOTHING}, record_of(name, act), context, owner=act.customer)
    return _version(seen.get(capability, ()))


async def look(
    source: Source, name: str, act: Act, *, before: str | None, since: datetime, context: CallContext
) -> Seen:
    """Hold what an owner has against what an act wanted; `before` is the version that it was to change.

    `since` is when it was first sent. Raises SourceError where it cannot be read now.
    """
    subject = SUBJECTS.get(name)
    if subject is None or not set(subject.reads) <= set(source.readings):
        return Seen(Sight.UNTOLD)
    key = record_of(name, act)
    found = await read_records(source, subject.reads, key, context, owner=act.customer)
    shown = subject.shows(act, found, since)
    if shown is None:
        return Seen(Sight.UNTOLD)
    if shown:
        return Seen(Sight.PRESENT, shown if isinstance(shown, str) else key)
    is_unchanged = before is not None and _version(found.get(_capability_of_version(subject), ())) == before
    return Seen(Sight.ABSENT if subject.adds or is_unchanged else Sight.UNTOLD)


def _capability_of_version(subject: Changed) -> str:
    return next(iter(subject.reads))


def _version(found: Sequence[Record]) -> str | None:
    return next((record.version for record in found if record.version is not None), None)
