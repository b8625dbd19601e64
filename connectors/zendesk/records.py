"""The objects of the Support API, as far as we read them."""

from datetime import datetime

from msgspec import Struct, field


class User(Struct, kw_only=True):
    """An end user, who is a customer, or a member of staff."""

    id: int
    role: str = ""
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    external_id: str | None = None
    verified: bool | None = None


class FieldValue(Struct, kw_only=True):
    """The value of one of the account's own fields; `meaning` says which of ours it is, by the options."""

    id: int
    value: str | bool | int | float | list[str] | None = None
    meaning: str | None = None


class Via(Struct, kw_only=True):
    """How a ticket came in."""

    channel: str | None = None


class Ticket(Struct, kw_only=True):
    """A complaint."""

    id: int
    requester_id: int | None = None
    subject: str | None = None
    description: str | None = None
    status: str | None = None
    priority: str | None = None
    via: Via | None = None
    custom_fields: list[FieldValue] = field(default_factory=list)
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Comment(Struct, kw_only=True):
    """Something said about a ticket; `role` is its author's, told from the users beside the comments."""

    id: int
    author_id: int | None = None
    plain_body: str | None = None
    public: bool | None = None
    created_at: datetime | None = None
    role: str | None = field(name="-role", default=None)


class Saved(Struct, kw_only=True):
    """The answer to a change of a ticket."""

    ticket: Ticket


class Meta(Struct, kw_only=True):
    """Where a page by cursor ends."""

    has_more: bool = False
    after_cursor: str | None = None


class Page(Struct, kw_only=True):
    """What stands beside the items of a page, by whichever of the three ways of paging."""

    meta: Meta | None = None
    next_page: str | None = None
    after_cursor: str | None = None
    end_of_stream: bool = True
    users: list[User] = field(default_factory=list)


class UserPage(Struct, kw_only=True):
    """The same beside users, who are not read twice."""

    meta: Meta | None = None
    next_page: str | None = None
    after_cursor: str | None = None
    end_of_stream: bool = True


class Refusal(Struct, kw_only=True):
    """The body of a refusal; the description may quote data, so it is not read."""

    error: str = ""
