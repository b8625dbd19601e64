"""The calls to the Accounts API of SAP Customer Data Cloud: all by POST, with the parameters in a form."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from klantbeeld.sdk import (
    Ask,
    Call,
    Connector,
    Dialogue,
    FormMembers,
    Guard,
    MatchKind,
    Reply,
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceUnavailable,
    WriteSafety,
    does,
    reads,
    wire_names,
)
from klantbeeld.sdk.acts import Act, ChangeContactDetails, SetAttribute, SetConsent, SetPreference
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.spellings import address_line, phone_spellings, postcode_spellings
from klantbeeld.sdk.words import Channel, ConsentStatus

from . import mapping
from . import records as wire
from .hook import HOOK

PAGE = 300
# What has to be asked for by name; an account's ids and times come by themselves.
INCLUDED = {
    "profile": "profile",
    "data": "data",
    "preferences": "preferences",
    "subscriptions": "subscriptions",
    "last_login_location": "lastLoginLocation",
}
NOTHING_MORE = "irank"  # without `include` the product gives profile and data
EXTRA_PROFILE = "address,phones,likes,locale"
RATE_LIMIT = 403048
PROBLEMS: dict[int, type[SourceError]] = {
    301: SourceInvalid,
    401: SourceRefused,
    403: SourceRefused,
    409: SourceConflict,
    500: SourceUnavailable,
    503: SourceUnavailable,
    504: SourceUnavailable,
}
ATTRIBUTE_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,63}", re.ASCII)
SUBSCRIBED_BY = Channel.EMAIL


class CustomerDataCloud(Connector):
    """One site. The source's id of a customer is the UID of an account.

    There is neither a version to expect nor a key to repeat, so no write is safe to send twice, though each sets what
    it says and nothing else.
    """

    auth = FormMembers((("apiKey", "api_key"), ("userKey", "user_key"), ("secret", "secret")))
    hook = HOOK

    @reads(mapping.PARTY, resource="account")
    def party(self, ask: Ask) -> Call[wire.Account]:
        """Read an account; not by search, whose index lags behind a withdrawal."""
        return account(ask.key, ask.select)

    @reads(mapping.CONTACT_MEDIA, resource="account")
    def contact_media(self, ask: Ask) -> Call[wire.Account]:
        """Read the same account."""
        return self.party(ask)

    @reads(mapping.CONSENT, resource="account")
    def consents(self, ask: Ask) -> Call[wire.Account]:
        """Read the same account."""
        return self.party(ask)

    @reads(mapping.PREFERENCE, resource="account")
    def preferences(self, ask: Ask) -> Call[wire.Account]:
        """Read the same account."""
        return self.party(ask)

    @reads(mapping.CAMPAIGN, resource="account")
    def campaigns(self, ask: Ask) -> Call[wire.Account]:
        """Read the same account."""
        return self.party(ask)

    @reads(*mapping.ATTRIBUTES, resource="account")
    def attributes(self, ask: Ask) -> Call[wire.Account]:
        """Read the same account."""
        return self.party(ask)

    @reads(mapping.PARTY, page=PAGE, finds=tuple(MatchKind))
    def find(self, ask: Ask) -> Call[wire.Account]:
        """Find accounts by a match key; of the compound one the name is left to the gateway, which spells better."""
        kind, value = MatchKind(ask.arguments["kind"]), str(ask.arguments["value"])
        return searched(ask, MATCHES[kind](value))

    @reads(mapping.PARTY, page=PAGE)
    def search(self, ask: Ask) -> Call[wire.Account]:
        """Search accounts whose name or e-mail address contains a text."""
        text = literal(str(ask.arguments["text"]))
        paths = ("profile.firstName", "profile.lastName", "profile.email")
        return searched(ask, " OR ".join(f"{path} CONTAINS {text}" for path in paths))

    @reads(mapping.PARTY, page=PAGE)
    def everyone(self, ask: Ask) -> Call[wire.Account]:
        """Read all accounts by a cursor, which lives for five minutes after each page."""
        query = f"{select_from(ask.select)} LIMIT {ask.first or PAGE}"
        form = [("cursorId", ask.after)] if ask.after else [("query", query), ("openCursor", "true")]
        return Call(
            method="POST",
            path="/accounts.search",
            form=form,
            items=("results",),
            envelope=wire.Results,
            refusal=refusal,
            next_page=lambda results, _last: results.next_cursor_id,
            record=wire.Account,
            absent=frozenset(),
        )

    @reads(mapping.PARTY, page=PAGE)
    def changes(self, ask: Ask) -> Call[wire.Account]:
        """Read the accounts that changed since a moment, oldest change first."""
        since: datetime = ask.arguments["since"]
        return searched(ask, f"lastUpdatedTimestamp >= {int(since.timestamp() * 1000)}", order="lastUpdatedTimestamp")

    @does(WriteSafety.NONE, mapping.PARTY, guard=Guard.LEASE)
    def set_consent(self, act: SetConsent) -> Dialogue[wire.Account]:
        """Give or withdraw a consent; the product notes the time and the notice that is current.

        A consent for all channels is every one that the account holds below the purpose, so it is read first.
        """
        if act.status is ConsentStatus.NOT_ASKED:
            raise SourceRejected("a consent cannot be made unasked", reason="consent_not_settable")
        entry = {
            "isConsentGranted": act.status is ConsentStatus.GIVEN,
            "customData": [{"key": "channel", "value": act.channel.value.lower()}],
        }
        purpose = tuple(act.purpose.split("."))
        if act.consent_channel:
            return changed(act, preferences=tree((*purpose, act.consent_channel.value.lower()), entry))
        reply = yield account(act.customer, frozenset({"preferences"}))
        held = below(understood(reply).preferences, purpose)
        every = [leaf.path for leaf in mapping.leaves(act.customer, held, "isConsentGranted")]
        return changed(act, preferences=merged(tree(path, entry) for path in every or [purpose]))

    @does(WriteSafety.NONE, mapping.PARTY, guard=Guard.LEASE)
    def set_preference(self, act: SetPreference) -> Call[wire.Account]:
        """Subscribe to a mailing, or unsubscribe; mailings go by e-mail."""
        if act.preference_channel not in {None, SUBSCRIBED_BY}:
            raise SourceRejected("a mailing goes by e-mail", reason="channel_not_supported")
        path = (act.topic, SUBSCRIBED_BY.value.lower())
        return changed(act, subscriptions=tree(path, {"isSubscribed": act.subscribed}))

    @does(WriteSafety.NONE, mapping.PARTY, guard=Guard.LEASE)
    def set_attribute(self, act: SetAttribute) -> Call[wire.Account]:
        """Keep a free choice of the customer, with where it was learned and the consent under which it is kept."""
        if not ATTRIBUTE_NAME.fullmatch(act.name):
            raise SourceRejected("not the name of a member", reason="attribute_not_held")
        choice = {
            "value": act.value,
            "changedAt": act.learned_at.isoformat(),
            "source": act.learned_from,
            "consent": act.consent,
            "channel": act.channel.value.lower(),
        }
        return changed(act, data=tree(("contactPreferences", act.name), choice))

    @does(WriteSafety.NONE, mapping.PARTY, guard=Guard.LEASE)
    def change_contact_details(self, act: ChangeContactDetails) -> Dialogue[wire.Account]:
        """Change the profile; a list of phone numbers is replaced as a whole, so it is read first."""
        profile: dict[str, Any] = {"email": act.email} if act.email else {}
        if act.phone:
            reply = yield account(act.customer, frozenset({"profile"}))
            profile["phones"] = with_phone(understood(reply).profile, act.phone)
        if act.address:
            profile |= address_members(act.address)
        return changed(act, profile=profile)

    def problem(self, reply: Reply) -> SourceError | None:
        """Read the status, and the code of an answer whose status says that all is well."""
        problem = super().problem(reply)
        if problem is not None:
            return problem
        try:
            return refusal(msgspec.json.decode(reply.body, type=wire.Outcome))
        except msgspec.DecodeError:
            return None  # what is no answer of theirs is found out when it is decoded


def account(uid: str, select: Iterable[str]) -> Call[wire.Account]:
    """Ask for an account, with the parts of it that are selected."""
    included = sorted(INCLUDED[member] for member in select if member in INCLUDED)
    extra = [("extraProfileFields", EXTRA_PROFILE)] if "profile" in included else []
    return Call(
        method="POST",
        path="/accounts.getAccountInfo",
        form=[("UID", uid), ("include", ",".join(included) or NOTHING_MORE), *extra],
        envelope=wire.Outcome,
        refusal=refusal,
        record=wire.Account,
        absent=frozenset(),
    )


def searched(ask: Ask, condition: str, *, order: str = "UID") -> Call[wire.Account]:
    """Ask for a page of what a query finds; the position is how many came before."""
    start = int(ask.after or 0)
    query = f"{select_from(ask.select)} WHERE {condition} ORDER BY {order}"

    def next_page(results: wire.Results, _last: object) -> str | None:
        seen = start + results.objects_count
        return str(seen) if results.objects_count and seen < results.total_count else None

    return Call(
        method="POST",
        path="/accounts.search",
        form=[("query", f"{query} START {start} LIMIT {ask.first or PAGE}")],
        items=("results",),
        envelope=wire.Results,
        refusal=refusal,
        next_page=next_page,
        record=wire.Account,
        absent=frozenset(),
    )


def changed(act: Act, **parts: dict[str, Any]) -> Call[wire.Account]:
    """Ask for a change; the answer names no account, so it is told which one it was."""

    def complete(_outcome: wire.Outcome, written: wire.Account) -> None:
        written.uid = act.customer

    members = [(name, msgspec.json.encode(part).decode()) for name, part in parts.items()]
    return Call(
        method="POST",
        path="/accounts.setAccountInfo",
        form=[("UID", act.customer), *members],
        envelope=wire.Outcome,
        refusal=refusal,
        complete=complete,
        record=wire.Account,
        absent=frozenset(),
        sends=True,
    )


def refusal(outcome: wire.Outcome) -> SourceError | None:
    """Return the problem behind an error code, whose first three digits are those of an HTTP status."""
    code = outcome.error_code
    if code == 0:
        return None
    detail = f"error {code}"
    if code == RATE_LIMIT:
        return SourceRefused(detail)
    kind = PROBLEMS.get(code // 1000)
    return kind(detail) if kind else SourceRejected(detail, reason=str(code))


def select_from(members: Iterable[str]) -> str:
    """Return the head of a query for some members of the account."""
    return " ".join(("SELECT", ",".join(wire_names(wire.Account, members)), "FROM accounts"))


def literal(text: str) -> str:
    """Quote a text for a query."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_of(paths: Iterable[str], values: Iterable[str]) -> str:
    """Return the condition that one of the fields is one of the texts."""
    among = ",".join(literal(value) for value in values)
    return " OR ".join(f"{path} IN ({among})" for path in paths)


def matches_compound(value: str) -> str:
    """Return the condition for `name|postcode|birth date`."""
    _, postcode, birth_date = value.split("|")
    born = datetime.fromisoformat(birth_date)
    day = {"birthYear": born.year, "birthMonth": born.month, "birthDay": born.day}
    is_born = " AND ".join(f"profile.{name} = {part}" for name, part in day.items())
    return f"{is_born} AND {one_of(('profile.zip',), postcode_spellings(postcode))}"


MATCHES = {
    MatchKind.EMAIL: lambda value: one_of(("profile.email", "data.otherEmails"), (value,)),
    MatchKind.PHONE: lambda value: one_of(("profile.phones.number",), phone_spellings(value)),
    MatchKind.CUSTOMER_NUMBER: lambda value: one_of(("data.customerNumber",), (value,)),
    MatchKind.NAME_POSTCODE_BIRTH_DATE: matches_compound,
}


def tree(path: Sequence[str], leaf: dict[str, Any]) -> dict[str, Any]:
    """Put a leaf at a path."""
    for name in reversed(path):
        leaf = {name: leaf}
    return leaf


def below(preferences: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return the part of a tree that is at a path or below it, with the path."""
    inner: Any = preferences
    for name in path:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return tree(path, inner) if isinstance(inner, dict) else {}


def merged(trees: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Put trees together whose leaves are in different places."""
    found: dict[str, Any] = {}
    for one in trees:
        for name, inner in one.items():
            both = name in found and isinstance(inner, dict)
            found[name] = merged((found[name], inner)) if both else inner
    return found


def with_phone(profile: wire.Profile | None, number: str) -> list[dict[str, Any]]:
    """Return the customer's numbers with the first of the new one's type replaced, or with the new one added."""
    kind = "mobile" if number.startswith("+316") else "home"
    kept = list(_without_first(profile.phones if profile else [], kind))
    return [{"type": kind, "number": number}, *({"type": each.type, "number": each.number} for each in kept)]


def _without_first(phones: Sequence[wire.Phone], kind: str) -> Iterator[wire.Phone]:
    replaced = False
    for phone in phones:
        if phone.type == kind and not replaced:
            replaced = True
        else:
            yield phone


def address_members(address: PostalAddress) -> dict[str, str | None]:
    """Return the members of an address; what the new one does not have is emptied."""
    return {
        "address": address_line(address) or None,
        "zip": address.postcode,
        "city": address.city,
        "country": address.country,
    }


def understood(reply: Reply) -> wire.Account:
    """Decode the account that a dialogue reads first."""
    try:
        return msgspec.json.decode(reply.body, type=wire.Account)
    except msgspec.DecodeError as error:
        raise SourceInvalid("an account is not what was declared", sent=False) from error
