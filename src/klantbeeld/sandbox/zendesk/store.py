"""What this Zendesk holds: users, their further addresses, tickets and comments, in memory."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from klantbeeld.sandbox.facts import ComplaintFact, Person, Population, SystemRecord
from klantbeeld.sandbox.zendesk.errors import not_found
from klantbeeld.sandbox.zendesk.shapes import (
    ACCOUNT,
    CHANNEL_FIELD,
    PRODUCT_FIELD,
    VIA_CHANNELS,
    comment_shape,
    stamp,
    ticket_shape,
    user_shape,
    via,
)

AGENT = 379_999_999_999
FIRST_COMMENT = 9_000_000_000
FIRST_IDENTITY = 7_000_000_000
CLOSED_AFTER = timedelta(days=28)
"""Zendesk closes a solved ticket by itself after four weeks."""


class Store:
    """The records of one Zendesk account. Lives as long as the server, or until its reset."""

    def __init__(self, population: Population, *, agent_email: str, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.users: dict[int, dict[str, Any]] = {}
        self.deleted: dict[int, dict[str, Any]] = {}
        self.identities: dict[int, list[dict[str, Any]]] = {}
        self.tickets: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self._last_number = FIRST_COMMENT
        self._add_agent(agent_email)
        for person in population.people:
            for record in person.records.get("zendesk", ()):
                self._add_person(person, record)
        self._mark_shared_phones()

    def now(self) -> str:
        """Return the present time as Zendesk writes it."""
        return stamp(self.clock())

    def next_number(self) -> int:
        """Return a number that no comment, audit or identity has."""
        self._last_number += 2
        return self._last_number

    def user(self, number: int) -> dict[str, Any]:
        """Return a user, or refuse with 404."""
        if number not in self.users:
            raise not_found()
        return self.users[number]

    def ticket(self, number: int) -> dict[str, Any]:
        """Return a ticket, or refuse with 404."""
        if number not in self.tickets:
            raise not_found()
        return self.tickets[number]

    def emails(self, user: int) -> Iterator[str]:
        """Yield the e-mail addresses of a user, in lower case, the primary one first."""
        for identity in self.identities.get(user, ()):
            if identity["type"] == "email":
                yield identity["value"].lower()

    def owner_of(self, email: str) -> int | None:
        """Return the user with this e-mail address, if there is one."""
        return next((user for user in self.identities if email.lower() in self.emails(user)), None)

    def add_identity(self, user: int, email: str, *, primary: bool, created: str) -> dict[str, Any]:
        """Give a user one more e-mail address."""
        number = self.next_number() - FIRST_COMMENT + FIRST_IDENTITY
        identity = {
            "url": f"{ACCOUNT}/api/v2/users/{user}/identities/{number}.json",
            "id": number,
            "user_id": user,
            "type": "email",
            "value": email,
            "verified": True,
            "primary": primary,
            "created_at": created,
            "updated_at": created,
            "undeliverable_count": 0,
            "deliverable_state": "deliverable",
        }
        self.identities.setdefault(user, []).append(identity)
        return identity

    def _mark_shared_phones(self) -> None:
        owners: dict[str, list[dict[str, Any]]] = {}
        for user in self.users.values():
            owners.setdefault(user["phone"], []).append(user)
        for phone, users in owners.items():
            for user in users:
                user["shared_phone_number"] = len(users) > 1 if phone else None

    def _add_agent(self, email: str) -> None:
        since = stamp(self.clock() - timedelta(days=2000))
        agent = user_shape(
            AGENT, "Koppeling", email=email, created=since, updated=since, role="admin", restricted_agent=False
        )
        self.users[AGENT] = agent
        self.add_identity(AGENT, email, primary=True, created=since)

    def _add_person(self, person: Person, record: SystemRecord) -> None:
        number, created = int(record.record_id), stamp(record.created_at)
        email = record.emails[0] if record.emails else None
        self.users[number] = user_shape(
            number,
            person.organisation.name if person.organisation else record.name.full,
            email=email,
            created=created,
            updated=stamp(record.modified_at),
            phone=record.phones[0] if record.phones else None,
            external_id=record.customer_number,
            language=person.language,
        )
        for place, address in enumerate(record.emails):
            self.add_identity(number, address, primary=place == 0, created=created)
        for complaint in person.complaints:
            self._add_complaint(number, complaint)

    def _add_complaint(self, requester: int, complaint: ComplaintFact) -> None:
        number, channel = int(complaint.record_id), VIA_CHANNELS[complaint.channel]
        updated = max([remark.at for remark in complaint.comments] + [complaint.solved_at or complaint.opened_at])
        is_closed = complaint.solved_at is not None and self.clock() - complaint.solved_at > CLOSED_AFTER
        self.comments[number] = [
            comment_shape(
                self.next_number(),
                remark.body,
                author=requester if remark.author == "customer" else AGENT,
                created=stamp(remark.at),
                public=remark.public,
                channel=channel,
            )
            for remark in complaint.comments
        ]
        self.tickets[number] = ticket_shape(
            number,
            complaint.subject,
            description=complaint.comments[0].body,
            requester=requester,
            created=stamp(complaint.opened_at),
            updated=stamp(updated),
            status="closed" if is_closed else complaint.status,
            priority=complaint.priority,
            assignee_id=AGENT,
            tags=["klacht"],
            via=via(channel),
            custom={
                PRODUCT_FIELD: complaint.product.sku if complaint.product else None,
                CHANNEL_FIELD: complaint.channel.lower(),
            },
        )
