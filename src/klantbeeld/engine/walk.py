"""Walking from the value of a joint to the objects that have the fields below it."""

from collections.abc import Iterator
from typing import Any

from klantbeeld.engine.plan import Only, Route
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.eligibility import Eligibility
from klantbeeld.sdk.records import Record


def parents_of(value: Any, route: Route, customer_id: str) -> Iterator[tuple[Any, str]]:
    """Yield each object at the end of a route, with the id of the customer on whose behalf it is there.

    The last customer or record that is passed on the way decides. Lists are walked through, missing values end a way.
    """
    if value is None:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from parents_of(item, route, customer_id)
        return
    here = customer_behind(value) or customer_id
    if not route:
        yield value, here
        return
    step = route[0]
    if isinstance(step, Only):
        if isinstance(value, step.kind):
            yield from parents_of(value, route[1:], here)
        return
    below = getattr(value, step) if isinstance(step, str) else step(value)
    yield from parents_of(below, route[1:], here)


def customer_behind(value: Any) -> str | None:
    """Return the id of the customer that an object is, or belongs to."""
    if isinstance(value, Customer):
        return str(value.id)
    if isinstance(value, Eligibility):
        return value.customer_id
    if isinstance(value, Record) and value.origin:
        return value.origin.customer_id or None
    return None
