"""An account, as far as we read it.

`data` is the site's own schema; what stands in it here is this organisation's. Which consents and mailings there are is
the site's too, so `preferences` and `subscriptions` are trees that mapping.py walks.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, field


class Phone(Struct, kw_only=True):
    """A phone number."""

    number: str
    type: str | None = None


class Like(Struct, kw_only=True):
    """Something the customer likes."""

    name: str
    time: datetime | None = None


class Profile(Struct, kw_only=True, rename="camel"):
    """Who the customer is."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    gender: str | None = None
    age: int | None = None
    birth_day: int | None = None
    birth_month: int | None = None
    birth_year: int | None = None
    locale: str | None = None
    address: str | None = None
    zip: str | None = None
    city: str | None = None
    country: str | None = None
    phones: list[Phone] = field(default_factory=list)
    likes: list[Like] = field(default_factory=list)


class Choice(Struct, kw_only=True, rename="camel"):
    """A free choice of the customer."""

    value: str
    changed_at: datetime | None = None


class Relation(Struct, kw_only=True):
    """Somebody the customer is related to."""

    kind: str
    name: str


class Campaign(Struct, kw_only=True, rename="camel"):
    """A campaign that was sent to the customer."""

    id: str
    name: str | None = None
    channel: str | None = None
    sent_at: datetime | None = None
    opened: bool | None = None


class Video(Struct, kw_only=True, rename="camel"):
    """A video that the customer watched."""

    title: str
    viewed_at: datetime | None = None


class Post(Struct, kw_only=True, rename="camel"):
    """A public comment of the customer."""

    text: str
    posted_at: datetime | None = None


class Registration(Struct, kw_only=True, rename="camel"):
    """A product that the customer registered."""

    name: str
    serial: str | None = None
    registered_at: datetime | None = None


class Data(Struct, kw_only=True, rename="camel"):
    """The site's own members."""

    customer_number: str | None = None
    other_emails: list[str] = field(default_factory=list)
    contact_preferences: dict[str, Choice] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)
    comments: list[Post] = field(default_factory=list)
    product_registrations: list[Registration] = field(default_factory=list)
    logins_last30_days: int | None = field(name="loginsLast30Days", default=None)
    last_location_at: datetime | None = None


class Location(Struct, kw_only=True):
    """Where the customer logged in last."""

    city: str | None = None
    country: str | None = None


class Account(Struct, kw_only=True, rename="camel"):
    """A customer."""

    uid: str = field(name="UID", default="")
    last_updated: str | None = None
    created: datetime | None = None
    last_login: datetime | None = None
    last_login_location: Location | None = None
    profile: Profile | None = None
    data: Data | None = None
    preferences: dict[str, Any] = field(default_factory=dict)
    subscriptions: dict[str, Any] = field(default_factory=dict)


class Consent(Struct, kw_only=True, rename="camel"):
    """A leaf of `preferences`."""

    is_consent_granted: bool
    doc_version: float | None = None
    last_consent_modified: datetime | None = None


class Subscription(Struct, kw_only=True, rename="camel"):
    """A leaf of `subscriptions`."""

    is_subscribed: bool
    last_updated_subscription_state: datetime | None = None


class Outcome(Struct, kw_only=True, rename="camel"):
    """How a call went: an `error_code` of 0 is success, whatever the status says."""

    error_code: int


class Results(Outcome, kw_only=True):
    """How a search went, and how much of it this is."""

    objects_count: int = 0
    total_count: int = 0
    next_cursor_id: str | None = None
