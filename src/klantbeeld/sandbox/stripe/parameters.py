"""What parameters an endpoint takes, and reading them: unknown ones are refused by name, wrong ones with a reason.

A kind is a function from the parameter's name and its raw value (a string, a list or a dict) to the value that the
endpoint works with; it raises ``ApiError``. An empty string unsets, and is read as None.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from klantbeeld.sandbox.stripe.errors import ApiError

INTEGER = re.compile(r"^-?\d+$")
EMAIL = re.compile(r"^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$")
RANGE_BOUNDS = frozenset({"gt", "gte", "lt", "lte"})
MAXIMUM_TEXT = 5000
METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500

Kind = Callable[[str, Any], Any]


def read(raw: Mapping[str, Any], accepts: Mapping[str, Kind], *, within: str = "") -> dict[str, Any]:
    """Return the parameters that were given, read by their kinds; refuse one that is not accepted."""
    values: dict[str, Any] = {}
    for name, value in raw.items():
        full = f"{within}[{name}]" if within else name
        if name not in accepts:
            raise ApiError(f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
        values[name] = accepts[name](full, value)
    return values


def require(values: Mapping[str, Any], *names: str) -> None:
    """Refuse parameters without one that must be there."""
    for name in names:
        if values.get(name) is None:
            raise ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def text(name: str, value: Any) -> str | None:
    """Read a string."""
    if not isinstance(value, str):
        raise ApiError(f"Invalid string: {value}", param=name)
    if len(value) > MAXIMUM_TEXT:
        raise ApiError(f"Invalid string: longer than {MAXIMUM_TEXT} characters.", param=name)
    return value or None


def integer(name: str, value: Any) -> int | None:
    """Read a whole number."""
    if value == "":
        return None
    if not isinstance(value, str) or not INTEGER.match(value):
        raise ApiError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def boolean(name: str, value: Any) -> bool:
    """Read ``true`` or ``false``."""
    if value not in ("true", "false"):
        raise ApiError(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def email(name: str, value: Any) -> str | None:
    """Read an e-mail address."""
    address = text(name, value)
    if address is not None and not EMAIL.match(address):
        raise ApiError(f"Invalid email address: {address}", code="email_invalid", param=name)
    return address


def metadata(name: str, value: Any) -> dict[str, str] | None:
    """Read free keys and values; within it an empty value unsets its key."""
    if value == "":
        return None
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ApiError("Invalid metadata: metadata must be a set of key-value pairs.", param=name)
    for key, each in value.items():
        if len(key) > METADATA_KEY_LENGTH or len(each) > METADATA_VALUE_LENGTH:
            raise ApiError("Metadata keys hold 40 characters at most, and values 500.", param=f"{name}[{key}]")
    if len(value) > METADATA_KEYS:
        raise ApiError(f"You can specify up to {METADATA_KEYS} metadata keys.", param=name)
    return dict(value)


def span(name: str, value: Any) -> dict[str, int]:
    """Read a moment or a range of them, in Unix seconds: ``created=…`` or ``created[gte]=…``."""
    if isinstance(value, str):
        return {"eq": integer(name, value) or 0}
    if not isinstance(value, dict) or value.keys() - RANGE_BOUNDS:
        raise ApiError(f"Invalid range: use {', '.join(sorted(RANGE_BOUNDS))}.", param=name)
    return {bound: integer(f"{name}[{bound}]", each) or 0 for bound, each in value.items()}


def texts(name: str, value: Any) -> list[str]:
    """Read a list of strings."""
    if value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ApiError(f"Invalid array: {name} must be an array of strings.", param=name)
    return value


def one_of(*options: str) -> Kind:
    """Return the kind of a parameter with a fixed set of values."""

    def read_option(name: str, value: Any) -> str | None:
        if value == "":
            return None
        if value not in options:
            raise ApiError(f"Invalid {name}: must be one of {', '.join(options)}", param=name)
        return str(value)

    return read_option


def nested(accepts: Mapping[str, Kind]) -> Kind:
    """Return the kind of a parameter that holds parameters of its own."""

    def read_nested(name: str, value: Any) -> dict[str, Any] | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise ApiError("Invalid object", param=name)
        return read(value, accepts, within=name)

    return read_nested


def several(kind: Kind) -> Kind:
    """Return the kind of a list of such parameters."""

    def read_several(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ApiError("Invalid array", param=name)
        return [kind(f"{name}[{position}]", each) for position, each in enumerate(value)]

    return read_several
