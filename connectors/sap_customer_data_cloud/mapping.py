"""From an account to the unified model, a table for each record."""

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from klantbeeld.sdk import Mapping, Member, SourceInvalid, records, take
from klantbeeld.sdk.spellings import cut_address_line
from klantbeeld.sdk.words import Category, Channel, ConsentStatus, ContactKind

from . import records as wire

L = TypeVar("L", wire.Consent, wire.Subscription)

GENDERS = {"f": "female", "m": "male", "u": "unknown"}
OWNED: Table[str, Member] = {"owner": take("uid"), "version": take("last_updated")}


class Leaf(msgspec.Struct):
    """A consent or a subscription, with the id and the path at which it stands in its tree."""

    id: str
    path: tuple[str, ...]
    entry: dict[str, Any]


class Fact(msgspec.Struct):
    """A single fact, before it is an attribute."""

    id: str
    name: str
    value: str
    category: Category
    at: datetime | None = None


class Address(msgspec.Struct):
    """A way to reach the customer, before it is a contact medium."""

    id: str
    kind: ContactKind
    value: str | None = None
    postal: records.PostalAddress | None = None
    label: str | None = None


def full_name(profile: wire.Profile | None) -> str | None:
    """Put the name together; the product has no place for a tussenvoegsel."""
    parts = (profile.first_name, profile.last_name) if profile else ()
    return " ".join(part for part in parts if part) or None


def birth_date(profile: wire.Profile | None) -> date | None:
    """Return the date of birth, if all of it is known and there is such a day."""
    if profile is None or not (profile.birth_year and profile.birth_month and profile.birth_day):
        return None
    try:
        return date(profile.birth_year, profile.birth_month, profile.birth_day)
    except ValueError:
        return None


def gender(profile: wire.Profile | None) -> str | None:
    """Return the gender in words."""
    return GENDERS.get(profile.gender) if profile and profile.gender else None


def given_name(profile: wire.Profile | None) -> str | None:
    """Return the given name."""
    return profile.first_name if profile else None


def family_name(profile: wire.Profile | None) -> str | None:
    """Return the family name, with its tussenvoegsel."""
    return profile.last_name if profile else None


def language(profile: wire.Profile | None) -> str | None:
    """Return the preferred language."""
    return profile.locale if profile else None


def customer_number(data: wire.Data | None) -> str | None:
    """Return the number that the site keeps."""
    return data.customer_number if data else None


def day(moment: datetime | None) -> date | None:
    """Return the day of a moment."""
    return moment.date() if moment else None


PARTY = Mapping(
    records.Party,
    wire.Account,
    {
        **OWNED,
        "record_id": take("uid"),
        "full_name": take("profile", via=full_name),
        "given_name": take("profile", via=given_name),
        "family_name": take("profile", via=family_name),
        "birth_date": take("profile", via=birth_date),
        "gender": take("profile", via=gender),
        "language": take("profile", via=language),
        "customer_number": take("data", via=customer_number),
        "customer_since": take("created", via=day),
    },
)


def addresses(uid: str, profile: wire.Profile | None, data: wire.Data | None) -> Iterator[Address]:
    """Yield every way to reach the customer."""
    if profile and profile.email:
        yield Address(f"{uid}/email", ContactKind.EMAIL, profile.email, label="main")
    for place, email in enumerate(data.other_emails if data else ()):
        yield Address(f"{uid}/email/{place}", ContactKind.EMAIL, email, label="other")
    for place, phone in enumerate(profile.phones if profile else ()):
        yield Address(f"{uid}/phone/{place}", ContactKind.PHONE, phone.number, label=phone.type)
    if profile and (profile.address or profile.zip):
        yield Address(f"{uid}/address", ContactKind.POSTAL_ADDRESS, postal=postal_address(profile))


def postal_address(profile: wire.Profile) -> records.PostalAddress:
    """Translate an address, which the product keeps in one line."""
    street, number, addition = cut_address_line(profile.address)
    return records.PostalAddress(
        street=street,
        house_number=number,
        addition=addition,
        postcode=profile.zip,
        city=profile.city,
        country=profile.country,
    )


CONTACT_MEDIA = Mapping(
    records.ContactMedium,
    wire.Account,
    {
        "record_id": take("id"),
        "kind": take("kind"),
        "value": take("value"),
        "address": take("postal"),
        "label": take("label"),
    },
    outer=OWNED,
    each=take("uid", "profile", "data", via=addresses),
)


def leaves(uid: str, tree: Table[str, Any], flag: str, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the objects of a tree that have a certain member, with their paths."""
    for name, below in tree.items():
        if isinstance(below, dict) and flag in below:
            yield Leaf(f"{uid}/{'.'.join((*path, name))}", (*path, name), below)
        elif isinstance(below, dict):
            yield from leaves(uid, below, flag, (*path, name))


@lru_cache(maxsize=512)  # a site has few of them, and each profile has them all
def channel_of(path: tuple[str, ...]) -> Channel | None:
    """Return the channel that a path ends in; a consent without one holds for all."""
    return Channel.__members__.get(path[-1].upper()) if len(path) > 1 else None


@lru_cache(maxsize=512)
def purpose(path: tuple[str, ...]) -> str:
    """Return the path without its channel."""
    return ".".join(path[:-1] if channel_of(path) else path)


def read(entry: dict[str, Any], kind: type[L]) -> L:
    """Read a leaf; SourceInvalid where it is not what was declared."""
    try:
        return msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        raise SourceInvalid(f"a {kind.__name__} is not what was declared") from error


def consent(entry: dict[str, Any]) -> wire.Consent:
    """Read a leaf of `preferences`."""
    return read(entry, wire.Consent)


def consent_status(entry: dict[str, Any]) -> ConsentStatus:
    """Say whether it was given; what was never asked is not in the tree."""
    return ConsentStatus.GIVEN if consent(entry).is_consent_granted else ConsentStatus.WITHDRAWN


def notice_version(entry: dict[str, Any]) -> str | None:
    """Return the version of the consent statement."""
    version = consent(entry).doc_version
    return f"{version:g}" if version is not None else None


CONSENT = Mapping(
    records.Consent,
    wire.Account,
    {
        "record_id": take("id"),
        "purpose": take("path", via=purpose),
        "channel": take("path", via=channel_of),
        "status": take("entry", via=consent_status),
        "notice_version": take("entry", via=notice_version),
        "changed_at": take("entry", via=lambda entry: consent(entry).last_consent_modified),
        "evidence": take("path", via=lambda path: f"preferences.{'.'.join(path)}"),
    },
    outer=OWNED,
    each=take("uid", "preferences", via=lambda uid, tree: leaves(uid, tree, "isConsentGranted")),
)


def subscription(entry: dict[str, Any]) -> wire.Subscription:
    """Read a leaf of `subscriptions`."""
    return read(entry, wire.Subscription)


PREFERENCE = Mapping(
    records.Preference,
    wire.Account,
    {
        "record_id": take("id"),
        "topic": take("path", via=purpose),
        "channel": take("path", via=channel_of),
        "subscribed": take("entry", via=lambda entry: subscription(entry).is_subscribed),
        "changed_at": take("entry", via=lambda entry: subscription(entry).last_updated_subscription_state),
    },
    outer=OWNED,
    each=take("uid", "subscriptions", via=lambda uid, tree: leaves(uid, tree, "isSubscribed")),
)


def campaign_channel(word: str | None) -> Channel | None:
    """Translate the channel."""
    return Channel.__members__.get(word.upper()) if word else None


CAMPAIGN = Mapping(
    records.Campaign,
    wire.Account,
    {
        "record_id": take("id"),
        "name": take("name"),
        "channel": take("channel", via=campaign_channel),
        "sent_at": take("sent_at"),
        "opened": take("opened"),
    },
    outer=OWNED,
    each=take("data", via=lambda data: data.campaigns if data else ()),
)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the latest of some moments."""
    return max((moment for moment in moments if moment), default=None)


def social_facts(uid: str, profile: wire.Profile | None, data: wire.Data | None) -> Iterator[Fact]:
    """Yield age, likes and relations."""
    if profile and profile.age is not None:
        yield Fact(f"{uid}/age", "age", str(profile.age), Category.SOCIAL)
    if profile and profile.likes:
        names, at = ", ".join(like.name for like in profile.likes), latest(like.time for like in profile.likes)
        yield Fact(f"{uid}/likes", "likes", names, Category.SOCIAL, at)
    if data and data.relations:
        named = ", ".join(f"{relation.name} ({relation.kind})" for relation in data.relations)
        yield Fact(f"{uid}/relations", "relations", named, Category.SOCIAL)


def registration_facts(uid: str, data: wire.Data | None) -> Iterator[Fact]:
    """Yield the free choices."""
    for name, choice in sorted(data.contact_preferences.items() if data else ()):
        yield Fact(f"{uid}/choice/{name}", name, choice.value, Category.REGISTRATION, choice.changed_at)


def custom_facts(uid: str, data: wire.Data | None) -> Iterator[Fact]:
    """Yield videos, comments and product registrations."""
    if data and data.videos:
        titles, at = ", ".join(video.title for video in data.videos), latest(each.viewed_at for each in data.videos)
        yield Fact(f"{uid}/viewedVideos", "viewedVideos", titles, Category.CUSTOM, at)
    if data and data.comments:
        texts, at = ", ".join(post.text for post in data.comments), latest(post.posted_at for post in data.comments)
        yield Fact(f"{uid}/comments", "comments", texts, Category.CUSTOM, at)
    if data and data.product_registrations:
        found = data.product_registrations
        named = ", ".join(f"{each.name} ({each.serial})" if each.serial else each.name for each in found)
        at = latest(each.registered_at for each in found)
        yield Fact(f"{uid}/productRegistrations", "productRegistrations", named, Category.CUSTOM, at)


def system_facts(
    uid: str, data: wire.Data | None, last_login: datetime | None, location: wire.Location | None
) -> Iterator[Fact]:
    """Yield log-ins and location."""
    if data and data.logins_last30_days is not None:
        yield Fact(f"{uid}/loginsLast30Days", "loginsLast30Days", str(data.logins_last30_days), Category.SYSTEM)
    if last_login:
        yield Fact(f"{uid}/lastLogin", "lastLogin", last_login.isoformat(), Category.SYSTEM, last_login)
    if location and (location.city or location.country):
        place = ", ".join(part for part in (location.city, location.country) if part)
        at = data.last_location_at if data else None
        yield Fact(f"{uid}/lastLocation", "lastLocation", place, Category.SYSTEM, at)


def attribute(facts: Member) -> Mapping[records.Attribute]:
    """Make the mapping of one category's facts."""
    return Mapping(
        records.Attribute,
        wire.Account,
        {
            "record_id": take("id"),
            "name": take("name"),
            "value": take("value"),
            "category": take("category"),
            "observed_at": take("at"),
        },
        outer=OWNED,
        each=facts,
    )


ATTRIBUTES = (
    attribute(take("uid", "profile", "data", via=social_facts)),
    attribute(take("uid", "data", via=registration_facts)),
    attribute(take("uid", "data", via=custom_facts)),
    attribute(take("uid", "data", "last_login", "last_login_location", via=system_facts)),
)
