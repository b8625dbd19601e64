"""A simulated Stripe: customers, subscriptions, invoices and credit notes, with idempotency keys as documented."""

from klantbeeld.sandbox.stripe.app import create_app

__all__ = ["create_app"]
