"""Customers, products, prices and subscriptions as version 2023-10-16 of the Stripe API shows them.

Every object has all the fields that the API always sends; what the sandbox knows nothing of is null. Amounts are
whole cents, moments Unix seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from klantbeeld.sandbox.stripe.store import Object, new_id

SHORT_ID = 14
NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def list_of(items: Sequence[Any], url: str, *, has_more: bool = False) -> Object:
    """Return a list object."""
    return {"object": "list", "data": list(items), "has_more": has_more, "url": url}


def customer(*, customer_id: str | None = None, created: int, **fields: Any) -> Object:
    """Return a customer; ``fields`` are those of the API."""
    found = customer_id or new_id("cus", SHORT_ID)
    return {
        "id": found,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": "eur",
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": found[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **fields,
    }


def deleted_customer(customer_id: str, created: int) -> Object:
    """Return what is left of a deleted customer; ``created`` keeps its place and is not shown."""
    return {"id": customer_id, "object": "customer", "deleted": True, "created": created}


def product(*, product_id: str, name: str, created: int, metadata: Mapping[str, str], price: str) -> Object:
    """Return a product with its default price."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": created,
        "default_price": price,
        "description": None,
        "features": [],
        "images": [],
        "livemode": False,
        "metadata": dict(metadata),
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": created,
        "url": None,
    }


def price(*, price_id: str, product_id: str, name: str, cents: int, interval: str | None, created: int) -> Object:
    """Return a price in euros; with an interval it recurs. Its nickname is the product's name."""
    recurring = {
        "aggregate_usage": None,
        "interval": interval,
        "interval_count": 1,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": "eur",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": name,
        "product": product_id,
        "recurring": recurring if interval else None,
        "tax_behavior": "inclusive",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if interval else "one_time",
        "unit_amount": cents,
        "unit_amount_decimal": str(cents),
    }


def subscription(*, subscription_id: str, customer_id: str, price: Object, since: int, **fields: Any) -> Object:
    """Return a subscription to one price."""
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False},
        "billing_cycle_anchor": since,
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "send_invoice",
        "created": since,
        "currency": "eur",
        "current_period_end": since,
        "current_period_start": since,
        "customer": customer_id,
        "days_until_due": 14,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discount": None,
        "ended_at": None,
        "items": list_of(
            [subscription_item(subscription_id, price, since)], f"/v1/subscription_items?subscription={subscription_id}"
        ),
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": since,
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
        **fields,
    }


def subscription_item(subscription_id: str, price: Object, created: int) -> Object:
    """Return the one item of a subscription."""
    return {
        "id": f"si_{subscription_id.removeprefix('sub_')}",
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": created,
        "metadata": {},
        "price": price,
        "quantity": 1,
        "subscription": subscription_id,
        "tax_rates": [],
    }
