"""The population as billing keeps it: customers, what they pay every month, their invoices and credit notes.

A product's id is its article number, and a customer's metadata carries the customer number; these are what the
other systems know too. What was changed in the last 30 days is told by events.
"""

import calendar
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from klantbeeld.sandbox.facts import (
    Address,
    CreditNoteFact,
    InvoiceFact,
    InvoiceLine,
    Person,
    Population,
    Product,
    ProductHeld,
    SystemRecord,
)
from klantbeeld.sandbox.stripe.bills import credit_note, credit_note_line, invoice, line_item, paid
from klantbeeld.sandbox.stripe.objects import customer, list_of, price, product, subscription
from klantbeeld.sandbox.stripe.store import EVENT_TERM, Object, Store

CATALOGUE_AGE = 3 * 365 * 24 * 3600
Happening = tuple[int, str, Object]

MONTHS = {"month": 1, "year": 12}


def cents(amount: Decimal) -> int:
    """Return an amount in whole cents."""
    return int((amount * 100).to_integral_value())


def derived(prefix: str, *parts: object) -> str:
    """Return the id that belongs to these parts in every process."""
    return f"{prefix}_1KB" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:21]


def fill(store: Store, population: Population) -> None:
    """Put everybody that billing knows into ``store``, with subscriptions, invoices, credit notes and events."""
    start = int(datetime.combine(population.today, time(), UTC).timestamp()) - CATALOGUE_AGE
    prices = {article.sku: add_product(store, article, start) for article in population.catalogue}
    until = min(store.now, int(datetime.combine(population.today, time(23, 59), UTC).timestamp()))
    for person in population.people:
        add_person(store, person, prices, until=until)
    happened = [*made_or_paid(store), *updates(store, population)]
    for at, name, thing in sorted(happened, key=lambda event: event[0]):
        if until - EVENT_TERM <= at <= until:
            store.tell(name, thing, at=at, event_id=derived("evt", name, thing["id"]))


def add_product(store: Store, article: Product, created: int) -> Object:
    """Add an article and its price; return the price."""
    price_id = derived("price", article.sku)
    metadata = {"sku": article.sku, "kind": article.kind}
    store.put(product(product_id=article.sku, name=article.name, created=created, metadata=metadata, price=price_id))
    return store.put(
        price(
            price_id=price_id,
            product_id=article.sku,
            name=article.name,
            cents=cents(article.price),
            interval=article.interval,
            created=created,
        )
    )


def add_person(store: Store, person: Person, prices: Mapping[str, Object], *, until: int) -> None:
    """Add a person's billing accounts with what belongs to each."""
    for account, record in enumerate(person.records.get("stripe", ())):
        mine = [fact for fact in person.invoices if fact.account == account]
        who = store.put(customer_of(person, record, mine, until=until))
        held = [each for each in person.products if each.account == account]
        for each in held:
            if each.record_id is not None:
                store.put(subscription_of(each, each.record_id, who["id"], prices, until=until))
        for fact in mine:
            add_invoice(store, fact, who, held, prices)
        link_latest_invoices(store, who["id"])


def customer_of(person: Person, record: SystemRecord, invoices: list[InvoiceFact], *, until: int) -> Object:
    """Return the customer of one record; a company goes by its own name."""
    company = person.organisation
    is_late = any(fact.status == "open" and _seconds(fact.due_at) < until for fact in invoices)
    return customer(
        customer_id=record.record_id,
        created=_seconds(record.created_at),
        name=company.name if company else record.name.full,
        description=f"t.a.v. {record.name.full}" if company else None,
        email=record.emails[0] if record.emails else None,
        phone=record.phones[0] if record.phones else None,
        address=address_of(record.address),
        delinquent=is_late,
        metadata={"customer_number": record.customer_number} if record.customer_number else {},
        next_invoice_sequence=len(invoices) + 1,
        preferred_locales=[person.language],
    )


def address_of(address: Address | None) -> Object | None:
    """Return an address as Stripe keeps it: street and number in one line."""
    if address is None:
        return None
    return {
        "city": address.city,
        "country": address.country,
        "line1": address.line,
        "line2": None,
        "postal_code": address.postcode,
        "state": None,
    }


def subscription_of(
    held: ProductHeld, subscription_id: str, customer_id: str, prices: Mapping[str, Object], *, until: int
) -> Object:
    """Return a subscription, in the period that it is in."""
    since = _seconds(held.since)
    ended = _seconds(held.until) if held.until else None
    interval = MONTHS[held.product.interval or "month"]
    start, end = period_at(held.since, interval, ended if ended is not None else until)
    return subscription(
        subscription_id=subscription_id,
        customer_id=customer_id,
        price=prices[held.product.sku],
        since=since,
        current_period_start=start,
        current_period_end=end,
        status=held.status,
        canceled_at=ended,
        ended_at=ended,
        metadata={"sku": held.product.sku},
    )


def period_at(since: datetime, months: int, now: int) -> tuple[int, int]:
    """Return the period of ``months`` that ``now`` lies in, counted from ``since``."""
    count = 0
    while _seconds(_later(since, (count + 1) * months)) <= now:
        count += 1
    return _seconds(_later(since, count * months)), _seconds(_later(since, (count + 1) * months))


def add_invoice(
    store: Store, fact: InvoiceFact, who: Object, held: list[ProductHeld], prices: Mapping[str, Object]
) -> None:
    """Add an invoice as it stands today, with its credit notes."""
    created = _seconds(fact.issued_at)
    lines = [line_of(fact, place, held, prices) for place in range(len(fact.lines))]
    made = invoice(
        invoice_id=fact.record_id,
        customer=who,
        lines=lines,
        created=created,
        number=fact.number,
        due_date=_seconds(fact.due_at),
        subscription=next((line["subscription"] for line in lines if line["subscription"]), None),
    )
    made["billing_reason"] = "subscription_cycle" if made["subscription"] else "manual"
    before = sum(cents(note.amount) for note in fact.credit_notes if not fact.paid_at or note.created_at < fact.paid_at)
    after = sum(cents(note.amount) for note in fact.credit_notes) - before
    made["pre_payment_credit_notes_amount"], made["post_payment_credit_notes_amount"] = before, after
    made["amount_due"] -= before
    made["amount_remaining"] -= before
    made.update(state_of(made, fact))
    store.put(made)
    for note in fact.credit_notes:
        add_credit_note(store, note, made, was_paid=bool(fact.paid_at and note.created_at >= fact.paid_at))


def state_of(made: Object, fact: InvoiceFact) -> Object:
    """Return the fields that say how far an invoice has come."""
    transitions = made["status_transitions"]
    if fact.status == "paid":
        return paid(made, at=_seconds(fact.paid_at or fact.due_at), intent=derived("pi", fact.record_id))
    if fact.status == "draft":
        return {"status": "draft", "number": None, "status_transitions": {**transitions, "finalized_at": None}}
    moment = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}.get(fact.status)
    if moment is None:
        return {"status": fact.status}
    return {"status": fact.status, "status_transitions": {**transitions, moment: _seconds(fact.due_at)}}


def line_of(fact: InvoiceFact, place: int, held: list[ProductHeld], prices: Mapping[str, Object]) -> Object:
    """Return one line of an invoice; it names the subscription or the serial number that it is for."""
    line: InvoiceLine = fact.lines[place]
    created = _seconds(fact.issued_at)
    article = line.product
    mine = next((each for each in held if article and each.product.sku == article.sku), None)
    line_id = derived("il", fact.record_id, place)
    common: dict[str, Any] = {
        "line_id": line_id,
        "cents": cents(line.amount) * line.quantity,
        "description": line.description,
        "price": prices[article.sku] if article else None,
        "quantity": line.quantity,
    }
    if mine is not None and mine.record_id is not None:
        months = MONTHS[mine.product.interval or "month"]
        return line_item(
            period=(created, _seconds(_later(fact.issued_at, months))),
            type="subscription",
            subscription=mine.record_id,
            subscription_item=f"si_{mine.record_id.removeprefix('sub_')}",
            **common,
        )
    serial = {"serial": mine.serial} if mine is not None and mine.serial else {}
    return line_item(period=(created, created), metadata=serial, invoice_item=line_id.replace("il_", "ii_"), **common)


def add_credit_note(store: Store, fact: CreditNoteFact, made: Object, *, was_paid: bool) -> None:
    """Add a credit note that was given on an invoice."""
    amount = cents(fact.amount)
    first = made["lines"]["data"][0]["description"]
    line = credit_note_line(line_id=derived("cnli", fact.record_id), cents=amount, description=first, invoice_line=None)
    note = credit_note(
        note_id=fact.record_id,
        invoice=made,
        number=fact.number,
        cents=amount,
        created=_seconds(fact.created_at),
        lines=list_of([line], f"/v1/credit_notes/{fact.record_id}/lines"),
        reason=fact.reason,
        type="post_payment" if was_paid else "pre_payment",
        out_of_band_amount=amount if was_paid else None,
    )
    store.put(note)


def link_latest_invoices(store: Store, customer_id: str) -> None:
    """Let each subscription of a customer know its latest invoice."""
    invoices = store.having("invoice", "customer", customer_id)
    for each in store.having("subscription", "customer", customer_id):
        latest = next((made["id"] for made in invoices if _has_line_for(made, each["id"])), None)
        store.put({**each, "latest_invoice": latest})


def updates(store: Store, population: Population) -> Iterator[Happening]:
    """Yield when which customer was last changed."""
    for person in population.people:
        for record in person.records.get("stripe", ()):
            if record.modified_at > record.created_at:
                yield _seconds(record.modified_at), "customer.updated", store.need("customer", record.record_id)


def made_or_paid(store: Store) -> Iterator[Happening]:
    """Yield when what was made, and when which invoice was paid."""
    for each in store.all("customer"):
        yield each["created"], "customer.created", each
    for each in store.all("invoice"):
        yield each["created"], "invoice.finalized", each
        if each["status_transitions"]["paid_at"]:
            yield each["status_transitions"]["paid_at"], "invoice.paid", each
    for each in store.all("credit_note"):
        yield each["created"], "credit_note.created", each
    for each in store.all("subscription"):
        yield each["created"], "customer.subscription.created", each


def _has_line_for(made: Object, subscription_id: str) -> bool:
    return any(line["subscription"] == subscription_id for line in made["lines"]["data"])


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _later(moment: datetime, months: int) -> datetime:
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
