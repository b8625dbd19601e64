"""Holds each answer against the bodies of the upstreams, before anything is measured: the same values, in their places.

Peers answer with the upstreams' own members. Ours is in the unified model, and is turned back here, value by value.
What the model says in its own way is compared as it says it:

- `created_at`: the model keeps the day since when somebody is a customer, not the time of day.
- `status` of a customer: `active` and `closed` have words (ACTIVE, FORMER); `dormant` has none, and is null.
- `status` of an invoice: what is open behind its due date is OVERDUE, whatever the source calls it.
- `segment` and `vip` have no place of their own: they are attributes, as text.
- an invoice, complaint or campaign has a global id, in which the source's own id stands.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from klantbeeld.graph.ids import open_record_id

Body = dict[str, Any]

CUSTOMER = (
    *("id", "first_name", "last_name", "full_name", "email", "phone"),
    *("status", "segment", "created_at", "language", "vip"),
)
ADDRESS = ("line1", "city", "postal_code", "country")
INVOICE = ("id", "number", "status", "amount", "currency", "issued_on", "due_on", "balance")
COMPLAINT = ("id", "subject", "status", "priority", "opened_at", "closed_at")
CONSENT = ("channel", "granted", "updated_at", "source")
CAMPAIGN = ("id", "name", "sent_at", "opened")

STATUSES = {"ACTIVE": "active", "FORMER": "closed", None: "dormant"}


class Different(Exception):
    """An answer does not hold what the upstreams hold; the text says where."""


def check_answer(query: str, answer: Any, bodies: Path, keys: Iterable[str], *, ours: bool) -> int:
    """Hold an answer about customers with these record ids against the bodies; returns how many values agree."""
    if answer.get("errors"):
        raise Different(f"errors: {json.dumps(answer['errors'])[:400]}")
    found = answer["data"]["customers"] if query == "q3" else [answer["data"]["customer"]]
    turn = OURS[query] if ours else _as_it_is
    counted = 0
    for key, customer in zip(keys, found, strict=True):
        mine, theirs = turn(customer), EXPECTED[query](bodies, key)
        _compare(_normal(mine), _normal(theirs), key)
        counted += _leaves(theirs)
    return counted


def _unified(bodies: Path, key: str) -> Body:
    customer = _read(bodies / "crm/customers" / key)
    profile = _read(bodies / "marketing/profiles" / key)
    return {
        **_chosen(customer, CUSTOMER),
        "address": _chosen(customer["address"], ADDRESS),
        "invoices": [_chosen(one, INVOICE) for one in _read(bodies / "billing/accounts" / key / "invoices")],
        "complaints": [_chosen(one, COMPLAINT) for one in _read(bodies / "complaints/by" / key)],
        "profile": {
            "consents": [_chosen(one, CONSENT) for one in profile["consents"]],
            "campaigns": [_chosen(one, CAMPAIGN) for one in profile["campaigns"]],
        },
    }


def _small(bodies: Path, key: str) -> Body:
    return _chosen(_read(bodies / "crm/customers" / key), ("id", "full_name", "email", "status"))


def _many(bodies: Path, key: str) -> Body:
    invoices = _read(bodies / "billing/accounts" / key / "invoices")
    return {
        "full_name": _read(bodies / "crm/customers" / key)["full_name"],
        "invoices": [_chosen(one, ("id", "amount", "status")) for one in invoices],
    }


def _as_it_is(customer: Body) -> Body:
    return customer


def _from_unified(customer: Body) -> Body:
    party = customer["party"]
    media = {one["kind"]: one for one in customer["contactMedia"]}
    facts = {one["name"]: one["value"] for one in customer["attributes"]}
    address = media["POSTAL_ADDRESS"]["address"]
    return {
        "id": party["customerNumber"],
        "first_name": party["givenName"],
        "last_name": party["familyName"],
        "full_name": party["fullName"],
        "email": media["EMAIL"]["value"],
        "phone": media["PHONE"]["value"],
        "status": STATUSES[party["status"]],
        "segment": facts["segment"],
        "created_at": party["customerSince"],
        "language": party["language"],
        "vip": facts["vip"] == "true",
        "address": {
            "line1": address["street"],
            "city": address["city"],
            "postal_code": address["postcode"],
            "country": address["country"],
        },
        "invoices": [_invoice(one) for one in customer["invoices"]["nodes"]],
        "complaints": [_complaint(one) for one in customer["complaints"]["nodes"]],
        "profile": {
            "consents": [_consent(one) for one in customer["consents"]],
            "campaigns": [_campaign(one) for one in customer["campaigns"]],
        },
    }


def _from_small(customer: Body) -> Body:
    party = customer["party"]
    media = {one["kind"]: one for one in customer["contactMedia"]}
    return {
        "id": party["customerNumber"],
        "full_name": party["fullName"],
        "email": media["EMAIL"]["value"],
        "status": STATUSES[party["status"]],
    }


def _from_many(customer: Body) -> Body:
    return {
        "full_name": customer["party"]["fullName"],
        "invoices": [
            {"id": _own_id(one["id"]), "amount": one["total"]["amount"], "status": one["state"].lower()}
            for one in customer["invoices"]["nodes"]
        ],
    }


def _invoice(one: Body) -> Body:
    return {
        "id": _own_id(one["id"]),
        "number": one["number"],
        "status": one["state"].lower(),
        "amount": one["total"]["amount"],
        "currency": one["total"]["currency"],
        "issued_on": one["issuedOn"],
        "due_on": one["dueOn"],
        "balance": one["due"]["amount"],
    }


def _complaint(one: Body) -> Body:
    return {
        "id": _own_id(one["id"]),
        "subject": one["subject"],
        "status": one["state"].lower(),
        "priority": one["priority"].lower(),
        "opened_at": one["filedAt"],
        "closed_at": one["solvedAt"],
    }


def _consent(one: Body) -> Body:
    return {
        "channel": one["channel"].lower(),
        "granted": one["status"] == "GIVEN",
        "updated_at": one["changedAt"],
        "source": one["evidence"],
    }


def _campaign(one: Body) -> Body:
    return {"id": _own_id(one["id"]), "name": one["name"], "sent_at": one["sentAt"], "opened": one["opened"]}


EXPECTED: Mapping[str, Callable[[Path, str], Body]] = {"q1": _unified, "q2": _small, "q3": _many}
OURS: Mapping[str, Callable[[Body], Body]] = {"q1": _from_unified, "q2": _from_small, "q3": _from_many}


def _own_id(global_id: str) -> str:
    return open_record_id(global_id).record_id


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)


def _chosen(body: Body, members: Iterable[str]) -> Body:
    return {name: body[name] for name in members}


def _normal(body: Body) -> Body:
    """Say what is the same in the same way, in the same order."""
    made = dict(body)
    if "created_at" in made:
        made["created_at"] = str(made["created_at"])[:10]
    if "invoices" in made:
        made["invoices"] = sorted((_settled(one) for one in made["invoices"]), key=_key)
    if "complaints" in made:
        made["complaints"] = sorted(made["complaints"], key=_key)
    if "profile" in made:
        profile = made["profile"]
        made["profile"] = {name: sorted(profile[name], key=_key) for name in ("consents", "campaigns")}
    return made


def _settled(invoice: Body) -> Body:
    made = {name: Decimal(str(value)) if name in {"amount", "balance"} else value for name, value in invoice.items()}
    if made["status"] == "open":  # the due dates of all of them are past
        made["status"] = "overdue"
    return made


def _key(item: Body) -> str:
    return str(item.get("id") or item.get("channel"))


def _compare(mine: Any, theirs: Any, place: str) -> None:
    if isinstance(theirs, dict):
        if not isinstance(mine, dict) or mine.keys() != theirs.keys():
            raise Different(f"{place}: {mine!r} instead of {sorted(theirs)}")
        for name, value in theirs.items():
            _compare(mine[name], value, f"{place}.{name}")
    elif isinstance(theirs, list):
        if not isinstance(mine, list) or len(mine) != len(theirs):
            raise Different(f"{place}: not {len(theirs)} items")
        for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            _compare(one, other, f"{place}[{number}]")
    elif mine != theirs:
        raise Different(f"{place}: {mine!r} instead of {theirs!r}")


def _leaves(body: Any) -> int:
    if isinstance(body, dict):
        return sum(_leaves(value) for value in body.values())
    return sum(_leaves(one) for one in body) if isinstance(body, list) else 1
