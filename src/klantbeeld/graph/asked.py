"""What a mutation was asked: its input checked, its ids opened, its customer found."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from strawberry.utils.str_converters import to_camel_case

from klantbeeld.errors import RequestError, Unanswered
from klantbeeld.graph import inputs
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.ids import RecordId, open_record_id
from klantbeeld.graph.roots import Roots
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.writes.outcomes import WriteStatus

# What pydantic's types of errors allow, of the bound that comes with them.
ALLOWED: Mapping[str, str] = {
    "string_too_short": "length >= {min_length}",
    "string_too_long": "length <= {max_length}",
    "string_pattern_mismatch": "{pattern}",
    "too_short": "length >= {min_length}",
    "too_long": "length <= {max_length}",
    "greater_than": "> {gt}",
    "greater_than_equal": ">= {ge}",
    "less_than": "< {lt}",
    "less_than_equal": "<= {le}",
    "decimal_max_digits": "digits <= {max_digits}",
    "decimal_max_places": "decimals <= {decimal_places}",
}

M = TypeVar("M", bound=inputs.WriteModel)


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Let whoever is refused in the block know that nothing was written."""
    try:
        yield
    except (RequestError, Unanswered) as error:
        error.write_status = WriteStatus.NOT_APPLIED
        raise


@nothing_sent()
def checked(given: Any, model: type[M]) -> M:
    """Check an input; raises RequestError with BAD_USER_INPUT, which names the way to a member and never its value."""
    try:
        return model.model_validate(given, from_attributes=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, allowed = place_of(first), allowed_by(first, model)
        raise RequestError(
            f"{model.__name__}: {first['type']}", code="BAD_USER_INPUT", place=place, allowed=allowed
        ) from error


def place_of(error: ErrorDetails) -> str:
    """Return the way to a member that is wrong, written as for one of a variable: `input.values[0].name`."""
    return "input" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{to_camel_case(part)}" for part in error["loc"]
    )


def allowed_by(error: ErrorDetails, model: type[BaseModel]) -> Sequence[str]:
    """Return what a member of an input may be, by pydantic's word about one that is not; nothing if it says none."""
    if error["type"] == "value_error":  # of the input as a whole, which has to have one of its own members
        return [to_camel_case(name) for name in model.__annotations__]
    words = ALLOWED.get(error["type"])
    return [words.format_map(error["ctx"])] if words else []


async def customer_of(roots: Roots, customer_id: str) -> Customer:
    """Return the customer of an id; raises RequestError with CUSTOMER_UNKNOWN, or with CUSTOMER_MERGED.

    A customer who was merged into another is read under the old id for ever, and not written: whoever still has that id
    has not seen whom it is about now.
    """
    with nothing_sent():
        (customer,) = await roots.customers([customer_id])
        if customer is None:
            raise RequestError("no such customer, or not yours to change", code="CUSTOMER_UNKNOWN")
        if str(customer.id) != customer_id.lower():
            raise RequestError(
                "the customer goes on under another id", code="CUSTOMER_MERGED", place="input.customerId"
            )
    return customer


@nothing_sent()
def record_id(text: str, kind: str) -> RecordId:
    """Open the id of a record of one kind; raises RequestError with ID_INVALID."""
    found = open_record_id(text)
    if found.kind != kind:
        raise RequestError(f"not the id of a {kind}", code="ID_INVALID")
    return found


def address(given: BaseModel | None) -> PostalAddress | None:
    """Return a postal address in our own words."""
    return PostalAddress(**given.model_dump()) if given else None
