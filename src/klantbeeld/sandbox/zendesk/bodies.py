"""Reading what a caller sends to Zendesk: ids in the path, lists of ids, and JSON bodies."""

import json
from typing import Any

from starlette.requests import Request

from klantbeeld.sandbox.zendesk.errors import bad_attribute, bad_body
from klantbeeld.sandbox.zendesk.store import Store

MOST_IDS = 100


def store_of(request: Request) -> Store:
    """Return the store of the server that this request came to."""
    store: Store = request.app.state.store
    return store


def id_of(request: Request, name: str = "id") -> int:
    """Return the id in the path, or refuse what is no number."""
    text = str(request.path_params[name])
    if not text.isdecimal():
        raise bad_attribute("id", "an integer")
    return int(text)


def ids_of(request: Request, name: str) -> list[str]:
    """Return a comma-separated list of at most a hundred ids."""
    values = [part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()]
    if not values or len(values) > MOST_IDS:
        raise bad_attribute(name, f"a list of 1 to {MOST_IDS} ids")
    return values


async def member_of(request: Request, name: str) -> dict[str, Any]:
    """Return the object under ``name`` in the JSON body, or refuse the body."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise bad_body("The request body is no JSON.") from error
    if not isinstance(body, dict) or not isinstance(body.get(name), dict):
        raise bad_body(f"The request body needs an object named {name}.")
    member: dict[str, Any] = body[name]
    return member
