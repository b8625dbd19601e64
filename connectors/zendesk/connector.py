"""The calls to the Zendesk Support API."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from klantbeeld.sdk import (
    Ask,
    Bearer,
    Call,
    Connector,
    Guard,
    MatchKind,
    Reply,
    SourceError,
    SourceInvalid,
    SourceRejected,
    WriteSafety,
    does,
    problem_of_status,
    reads,
)
from klantbeeld.sdk.acts import CommentOnComplaint, FileComplaint, HoldComplaint, ReopenComplaint, SolveComplaint
from klantbeeld.sdk.paging import query_of_link
from klantbeeld.sdk.spellings import phone_spellings
from klantbeeld.sdk.words import Channel

from . import mapping
from . import records as wire
from .hook import HOOK

W = TypeVar("W")

ROOT = "/api/v2"
PAGE = 100
EXPORT_PAGE = 1000
WORD = re.compile(r"\w+")
FOUND_BY = (MatchKind.EMAIL, MatchKind.PHONE, MatchKind.CUSTOMER_NUMBER)
# Channels on which the customer writes, and not a member of staff.
OWN_HAND = frozenset({Channel.APP, Channel.WEB})
KEY_REUSED = "IdempotentRequestError"


class Zendesk(Connector):
    """One Zendesk account. The source's id of a customer is that of an end user, a complaint's that of a ticket."""

    auth = Bearer("oauth_token")
    hook = HOOK

    @reads(mapping.PARTY, resource="users", batch=PAGE)
    def party(self, ask: Ask) -> Call[wire.User]:
        """Read users by id."""
        query = [("ids", ",".join(number(key) for key in ask.keys))]
        path = f"{ROOT}/users/show_many"
        return Call(path=path, query=query, items=("users",), record=wire.User, absent=frozenset())

    @reads(*mapping.CONTACT_MEDIA, resource="users", batch=PAGE)
    def contact_media(self, ask: Ask) -> Call[wire.User]:
        """Read the same users."""
        return self.party(ask)

    @reads(mapping.COMPLAINT, newest_first="filed_at", page=PAGE)
    def complaints(self, ask: Ask) -> Call[wire.Ticket]:
        """Read the tickets that a user asked for; ids grow with time, and are what this list sorts by."""
        path = f"{ROOT}/users/{number(ask.key)}/tickets/requested"
        return self._listed(path, "tickets", wire.Ticket, ask, {"sort": "-id"}, complete=self._name_fields)

    @reads(mapping.COMPLAINT, by_record=True, batch=PAGE)
    def complaint(self, ask: Ask) -> Call[wire.Ticket]:
        """Read tickets by id."""
        return Call(
            path=f"{ROOT}/tickets/show_many",
            query=[("ids", ",".join(number(key) for key in ask.keys))],
            items=("tickets",),
            complete=self._name_fields,
            record=wire.Ticket,
            absent=frozenset(),
        )

    @reads(mapping.COMMENT, newest_first="written_at", page=PAGE)
    def comments(self, ask: Ask) -> Call[wire.Comment]:
        """Read the comments on a ticket, with their authors beside them where it matters who wrote."""
        path = f"{ROOT}/tickets/{number(ask.key)}/comments"
        beside = {"include": "users"} if "role" in ask.select else {}
        order = {"sort": "-created_at"}
        return self._listed(path, "comments", wire.Comment, ask, {**order, **beside}, complete=name_role)

    @reads(mapping.PARTY, page=PAGE, finds=FOUND_BY)
    def find(self, ask: Ask) -> Call[wire.User]:
        """Find users by e-mail address, phone number or customer number, which is their external id."""
        kind, value = MatchKind(ask.arguments["kind"]), str(ask.arguments["value"])
        if kind is MatchKind.CUSTOMER_NUMBER:
            return found_users(ask, {"external_id": value})
        if kind is MatchKind.EMAIL:
            return found_users(ask, {"query": term("email", value)})
        if kind is MatchKind.PHONE:
            return found_users(ask, {"query": " ".join(term("phone", each) for each in phone_spellings(value))})
        raise SourceRejected(f"cannot find by {kind}")

    @reads(mapping.PARTY, page=PAGE)
    def search(self, ask: Ask) -> Call[wire.User]:
        """Search users whose name or e-mail address has words that begin so."""
        words = WORD.findall(str(ask.arguments["text"]))
        if not words:
            raise SourceRejected("there is no word to search for", reason="nothing_to_search")
        return found_users(ask, {"query": " ".join(f"{word}*" for word in words)})

    @reads(mapping.PARTY, page=PAGE)
    def everyone(self, ask: Ask) -> Call[wire.User]:
        """Read all end users, page by page."""
        return self._listed(
            f"{ROOT}/users", "users", wire.User, ask, {"role": mapping.END_USER}, envelope=wire.UserPage
        )

    @reads(mapping.PARTY, page=EXPORT_PAGE)
    def changes(self, ask: Ask) -> Call[wire.User]:
        """Read the users that changed since a moment, oldest change first; the last minute is left out."""
        since: datetime = ask.arguments["since"]
        start = ("cursor", ask.after) if ask.after else ("start_time", str(int(since.timestamp())))
        return Call(
            path=f"{ROOT}/incremental/users/cursor",
            query=[start, ("per_page", str(ask.first or EXPORT_PAGE))],
            items=("users",),
            envelope=wire.UserPage,
            next_page=lambda page, _last: None if page.end_of_stream else page.after_cursor,
            record=wire.User,
            absent=frozenset(),
        )

    @does(WriteSafety.IDEMPOTENCY_KEY, mapping.SAVED)
    def file_complaint(self, act: FileComplaint) -> Call[wire.Saved]:
        """Make a ticket in the customer's name."""
        ticket = {
            "requester_id": int(number(act.customer)),
            "subject": act.subject,
            "comment": {"body": act.description, "author_id": int(number(act.customer))},
            "tags": [self.options["tag"]],
            "custom_fields": self._fields(act.channel, act.product),
        }
        return self._saved("POST", f"{ROOT}/tickets", ticket, headers=(("idempotency-key", act.key),))

    @does(WriteSafety.IF_MATCH, mapping.SAVED, guard=Guard.VERSION_FIELD)
    def comment_on_complaint(self, act: CommentOnComplaint) -> Call[wire.Saved]:
        """Say something about a ticket, in the customer's name where the customer wrote it."""
        author = {"author_id": int(number(act.customer))} if act.public and act.channel in OWN_HAND else {}
        comment = {"body": act.body, "public": act.public, **author}
        return self._changed(act.complaint, {"comment": comment}, expected=act.expected)

    @does(WriteSafety.IF_MATCH, mapping.SAVED, guard=Guard.VERSION_FIELD)
    def solve_complaint(self, act: SolveComplaint) -> Call[wire.Saved]:
        """Solve a ticket, and tell the customer how."""
        change = {"status": "solved", "comment": {"body": act.resolution, "public": True}}
        return self._changed(act.complaint, change, expected=act.expected)

    @does(WriteSafety.IF_MATCH, mapping.SAVED, guard=Guard.VERSION_FIELD)
    def hold_complaint(self, act: HoldComplaint) -> Call[wire.Saved]:
        """Put a ticket on hold: the customer does not see the note, nor that it waits."""
        change = {"status": "hold", "comment": {"body": act.note, "public": False}}
        return self._changed(act.complaint, change, expected=act.expected)

    @does(WriteSafety.IF_MATCH, mapping.SAVED, guard=Guard.VERSION_FIELD)
    def reopen_complaint(self, act: ReopenComplaint) -> Call[wire.Saved]:
        """Open a ticket again; one that is closed for good refuses."""
        change = {"status": "open", "comment": {"body": act.note, "public": False}}
        return self._changed(act.complaint, change, expected=act.expected)

    def problem(self, reply: Reply) -> SourceError | None:
        """Read the word of a refusal: a key that came with something else before proves nothing about the write."""
        problem = problem_of_status(reply)
        if not isinstance(problem, SourceRejected):
            return problem
        try:
            word = msgspec.json.decode(reply.body, type=wire.Refusal).error
        except msgspec.DecodeError:
            return problem
        if word == KEY_REUSED:
            return SourceInvalid(f"{problem.detail}: the key came with another request before")
        return SourceRejected(f"{problem.detail}, {word}", reason=word or None)

    def _changed(self, ticket: str, change: Mapping[str, Any], *, expected: str | None) -> Call[wire.Saved]:
        """Change a ticket, if it is still at the expected version."""
        guard = {"safe_update": True, "updated_stamp": expected} if expected else {}
        return self._saved("PUT", f"{ROOT}/tickets/{number(ticket)}", {**change, **guard})

    def _saved(
        self, method: str, path: str, ticket: Mapping[str, Any], *, headers: tuple[tuple[str, str], ...] = ()
    ) -> Call[wire.Saved]:
        return Call(
            method=method,
            path=path,
            headers=headers,
            json={"ticket": ticket},
            record=wire.Saved,
            absent=frozenset(),
            sends=True,
        )

    def _listed(
        self,
        path: str,
        items: str,
        record: type[W],
        ask: Ask,
        members: Mapping[str, str],
        *,
        envelope: type[msgspec.Struct] = wire.Page,
        complete: Callable[[Any, Any], None] | None = None,
    ) -> Call[W]:
        """Ask for a page by cursor."""
        after = {"page[after]": ask.after} if ask.after else {}
        return Call(
            path=path,
            query=tuple({**members, "page[size]": str(ask.first or PAGE), **after}.items()),
            items=(items,),
            envelope=envelope,
            next_page=next_cursor,
            complete=complete,
            record=record,
            absent=frozenset({404} if ask.keys else ()),
        )

    def _name_fields(self, _page: wire.Page | None, ticket: wire.Ticket) -> None:
        """Say of the account's own fields which of ours they are."""
        meanings = {self.options["product_field"]: mapping.PRODUCT, self.options["channel_field"]: mapping.CHANNEL}
        for field in getattr(ticket, "custom_fields", ()):
            field.meaning = meanings.get(str(field.id))

    def _fields(self, channel: Channel, product: str | None) -> list[dict[str, Any]]:
        written = {"id": int(self.options["channel_field"]), "value": channel.value.lower()}
        return [written, *([{"id": int(self.options["product_field"]), "value": product}] if product else [])]


def found_users(ask: Ask, members: Mapping[str, str]) -> Call[wire.User]:
    """Ask for a page of the users that are found; a search goes by the number of the page."""
    after = {"page": ask.after} if ask.after else {}
    return Call(
        path=f"{ROOT}/users/search",
        query=tuple({**members, "per_page": str(ask.first or PAGE), **after}.items()),
        items=("users",),
        envelope=wire.UserPage,
        next_page=lambda page, _last: query_of_link(page.next_page, "page"),
        record=wire.User,
        absent=frozenset(),
    )


def next_cursor(page: wire.Page | wire.UserPage, _last: object) -> str | None:
    """Return the cursor of the next page, if there is one."""
    return page.meta.after_cursor if page.meta and page.meta.has_more else None


def name_role(page: wire.Page, comment: wire.Comment) -> None:
    """Tell a comment what its author is, from the users beside the comments."""
    if hasattr(comment, "role"):
        comment.role = next((user.role for user in page.users if user.id == comment.author_id), None)


def number(key: str) -> str:
    """Return an id as Zendesk writes it, in digits; SourceRejected for anything else."""
    if not (key.isascii() and key.isdecimal()):
        raise SourceRejected("an id is no number")
    return key


def term(key: str, value: str) -> str:
    """Return a term of a search; a quotation mark cannot be quoted, so it is left out."""
    return f'{key}:"{value.replace(chr(34), "")}"'
