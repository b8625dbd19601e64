"""The shape of an account: system members, profile, data, preferences and subscriptions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from klantbeeld.sandbox.facts import Behaviour, ConsentFact, OptInFact, Person, SystemRecord

CONSENTS = (
    "marketing.email",
    "marketing.phone",
    "marketing.sms",
    "marketing.post",
    "marketing.app",
    "profiling",
    "partners",
)
"""The consent statements of the site; their ids are paths in ``preferences``."""

MAILINGS = ("newsletter",)
NOTICES = {"2024-05": (1.0, "2024-05-01T00:00:00.000Z"), "2026-01": (2.0, "2026-01-01T00:00:00.000Z")}
CURRENT_NOTICE = NOTICES["2026-01"]
PROFILE_FIELDS = frozenset(
    [
        "firstName",
        "lastName",
        "nickname",
        "email",
        "gender",
        "age",
        "birthDay",
        "birthMonth",
        "birthYear",
        "address",
        "zip",
        "city",
        "state",
        "country",
        "locale",
        "languages",
        "phones",
        "likes",
        "timezone",
        "relationshipStatus",
        "photoURL",
        "thumbnailURL",
        "profileURL",
        "bio",
    ]
)
EXTRA_PROFILE_FIELDS = frozenset(
    ["languages", "address", "phones", "likes", "locale", "timezone", "relationshipStatus", "bio"]
)
"""The members of a profile that ``accounts.getAccountInfo`` gives only when ``extraProfileFields`` asks for them."""


def stamp(moment: datetime) -> str:
    """Return a time as the product writes it: ``2026-11-20T10:05:00.000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def milliseconds(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def account_of(person: Person, record: SystemRecord, *, today: date) -> dict[str, Any]:
    """Return the account that a person has, with everything that marketing knows."""
    seen = person.behaviour.last_login or record.created_at
    account = new_account(record.record_id, emails=record.emails, created=record.created_at, changed=record.modified_at)
    account |= {"lastLogin": stamp(seen), "lastLoginTimestamp": milliseconds(seen)}
    account["profile"] |= _profile(person, record, today=today)
    account["data"] = _data(person, record)
    account["preferences"] = _preferences(person.consents)
    account["subscriptions"] = {each.mailing: {"email": _subscription(each)} for each in person.opt_ins}
    if place := person.behaviour.location:
        account["lastLoginLocation"] = {
            "country": place.country,
            "city": place.city,
            "coordinates": {"lat": place.latitude, "lon": place.longitude},
        }
    return account


def new_account(uid: str, *, emails: Sequence[str], created: datetime, changed: datetime) -> dict[str, Any]:
    """Return an account with nothing in it but its id, its times and its e-mail addresses."""
    return {
        "UID": uid,
        "isActive": True,
        "isRegistered": True,
        "isVerified": True,
        "isLockedOut": False,
        "loginProvider": "site",
        "socialProviders": "site",
        "regSource": "https://www.klantbeeld.example/registreren",
        "iRank": 0,
        "created": stamp(created),
        "createdTimestamp": milliseconds(created),
        "registered": stamp(created),
        "registeredTimestamp": milliseconds(created),
        "verified": stamp(created),
        "verifiedTimestamp": milliseconds(created),
        "lastUpdated": stamp(changed),
        "lastUpdatedTimestamp": milliseconds(changed),
        "lastLogin": stamp(created),
        "lastLoginTimestamp": milliseconds(created),
        "oldestDataUpdated": stamp(created),
        "oldestDataUpdatedTimestamp": milliseconds(created),
        "loginIDs": {"emails": list(emails), "unverifiedEmails": []},
        "emails": {"verified": list(emails), "unverified": []},
        "profile": {"email": emails[0]} if emails else {},
        "data": {},
        "preferences": {},
        "subscriptions": {},
    }


def age_on(day: date, profile: dict[str, Any]) -> int | None:
    """Return the age that follows from a profile's birth date, None where it is not whole."""
    born = (profile.get("birthYear"), profile.get("birthMonth"), profile.get("birthDay"))
    if not all(isinstance(part, int) for part in born):
        return None
    had_birthday = (day.month, day.day) >= (profile["birthMonth"], profile["birthDay"])
    return day.year - int(profile["birthYear"]) - (0 if had_birthday else 1)


def consent_entry(*, granted: bool, at: datetime, notice: tuple[float, str], through: str | None) -> dict[str, Any]:
    """Return one consent as ``preferences`` keeps it."""
    return {
        "isConsentGranted": granted,
        "docVersion": notice[0],
        "docDate": notice[1],
        "lang": "nl",
        "lastConsentModified": stamp(at),
        "actionTimestamp": stamp(at),
        "tags": [],
        "customData": [{"key": "channel", "value": through}] if through else [],
        "entitlements": [],
    }


def subscription_entry(*, subscribed: bool, at: datetime, double: bool) -> dict[str, Any]:
    """Return one subscription as ``subscriptions`` keeps it."""
    confirmed = double and subscribed
    return {
        "isSubscribed": subscribed,
        "lastUpdatedSubscriptionState": stamp(at),
        "tags": [],
        "doubleOptIn": {
            "status": "Confirmed" if confirmed else "NotConfirmed",
            "emailSentTime": stamp(at) if confirmed else None,
            "confirmTime": stamp(at) if confirmed else None,
        },
    }


def _profile(person: Person, record: SystemRecord, *, today: date) -> dict[str, Any]:
    born, home = record.birth_date, record.address
    profile: dict[str, Any] = {
        "firstName": record.name.given,
        "lastName": record.name.surname,
        "gender": {"f": "f", "m": "m", "x": "u"}[person.gender],
        "locale": person.language,
        "languages": "Dutch" if person.language == "nl" else "English",
        "phones": [{"type": "mobile" if "+316" in phone else "home", "number": phone} for phone in record.phones],
        "likes": [
            {"name": like.name, "category": like.category, "time": stamp(like.at)} for like in person.behaviour.likes
        ],
    }
    if born:
        profile |= {"birthDay": born.day, "birthMonth": born.month, "birthYear": born.year}
        profile["age"] = age_on(today, profile)
    if home:
        profile |= {"address": home.line, "zip": home.postcode, "city": home.city, "country": home.country}
    return profile


def _data(person: Person, record: SystemRecord) -> dict[str, Any]:
    known = person.behaviour
    choices = {each.name: {"value": each.value, "changedAt": stamp(each.changed_at)} for each in person.preferences}
    data: dict[str, Any] = {
        "contactPreferences": choices,
        "loginsLast30Days": known.logins_last_30_days,
        **_activity(known),
    }
    if record.customer_number:
        data["customerNumber"] = record.customer_number
    if len(record.emails) > 1:
        data["otherEmails"] = list(record.emails[1:])
    if known.location:
        data["lastLocationAt"] = stamp(known.location.at)
    return data


def _activity(known: Behaviour) -> dict[str, list[dict[str, Any]]]:
    return {
        "relations": [{"kind": each.kind, "name": each.name} for each in known.relations],
        "campaigns": [
            {
                "id": each.number,
                "name": each.name,
                "channel": each.channel.lower(),
                "sentAt": stamp(each.sent_at),
                "opened": each.opened,
                "clicked": each.clicked,
            }
            for each in known.campaigns
        ],
        "videos": [
            {
                "title": each.title,
                "productId": each.product.sku if each.product else None,
                "viewedAt": stamp(each.at),
                "seconds": each.seconds,
            }
            for each in known.videos
        ],
        "comments": [{"text": each.text, "about": each.about, "postedAt": stamp(each.at)} for each in known.posts],
        "productRegistrations": [
            {
                "productId": each.product.sku,
                "name": each.product.name,
                "serial": each.serial,
                "registeredAt": stamp(each.at),
            }
            for each in known.registrations
        ],
    }


def _preferences(consents: Sequence[ConsentFact]) -> dict[str, Any]:
    preferences: dict[str, Any] = {}
    for consent in consents:
        entry = consent_entry(
            granted=consent.granted,
            at=consent.changed_at,
            notice=NOTICES[consent.notice],
            through=consent.collected_through.lower(),
        )
        if consent.channel:
            preferences.setdefault(consent.purpose, {})[consent.channel.lower()] = entry
        else:
            preferences[consent.purpose] = entry
    return preferences


def _subscription(fact: OptInFact) -> dict[str, Any]:
    return subscription_entry(subscribed=fact.subscribed, at=fact.changed_at, double=fact.double)
