"""The shapes of Zendesk's records: a user, a ticket, a comment."""

import html
from collections.abc import Iterable
from datetime import datetime
from typing import Any

PRODUCT_FIELD = 360_000_000_101
CHANNEL_FIELD = 360_000_000_102
CUSTOM_FIELDS = (PRODUCT_FIELD, CHANNEL_FIELD)

ACCOUNT = "https://klantbeeld.zendesk.example"
BRAND = 360_000_000_001
GROUP = 360_000_000_002
FORM = 360_000_000_003
CUSTOM_STATUSES = {"new": 11, "open": 12, "pending": 13, "hold": 14, "solved": 15, "closed": 15}
LOCALES = {"nl": (1005, "nl"), "en": (1, "en-US")}

VIA_CHANNELS = {"PHONE": "voice", "EMAIL": "email", "CHAT": "chat", "WEB": "web", "APP": "mobile_sdk", "SHOP": "web"}


def stamp(moment: datetime) -> str:
    """Return a time as Zendesk writes it, in whole seconds: ``2026-11-20T10:05:00Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def user_shape(
    number: int, name: str, *, email: str | None, created: str, updated: str, **members: Any
) -> dict[str, Any]:
    """Return a user; ``members`` replace the defaults of an end user."""
    locale_id, locale = LOCALES[members.pop("language", "nl")]
    return {
        "id": number,
        "url": f"{ACCOUNT}/api/v2/users/{number}.json",
        "name": name,
        "email": email,
        "created_at": created,
        "updated_at": updated,
        "time_zone": "Amsterdam",
        "iana_time_zone": "Europe/Amsterdam",
        "phone": None,
        "shared_phone_number": None,
        "photo": None,
        "locale_id": locale_id,
        "locale": locale,
        "organization_id": None,
        "role": "end-user",
        "role_type": None,
        "custom_role_id": None,
        "verified": True,
        "external_id": None,
        "tags": [],
        "alias": "",
        "active": True,
        "shared": False,
        "shared_agent": False,
        "last_login_at": None,
        "two_factor_auth_enabled": False,
        "signature": None,
        "details": "",
        "notes": "",
        "moderator": False,
        "ticket_restriction": "requested",
        "only_private_comments": False,
        "restricted_agent": True,
        "suspended": False,
        "default_group_id": None,
        "report_csv": False,
        "user_fields": {},
        **members,
    }


def ticket_shape(
    number: int, subject: str, *, description: str, requester: int, created: str, updated: str, **members: Any
) -> dict[str, Any]:
    """Return a ticket; ``members`` replace the defaults of a new one. ``custom`` gives values by custom field."""
    custom = dict.fromkeys(CUSTOM_FIELDS) | members.pop("custom", {})
    values = [{"id": field, "value": value} for field, value in custom.items()]
    status = members.get("status", "new")
    return {
        "url": f"{ACCOUNT}/api/v2/tickets/{number}.json",
        "id": number,
        "external_id": None,
        "via": via("api"),
        "created_at": created,
        "updated_at": updated,
        "generated_timestamp": int(datetime.fromisoformat(updated).timestamp()),
        "type": "problem",
        "subject": subject,
        "raw_subject": subject,
        "description": description,
        "priority": None,
        "status": status,
        "recipient": None,
        "requester_id": requester,
        "submitter_id": requester,
        "assignee_id": None,
        "organization_id": None,
        "group_id": GROUP,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "forum_topic_id": None,
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": [],
        "custom_fields": values,
        "satisfaction_rating": {"score": "unoffered"},
        "sharing_agreement_ids": [],
        "custom_status_id": CUSTOM_STATUSES[status],
        "fields": values,
        "followup_ids": [],
        "ticket_form_id": FORM,
        "brand_id": BRAND,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
        **members,
    }


def comment_shape(
    number: int, body: str, *, author: int, created: str, public: bool = True, channel: str = "api"
) -> dict[str, Any]:
    """Return a comment on a ticket."""
    return {
        "id": number,
        "type": "Comment",
        "author_id": author,
        "body": body,
        "html_body": f'<div class="zd-comment" dir="auto"><p dir="auto">{html.escape(body)}</p></div>',
        "plain_body": body,
        "public": public,
        "attachments": [],
        "audit_id": number + 1,
        "via": via(channel),
        "created_at": created,
        "metadata": {"system": {}, "custom": {}},
    }


def audit_shape(number: int, ticket: int, *, author: int, created: str, events: Iterable[Any]) -> dict[str, Any]:
    """Return the audit of one change to a ticket."""
    return {
        "id": number,
        "ticket_id": ticket,
        "created_at": created,
        "author_id": author,
        "metadata": {"system": {}, "custom": {}},
        "events": list(events),
        "via": via("api"),
    }


def via(channel: str) -> dict[str, Any]:
    """Return how a ticket or comment came in."""
    return {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}}
