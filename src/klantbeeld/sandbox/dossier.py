"""Makes the facts of one person, with ids that follow from the person's number and from nothing else.

A number stands for the same person in every process, so the systems' ids, order numbers and ticket numbers need no
register. The ids look as each product writes them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid5

from klantbeeld.sandbox.facts import (
    SYSTEMS,
    Address,
    CommentFact,
    ComplaintFact,
    ContactChannel,
    CreditNoteFact,
    Delivery,
    InteractionFact,
    InvoiceFact,
    InvoiceLine,
    Name,
    Order,
    OrderLine,
    Product,
    ProductHeld,
    System,
    SystemRecord,
)

NAMESPACE = UUID("0d4f8a52-6f0e-4d0b-9b58-5b3a6c1e7f20")
PAYMENT_TERM = timedelta(days=14)
FIRST_ZENDESK_USER = 380_000_000_000
FIRST_CUSTOMER_NUMBER = 100_000

OrderState = Literal["active", "fulfilled", "cancelled"]
SubscriptionStatus = Literal["active", "past_due", "canceled"]


@dataclass(frozen=True, slots=True)
class Dossier:
    """The maker of one person's facts: the person's number, and the day that they are told on."""

    number: int
    today: date

    def moment(self, days_ago: float, hour: int = 12, minute: int = 0) -> datetime:
        """Return the time ``hour:minute`` UTC, ``days_ago`` days before today (negative: after it)."""
        return datetime.combine(self.today, time(hour, minute), UTC) - timedelta(days=days_ago)

    def records(
        self,
        name: Name,
        *,
        systems: Sequence[System] = SYSTEMS,
        differs: Mapping[System, Mapping[str, Any]] | None = None,
        since: int = 700,
        changed: int = 60,
        **held: Any,
    ) -> dict[System, tuple[SystemRecord, ...]]:
        """Return one record in each of ``systems`` with the same content, save for what ``differs`` there.

        ``held`` and ``differs`` name members of ``SystemRecord``; ``since`` and ``changed`` are days ago.
        """
        return {
            system: (
                self.record(
                    system,
                    name,
                    **{"since": since, "changed": changed, **held, **dict((differs or {}).get(system, {}))},
                ),
            )
            for system in systems
        }

    def record(
        self, system: System, name: Name, *, nth: int = 0, since: int = 700, changed: int = 60, **held: Any
    ) -> SystemRecord:
        """Return the ``nth`` record of this person in ``system``."""
        usual: dict[str, Any] = {"customer_number": self.customer_number, "name": name}
        return SystemRecord(
            record_id=self.record_id(system, nth),
            created_at=self.moment(since, 9, self.number % 60),
            modified_at=self.moment(changed, 15, self.number % 60),
            **(usual | held),
        )

    @property
    def customer_number(self) -> str:
        """The number printed on the customer's letters: "K100012"."""
        return f"K{FIRST_CUSTOMER_NUMBER + self.number}"

    def record_id(self, system: System, nth: int = 0) -> str:
        """Return the id of the person's ``nth`` record in ``system``."""
        match system:
            case "dataverse":
                return self.guid("contact", nth)
            case "stripe":
                return self.stripe_id("cus", nth)
            case "zendesk":
                return str(FIRST_ZENDESK_USER + self.number * 40 + nth)
            case "sap_customer_data_cloud":
                return self.guid("account", nth).replace("-", "")

    def guid(self, kind: str, nth: int = 0) -> str:
        """Return a GUID, lower case with hyphens."""
        return str(uuid5(NAMESPACE, f"{kind}/{self.number}/{nth}"))

    def stripe_id(self, prefix: str, nth: int = 0) -> str:
        """Return an id as Stripe writes it: ``in_1Qx…``."""
        digest = hashlib.sha256(f"{prefix}/{self.number}/{nth}".encode()).hexdigest()
        return f"{prefix}_1KB{digest[:14]}"

    def order(
        self,
        nth: int,
        *products: Product,
        days_ago: int,
        state: OrderState = "fulfilled",
        delivery: Delivery | None = None,
        channel: ContactChannel = "WEB",
    ) -> Order:
        """Return an order of one of each of ``products``, delivered two days later unless told otherwise."""
        usual = self.delivery(nth, days_ago=days_ago - 2)
        return Order(
            record_id=self.guid("order", nth),
            number=f"SO-{self.number:05d}-{nth:02d}",
            placed_at=self.moment(days_ago, 19, 12),
            state=state,
            channel=channel,
            currency="EUR",
            lines=tuple(OrderLine(product=each, quantity=1, unit_price=each.price) for each in products),
            deliveries=() if state == "cancelled" else (delivery or usual,),
        )

    def delivery(
        self, nth: int, *, days_ago: int, state: Literal["planned", "underway", "delivered", "failed"] | None = None
    ) -> Delivery:
        """Return a parcel planned for that day: delivered if the day is over and nothing else is told."""
        actual = state or ("delivered" if days_ago > 0 else "planned")
        return Delivery(
            number=f"PK-{self.number:05d}-{nth:02d}",
            carrier="PostNL",
            tracking=f"3SKB{self.number:07d}{nth:02d}",
            state=actual,
            planned_for=self.today - timedelta(days=days_ago),
            delivered_at=self.moment(days_ago, 13, 40) if actual == "delivered" else None,
        )

    def invoice(
        self,
        nth: int,
        *products: Product,
        days_ago: int,
        paid: int | None = None,
        status: Literal["draft", "open", "paid", "void", "uncollectible"] | None = None,
        account: int = 0,
        credit: Decimal | None = None,
    ) -> InvoiceFact:
        """Return an invoice of ``days_ago``, due after fourteen days, ``paid`` so many days ago or open."""
        issued = self.moment(days_ago, 8, 0)
        number = f"KB-{self.number:05d}-{nth:04d}"
        note = CreditNoteFact(
            record_id=self.stripe_id("cn", nth),
            number=f"{number}-CN-01",
            amount=credit or Decimal(0),
            reason="order_change",
            created_at=self.moment(max(days_ago - 5, 1), 9),
        )
        return InvoiceFact(
            record_id=self.stripe_id("in", nth),
            number=number,
            account=account,
            status=status or ("open" if paid is None else "paid"),
            issued_at=issued,
            due_at=issued + PAYMENT_TERM,
            paid_at=None if paid is None else self.moment(paid, 10, 30),
            lines=tuple(InvoiceLine(description=each.name, amount=each.price, product=each) for each in products),
            credit_notes=(note,) if credit else (),
        )

    def subscription(
        self, nth: int, product: Product, *, since: int, until: int | None = None, account: int = 0
    ) -> ProductHeld:
        """Return a subscription begun ``since`` days ago, ended ``until`` days ago or running."""
        status: SubscriptionStatus = "active" if until is None else "canceled"
        return ProductHeld(
            product=product,
            record_id=self.stripe_id("sub", nth),
            account=account,
            status=status,
            since=self.moment(since, 0),
            until=None if until is None else self.moment(until, 0),
        )

    def device(self, product: Product, *, since: int) -> ProductHeld:
        """Return a device in use since its delivery, with its serial number."""
        return ProductHeld(
            product=product,
            record_id=None,
            account=0,
            status="active",
            since=self.moment(since),
            serial=self.serial(product),
        )

    def serial(self, product: Product) -> str:
        """Return the serial number of this person's ``product``."""
        return f"{product.sku.split('-')[1]}{self.number:06d}"

    def complaint(
        self,
        nth: int,
        subject: str,
        *remarks: str,
        days_ago: int,
        product: Product | None = None,
        solved: int | None = None,
        channel: ContactChannel = "EMAIL",
        hour: int = 10,
    ) -> ComplaintFact:
        """Return a complaint of ``days_ago``, solved ``solved`` days ago or open.

        The first of ``remarks`` and every second one after it are the customer's, the others an agent's.
        """
        opened = self.moment(days_ago, hour, 5)
        pause = timedelta(minutes=4) if channel == "CHAT" else timedelta(hours=3)
        comments = tuple(
            CommentFact(author="agent" if place % 2 else "customer", body=body, at=opened + place * pause)
            for place, body in enumerate(remarks)
        )
        return ComplaintFact(
            record_id=str(self.number * 100 + nth),
            subject=subject,
            product=product,
            channel=channel,
            status="open" if solved is None else "solved",
            priority="normal",
            opened_at=opened,
            solved_at=None if solved is None else self.moment(solved, 16, 20),
            comments=comments,
        )

    def interaction(
        self, nth: int, kind: Literal["phonecall", "email", "task"], subject: str, note: str, *, days_ago: int
    ) -> InteractionFact:
        """Return a contact in the CRM of ``days_ago``; a phone call came in, the others went out."""
        return InteractionFact(
            record_id=self.guid(kind, nth),
            kind=kind,
            channel="EMAIL" if kind == "email" else "PHONE",
            direction="IN" if kind == "phonecall" else "OUT",
            subject=subject,
            note=note,
            at=self.moment(days_ago, 11, 25),
            minutes=6 if kind == "phonecall" else 0,
        )


def address_of(street: str, house_number: int, postcode: str, city: str, addition: str | None = None) -> Address:
    """Return an address in the Netherlands."""
    return Address(street=street, house_number=house_number, addition=addition, postcode=postcode, city=city)
