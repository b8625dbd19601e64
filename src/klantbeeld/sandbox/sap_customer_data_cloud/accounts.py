"""``accounts.getAccountInfo``, ``setAccountInfo``, ``importFullAccount`` and ``deleteAccount``."""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from klantbeeld.sandbox.sap_customer_data_cloud.errors import GigyaError, missing, wrong
from klantbeeld.sandbox.sap_customer_data_cloud.shapes import (
    CONSENTS,
    CURRENT_NOTICE,
    EXTRA_PROFILE_FIELDS,
    MAILINGS,
    PROFILE_FIELDS,
    age_on,
    consent_entry,
    new_account,
    stamp,
    subscription_entry,
)
from klantbeeld.sandbox.sap_customer_data_cloud.store import Store

Parameters = Mapping[str, str]

INCLUDES = frozenset(
    [
        "identities-active",
        "identities-all",
        "identities-global",
        "loginIDs",
        "emails",
        "profile",
        "data",
        "password",
        "lastLoginLocation",
        "regSource",
        "irank",
        "rba",
        "subscriptions",
        "userInfo",
        "preferences",
        "groups",
        "isLockedOut",
    ]
)
ONLY_WHEN_INCLUDED = {
    "loginIDs": "loginIDs",
    "emails": "emails",
    "profile": "profile",
    "data": "data",
    "preferences": "preferences",
    "subscriptions": "subscriptions",
    "lastLoginLocation": "lastLoginLocation",
    "regSource": "regSource",
    "iRank": "irank",
    "isLockedOut": "isLockedOut",
}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def get_account_info(store: Store, parameters: Parameters) -> dict[str, Any]:
    """Return an account: its system members, and of the others what ``include`` asks for (profile and data)."""
    account = store.account(_uid(parameters))
    include = set(parameters.get("include", "profile,data").split(","))
    if unknown := include - INCLUDES:
        raise wrong("include", ", ".join(sorted(unknown)))
    shown = {
        name: value
        for name, value in account.items()
        if name not in ONLY_WHEN_INCLUDED or ONLY_WHEN_INCLUDED[name] in include
    }
    if "profile" in shown:
        extra = set(parameters.get("extraProfileFields", "").split(","))
        hidden = EXTRA_PROFILE_FIELDS - extra
        shown["profile"] = {name: value for name, value in account["profile"].items() if name not in hidden}
    return shown


def set_account_info(store: Store, parameters: Parameters) -> dict[str, Any]:
    """Change the members that are sent, and leave the others. Objects are merged; null takes a member away."""
    account = store.account(_uid(parameters))
    _change(store, account, parameters)
    return {}


def import_full_account(store: Store, parameters: Parameters) -> dict[str, Any]:
    """Create an account, or, by ``importPolicy`` ``upsert``, change the one with this UID or e-mail address."""
    email = parameters.get("email") or _object(parameters, "profile").get("email")
    if not email:
        raise missing("email")
    _check_profile({"email": email})
    holder, policy = store.holder_of(email), parameters.get("importPolicy", "insert")
    if policy not in ("insert", "upsert"):
        raise wrong("importPolicy", policy)
    uid = parameters.get("UID") or holder or uuid.uuid4().hex
    if policy == "insert" and (holder or uid in store.accounts):
        raise GigyaError(400003)
    if holder not in (None, uid):
        raise GigyaError(400003)
    now = store.clock()
    account = store.accounts.get(uid) or new_account(uid, emails=[email], created=now, changed=now)
    _change(store, account, {name: value for name, value in parameters.items() if name not in ("email", "isActive")})
    store.accounts[uid] = account
    return {"UID": uid}


def delete_account(store: Store, parameters: Parameters) -> dict[str, Any]:
    """Delete an account for good."""
    del store.accounts[store.account(_uid(parameters))["UID"]]
    return {}


def _change(store: Store, account: dict[str, Any], parameters: Parameters) -> None:
    """Check everything that is sent, then change the account: all of it or nothing."""
    profile, data = _object(parameters, "profile"), _object(parameters, "data")
    preferences = _consents(store, account, _object(parameters, "preferences"))
    subscriptions = _subscriptions(store, _object(parameters, "subscriptions"))
    _check_profile(profile)
    email = profile.get("email")
    if email and store.holder_of(email) not in (None, account["UID"]):
        raise GigyaError(400003, validation=[("profile.email", "Email already exists")])
    if "isActive" in parameters:
        account["isActive"] = parameters["isActive"].lower() == "true"
    if email and email.lower() not in (each.lower() for each in account["loginIDs"]["emails"]):
        account["loginIDs"]["unverifiedEmails"] = [email]
        account["emails"]["unverified"] = [email]
    _merge(account["profile"], profile)
    account["profile"]["age"] = age_on(store.clock().date(), account["profile"])
    if account["profile"]["age"] is None:
        del account["profile"]["age"]
    _merge(account["data"], data)
    _merge(account["preferences"], preferences)
    _merge(account["subscriptions"], subscriptions)
    store.touch(account)


def _uid(parameters: Parameters) -> str:
    if not parameters.get("UID"):
        raise missing("UID")
    return parameters["UID"]


def _object(parameters: Parameters, name: str) -> dict[str, Any]:
    """Return a parameter that is a JSON object in a string; nothing where it is not sent."""
    if name not in parameters:
        return {}
    try:
        value = json.loads(parameters[name])
    except ValueError as error:
        raise GigyaError(400004, f"Invalid parameter format: {name}: it is no JSON") from error
    if not isinstance(value, dict):
        raise GigyaError(400004, f"Invalid parameter format: {name}: it is no JSON object")
    return value


def _check_profile(profile: Mapping[str, Any]) -> None:
    found = [(f"profile.{name}", "Field is not in the schema") for name in profile.keys() - PROFILE_FIELDS]
    email = profile.get("email")
    if email is not None and not (isinstance(email, str) and EMAIL.fullmatch(email)):
        found.append(("profile.email", "Email is not valid"))
    for name, most in (("birthDay", 31), ("birthMonth", 12), ("birthYear", 9999)):
        value = profile.get(name)
        if value is not None and not (isinstance(value, int) and 1 <= value <= most):
            found.append((f"profile.{name}", "Value is out of range"))
    if found:
        raise GigyaError(400009, validation=sorted(found))


def _consents(store: Store, account: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the consents to store: what is sent, with the time and the notice that the product adds."""
    changed: dict[str, Any] = {}
    for path, sent in _leaves(given, "isConsentGranted", CONSENTS, "preferences"):
        steps = path.split(".")
        earlier: Any = account["preferences"]
        for step in steps:
            earlier = earlier.get(step, {})
        entry = consent_entry(granted=sent["isConsentGranted"], at=store.clock(), notice=CURRENT_NOTICE, through=None)
        entry["customData"] = sent.get("customData", earlier.get("customData", []))
        entry["tags"] = sent.get("tags", earlier.get("tags", []))
        entry["lang"] = sent.get("lang", entry["lang"])
        if earlier.get("isConsentGranted") == sent["isConsentGranted"]:
            entry["lastConsentModified"] = earlier["lastConsentModified"]
        target = changed
        for step in steps[:-1]:
            target = target.setdefault(step, {})
        target[steps[-1]] = entry
    return changed


def _subscriptions(store: Store, given: Mapping[str, Any]) -> dict[str, Any]:
    known = [f"{mailing}.email" for mailing in MAILINGS]
    changed: dict[str, Any] = {}
    for path, sent in _leaves(given, "isSubscribed", known, "subscriptions"):
        entry = subscription_entry(subscribed=sent["isSubscribed"], at=store.clock(), double=False)
        entry["tags"] = sent.get("tags", [])
        verified = sent.get("doubleOptIn", {}).get("isExternallyVerified") is True and sent["isSubscribed"]
        if verified:
            now = stamp(store.clock())
            entry["doubleOptIn"] = {"status": "Confirmed", "emailSentTime": None, "confirmTime": now}
        changed[path.removesuffix(".email")] = {"email": entry}
    return changed


def _leaves(
    given: Mapping[str, Any], flag: str, known: tuple[str, ...] | list[str], parameter: str
) -> list[tuple[str, dict[str, Any]]]:
    """Return each path of ``given`` that ends in an object with a boolean ``flag``; refuse what is not ``known``."""
    found: list[tuple[str, dict[str, Any]]] = []
    waiting: list[tuple[str, Any]] = list(given.items())
    while waiting:
        path, value = waiting.pop(0)
        if path in known:
            if not isinstance(value, dict) or not isinstance(value.get(flag), bool):
                raise wrong(f"{parameter}.{path}", f"{flag} must be true or false")
            found.append((path, value))
        elif isinstance(value, dict) and any(each.startswith(f"{path}.") for each in known):
            waiting += [(f"{path}.{name}", inner) for name, inner in value.items()]
        else:
            raise wrong(f"{parameter}.{path}", "it is not in the schema")
    return found


def _merge(target: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
