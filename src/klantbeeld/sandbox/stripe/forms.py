"""Form-encoded parameters with brackets, as Stripe reads them: ``address[city]=Utrecht&expand[]=customer``."""

import re
from typing import Any
from urllib.parse import parse_qsl

from klantbeeld.sandbox.stripe.errors import ApiError

NAME = re.compile(r"^(?P<head>[^\[\]]+)(?P<rest>(?:\[[^\[\]]*\])*)$")
PART = re.compile(r"\[([^\[\]]*)\]")
MAXIMUM_DEPTH = 10

Parameters = dict[str, Any]


def read_form(text: str) -> Parameters:
    """Return the parameters as nested dicts and lists of strings; raise ``ApiError`` for brackets that do not fit."""
    found: Parameters = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = NAME.match(name)
        if match is None or len(parts := PART.findall(match["rest"])) > MAXIMUM_DEPTH:
            raise ApiError(f"Invalid parameter name: {name}", param=name)
        put(found, [match["head"], *parts], value, name=name)
    return {name: lists_for_numbers(value) for name, value in found.items()}


def put(into: Parameters, path: list[str], value: str, *, name: str) -> None:
    """Store ``value`` under the path; an empty part is the next number."""
    for part in path[:-1]:
        below = into.setdefault(part or str(len(into)), {})
        if not isinstance(below, dict):
            raise ApiError(f"Invalid parameter name: {name}", param=path[0])
        into = below
    last = path[-1] or str(len(into))
    if isinstance(into.get(last), dict):
        raise ApiError(f"Invalid parameter name: {name}", param=path[0])
    into[last] = value


def lists_for_numbers(value: Any) -> Any:
    """Return dicts whose keys are all numbers as lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    below = {key: lists_for_numbers(each) for key, each in value.items()}
    if below and all(key.isdecimal() for key in below):
        return [below[key] for key in sorted(below, key=int)]
    return below
