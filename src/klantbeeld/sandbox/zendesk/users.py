"""Zendesk users and their identities."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from klantbeeld.sandbox.zendesk.bodies import id_of, ids_of, member_of, store_of
from klantbeeld.sandbox.zendesk.errors import invalid, not_found
from klantbeeld.sandbox.zendesk.pages import page_of
from klantbeeld.sandbox.zendesk.search import matches_user, read_query
from klantbeeld.sandbox.zendesk.shapes import user_shape
from klantbeeld.sandbox.zendesk.store import AGENT, Store

WRITABLE = (
    "name",
    "phone",
    "external_id",
    "tags",
    "alias",
    "notes",
    "details",
    "user_fields",
    "verified",
    "locale",
    "suspended",
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


async def show_user(request: Request) -> Response:
    """GET /users/{id}."""
    return JSONResponse({"user": store_of(request).user(id_of(request))})


async def show_me(request: Request) -> Response:
    """GET /users/me: the user that the credentials belong to."""
    return JSONResponse({"user": store_of(request).user(AGENT)})


async def list_users(request: Request) -> Response:
    """GET /users, by role or external id."""
    query, users = request.query_params, list(store_of(request).users.values())
    for name in ("role", "external_id"):
        if wanted := query.get(name):
            users = [user for user in users if user[name] == wanted]
    return JSONResponse(page_of(request, "users", users))


async def show_many_users(request: Request) -> Response:
    """GET /users/show_many?ids= or external_ids=; unknown ids are left out of the answer."""
    users = store_of(request).users
    if "external_ids" in request.query_params:
        wanted = ids_of(request, "external_ids")
        found = [user for user in users.values() if user["external_id"] in wanted]
    else:
        numbers = [int(text) for text in ids_of(request, "ids") if text.isdecimal()]
        found = [users[number] for number in numbers if number in users]
    return JSONResponse({"users": found, "next_page": None, "previous_page": None, "count": len(found)})


async def search_users(request: Request) -> Response:
    """GET /users/search?query= or external_id=."""
    store, query = store_of(request), request.query_params
    if external := query.get("external_id"):
        found = [user for user in store.users.values() if user["external_id"] == external]
    else:
        terms = read_query(query.get("query", ""))
        found = [user for user in store.users.values() if matches_user(store, user, terms)]
    return JSONResponse(page_of(request, "users", found))


async def create_user(request: Request) -> Response:
    """POST /users."""
    store, given = store_of(request), await member_of(request, "user")
    email = given.get("email")
    _check_name(given.get("name"))
    _check_email(store, email, None)
    number, now = max(store.users) + 1, store.now()
    user = user_shape(number, given["name"], email=email, created=now, updated=now)
    user |= {key: value for key, value in given.items() if key in WRITABLE}
    store.users[number] = user
    if email:
        store.add_identity(number, email, primary=True, created=now)
    _share_phone(store, user)
    return JSONResponse({"user": user}, 201, {"Location": user["url"]})


async def update_user(request: Request) -> Response:
    """PUT /users/{id}. A new e-mail address becomes a further one: the primary one is made so by its identity."""
    store, user = store_of(request), store_of(request).user(id_of(request))
    given = await member_of(request, "user")
    if "name" in given:
        _check_name(given["name"])
    email = given.get("email")
    _check_email(store, email, user["id"])
    user |= {key: value for key, value in given.items() if key in WRITABLE}
    user["updated_at"] = store.now()
    if email and email.lower() not in store.emails(user["id"]):
        is_first = user["email"] is None
        store.add_identity(user["id"], email, primary=is_first, created=store.now())
        user["email"] = user["email"] or email
    _share_phone(store, user)
    return JSONResponse({"user": user})


async def delete_user(request: Request) -> Response:
    """DELETE /users/{id}: the user is inactive and no longer found, until deleted for good."""
    store, number = store_of(request), id_of(request)
    user = store.user(number)
    user |= {"active": False, "updated_at": store.now()}
    store.deleted[number] = store.users.pop(number)
    return JSONResponse({"user": user})


async def delete_for_good(request: Request) -> Response:
    """DELETE /deleted_users/{id}: forget the name, the addresses and the numbers of a deleted user."""
    store, number = store_of(request), id_of(request)
    if number not in store.deleted:
        raise not_found()
    store.identities.pop(number, None)
    gone = store.deleted.pop(number)
    gone |= {"name": "Permanently Deleted User", "email": None, "phone": None, "external_id": None, "user_fields": {}}
    return JSONResponse({"deleted_user": {**gone, "active": False}})


async def list_identities(request: Request) -> Response:
    """GET /users/{id}/identities."""
    store, number = store_of(request), id_of(request)
    store.user(number)
    return JSONResponse(page_of(request, "identities", store.identities.get(number, [])))


async def create_identity(request: Request) -> Response:
    """POST /users/{id}/identities."""
    store, user = store_of(request), store_of(request).user(id_of(request))
    given = await member_of(request, "identity")
    if given.get("type") != "email" or not given.get("value"):
        raise invalid({"value": [("InvalidValue", "must be an e-mail address")]})
    _check_email(store, given["value"], None)
    identity = store.add_identity(user["id"], given["value"], primary=False, created=store.now())
    user["updated_at"] = store.now()
    return JSONResponse({"identity": identity}, 201)


async def make_identity_primary(request: Request) -> Response:
    """PUT /users/{id}/identities/{identity}/make_primary."""
    store, user = store_of(request), store_of(request).user(id_of(request))
    identities, wanted = store.identities.get(user["id"], []), id_of(request, "identity")
    if wanted not in {identity["id"] for identity in identities}:
        raise not_found()
    identities.sort(key=lambda identity: identity["id"] != wanted)
    for identity in identities:
        identity["primary"] = identity["id"] == wanted
    user |= {"email": identities[0]["value"], "updated_at": store.now()}
    return JSONResponse(page_of(request, "identities", identities))


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.strip():
        raise invalid({"name": [("BlankValue", "is too short (is 0 characters)")]})


def _check_email(store: Store, email: Any, user: int | None) -> None:
    if email is None:
        return
    if not isinstance(email, str) or not EMAIL.fullmatch(email):
        raise invalid({"email": [("InvalidFormat", f"{email} is not properly formatted")]})
    if store.owner_of(email) not in (None, user):
        raise invalid({"email": [("DuplicateValue", f"{email} is already being used by another user")]})


def _share_phone(store: Store, user: dict[str, Any]) -> None:
    others = [each for each in store.users.values() if each["phone"] == user["phone"] and each is not user]
    user["shared_phone_number"] = bool(others) if user["phone"] else None
