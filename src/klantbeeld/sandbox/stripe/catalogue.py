"""What is sold and who pays for it every month: products, prices, subscriptions. And events, which tell of changes."""

from collections.abc import Mapping
from typing import Any

from klantbeeld.sandbox.stripe.endpoints import Asked, Endpoint, merged_metadata
from klantbeeld.sandbox.stripe.errors import ApiError, refused
from klantbeeld.sandbox.stripe.listing import CREATED, LIST_PARAMETERS, page_of, within
from klantbeeld.sandbox.stripe.parameters import boolean, metadata, one_of, text, texts
from klantbeeld.sandbox.stripe.store import EVENT_TERM, Object

STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
ENDED = {"ended": ("canceled", "incomplete_expired")}
MAXIMUM_TYPES = 20


def list_products(asked: Asked) -> Object:
    """Return products, narrowed by ``active`` or to given ids."""
    ids = asked.values.get("ids")
    kept = [
        each
        for each in asked.store.all("product")
        if same(each, asked.values, "active")
        and within(each["created"], asked.values.get("created"))
        and (not ids or each["id"] in ids)
    ]
    return page_of(kept, asked.values, url="/v1/products", kind="product")


def list_prices(asked: Asked) -> Object:
    """Return prices, narrowed by product and ``active``."""
    kept = [
        each
        for each in asked.store.all("price")
        if same(each, asked.values, "active", "product") and within(each["created"], asked.values.get("created"))
    ]
    return page_of(kept, asked.values, url="/v1/prices", kind="price")


def list_subscriptions(asked: Asked) -> Object:
    """Return subscriptions; those that are canceled only where ``status`` asks for them or for all."""
    customer = asked.values.get("customer")
    if customer:
        asked.store.need("customer", customer, param="customer")
        found = asked.store.having("subscription", "customer", customer)
    else:
        found = asked.store.all("subscription")
    kept = [each for each in found if is_wanted(each, asked.values)]
    return page_of(kept, asked.values, url="/v1/subscriptions", kind="subscription")


def is_wanted(subscription: Object, values: Mapping[str, Any]) -> bool:
    """Say whether a subscription meets the filters."""
    status = values.get("status")
    if status is None and subscription["status"] == "canceled":
        return False
    if status not in (None, "all") and subscription["status"] not in ENDED.get(status, (status,)):
        return False
    price = values.get("price")
    if price and all(item["price"]["id"] != price for item in subscription["items"]["data"]):
        return False
    return within(subscription["created"], values.get("created"))


def update_subscription(asked: Asked) -> Object:
    """Change a subscription's metadata, or let it end with its period."""
    found = living_subscription(asked)
    changes = {name: value for name, value in asked.values.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merged_metadata(found, changes["metadata"])
    if "cancel_at_period_end" in changes:
        is_ending = changes["cancel_at_period_end"]
        changes["cancel_at"] = found["current_period_end"] if is_ending else None
        changes["canceled_at"] = asked.store.now if is_ending else None
    return asked.store.change(found, changes, "customer.subscription.updated")


def cancel_subscription(asked: Asked) -> Object:
    """End a subscription now."""
    found = living_subscription(asked)
    now = asked.store.now
    ended = {"status": "canceled", "canceled_at": now, "ended_at": now}
    return asked.store.change(found, ended, "customer.subscription.deleted")


def living_subscription(asked: Asked) -> Object:
    """Return the subscription of the path; raise ``ApiError`` where it has ended."""
    found = asked.store.need("subscription", asked.path["id"])
    if found["status"] == "canceled":
        raise refused("A canceled subscription can only update its cancellation_details.")
    return found


def list_events(asked: Asked) -> Object:
    """Return the events of the last 30 days, narrowed by type (``customer.*`` is a family) and time."""
    wanted = asked.values.get("types") or []
    if asked.values.get("type"):
        wanted = [*wanted, asked.values["type"]]
    if len(wanted) > MAXIMUM_TYPES:
        raise ApiError(f"You may pass up to {MAXIMUM_TYPES} types.", param="types")
    oldest = asked.store.now - EVENT_TERM
    kept = [
        each
        for each in asked.store.all("event")
        if each["created"] >= oldest
        and within(each["created"], asked.values.get("created"))
        and (not wanted or any(is_of_type(each["type"], name) for name in wanted))
    ]
    return page_of(kept, asked.values, url="/v1/events", kind="event")


def is_of_type(actual: str, wanted: str) -> bool:
    """Say whether an event's type is the wanted one, or of the wanted family."""
    return actual == wanted or (wanted.endswith("*") and actual.startswith(wanted[:-1]))


def same(thing: Object, values: Mapping[str, Any], *names: str) -> bool:
    """Say whether an object has the values that were asked for, where any were."""
    return all(values.get(name) in (None, thing[name]) for name in names)


def retrieve(kind: str) -> Any:
    """Return the function that answers with one object of a type."""

    def retrieve_one(asked: Asked) -> Object:
        return asked.store.need(kind, asked.path["id"])

    return retrieve_one


SUBSCRIPTION = "/v1/subscriptions/{id}"
CATALOGUE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/v1/products", list_products, {**LIST_PARAMETERS, **CREATED, "active": boolean, "ids": texts}),
    Endpoint("GET", "/v1/products/{id}", retrieve("product"), {"expand": texts}),
    Endpoint("GET", "/v1/prices", list_prices, {**LIST_PARAMETERS, **CREATED, "active": boolean, "product": text}),
    Endpoint("GET", "/v1/prices/{id}", retrieve("price"), {"expand": texts}),
    Endpoint(
        "GET",
        "/v1/subscriptions",
        list_subscriptions,
        {**LIST_PARAMETERS, **CREATED, "customer": text, "price": text, "status": one_of(*STATUSES, "all", "ended")},
    ),
    Endpoint("GET", SUBSCRIPTION, retrieve("subscription"), {"expand": texts}),
    Endpoint(
        "POST",
        SUBSCRIPTION,
        update_subscription,
        {"cancel_at_period_end": boolean, "description": text, "metadata": metadata, "expand": texts},
    ),
    Endpoint("DELETE", SUBSCRIPTION, cancel_subscription, {"expand": texts}),
    Endpoint("GET", "/v1/events", list_events, {**LIST_PARAMETERS, **CREATED, "type": text, "types": texts}),
    Endpoint("GET", "/v1/events/{id}", retrieve("event"), {"expand": texts}),
)
