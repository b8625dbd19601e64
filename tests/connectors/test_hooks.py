"""Webhooks of the four products: what is proven is believed, and nothing else."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.hooks import Changed, Delivery, Hook, HookRefused

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "a secret of the product"
KEY = RSAKey.generate_key(2048)
CONTACT = "0B1C0000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Product:
    """How a product tells and proves; `body` makes one of what changed, `headers` proves it at a moment."""

    name: str
    secrets: Mapping[str, str]
    body: Any
    headers: Callable[[bytes, datetime], Mapping[str, str]]
    found: list[Changed]
    signs: bool = True


def _stripe(body: bytes, at: datetime) -> dict[str, str]:
    seconds = int(at.timestamp())
    signature = hmac.digest(SECRET.encode(), f"{seconds}.".encode() + body, "sha256").hex()
    return {"stripe-signature": f"t={seconds},v1={'0' * 64},v1={signature},v0=old"}


def _zendesk(body: bytes, at: datetime) -> dict[str, str]:
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = base64.b64encode(hmac.digest(SECRET.encode(), moment.encode() + body, "sha256")).decode()
    return {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": moment}


def _gigya(body: bytes, _at: datetime) -> dict[str, str]:
    key = base64.b64decode(base64.b64encode(SECRET.encode()))
    return {"x-gigya-sig-hmac-sha1": base64.b64encode(hmac.digest(key, body, "sha1")).decode()}


def _gigya_token(body: bytes, at: datetime, **claims: Any) -> dict[str, str]:
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")
    told = {"sub": digest, "jti": "once", "iat": int(at.timestamp()), "exp": int(at.timestamp()) + 60} | claims
    return {"x-gigya-sig-jwt": jwt.encode({"alg": "RS256"}, told, KEY)}


def _events(at: datetime) -> dict[str, Any]:
    events = [{"type": "accountUpdated", "data": {"uid": uid}} for uid in ("u1", "u2", "u1")]
    return {"events": events, "nonce": "once", "timestamp": int(at.timestamp())}


def _context(table: str, row: str, *attributes: Mapping[str, Any]) -> dict[str, Any]:
    target = {"key": "Target", "value": {"LogicalName": table, "Attributes": list(attributes)}}
    return {"PrimaryEntityName": table, "PrimaryEntityId": row, "InputParameters": [target], "MessageName": "Update"}


INVOICE = {"data": {"object": {"object": "invoice", "id": "in_1", "customer": "cus_1"}}, "type": "invoice.paid"}
TICKET = {"type": "zen:event-type:ticket.comment_added", "detail": {"id": "35436", "requester_id": 42}}
PUBLIC = KEY.as_pem(private=False).decode()
STRIPE = Product(
    "stripe",
    {"endpoint_secret": SECRET},
    INVOICE,
    _stripe,
    [Changed("cus_1", ("invoices", "invoice", "purchases", "billing_accounts"))],
)
ZENDESK = Product(
    "zendesk",
    {"signing_secret": SECRET},
    TICKET,
    _zendesk,
    [Changed("42", ("complaints", "complaint", "comments"))],
)
GIGYA = Product(
    "sap_customer_data_cloud",
    {"hook_secret": base64.b64encode(SECRET.encode()).decode()},
    _events(NOW),
    _gigya,
    [Changed("u1"), Changed("u2")],
)
GIGYA_TOKEN = Product(
    "sap_customer_data_cloud",
    {"hook_public_key": PUBLIC},
    _events(NOW),
    _gigya_token,
    [Changed("u1"), Changed("u2")],
)
DATAVERSE = Product(
    "dataverse",
    {"webhook_key": SECRET},
    _context("contact", CONTACT),
    lambda _body, _at: {"klantbeeld-hook-key": SECRET},
    [Changed(CONTACT.lower(), ("party", "contact_media"))],
    signs=False,
)
PRODUCTS = [STRIPE, ZENDESK, GIGYA, GIGYA_TOKEN, DATAVERSE]
every = pytest.mark.parametrize("product", PRODUCTS, ids=lambda one: f"{one.name}-{'-'.join(one.secrets)}")


def hook_of(product: Product) -> Hook:
    hook = load_connectors().load(product.name).make.hook
    assert hook is not None
    return hook


def told(
    product: Product,
    body: Any = None,
    *,
    at: datetime = NOW,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> list[Changed]:
    raw = body if isinstance(body, bytes) else json.dumps(product.body if body is None else body).encode()
    delivery = Delivery(
        headers=product.headers(raw, at) if headers is None else headers,
        query=query or {},
        body=raw,
        now=NOW,
        window=300,
    )
    return list(hook_of(product).read(delivery, product.secrets if secrets is None else secrets))


@every
def test_what_is_proven_is_believed(product: Product) -> None:
    assert told(product) == product.found


@every
def test_a_hook_names_the_secrets_that_it_takes(product: Product) -> None:
    assert set(product.secrets) <= set(hook_of(product).takes)


@every
def test_what_is_not_proven_is_refused(product: Product) -> None:
    with pytest.raises(HookRefused):
        told(product, headers={})


@every
def test_another_secret_proves_nothing(product: Product) -> None:
    other = RSAKey.generate_key(2048).as_pem(private=False).decode()
    for wrong in ("b3RoZXI=", other):
        with pytest.raises(HookRefused):
            told(product, secrets=dict.fromkeys(product.secrets, wrong))


@every
def test_no_secret_and_an_empty_one_prove_nothing(product: Product) -> None:
    for secrets in ({}, dict.fromkeys(product.secrets, "")):
        with pytest.raises(HookRefused):
            told(product, secrets=secrets)
        with pytest.raises(HookRefused):
            told(product, headers=dict.fromkeys(product.headers(b"", NOW), ""), secrets=secrets)


@pytest.mark.parametrize("product", [one for one in PRODUCTS if one.signs], ids=lambda one: "-".join(one.secrets))
def test_a_body_that_was_changed_is_refused(product: Product) -> None:
    body = json.dumps(product.body).encode()
    for changed in (body + b" ", body[:5] + b"X" + body[6:]):
        with pytest.raises(HookRefused):
            told(product, changed, headers=product.headers(body, NOW))


@pytest.mark.parametrize("product", [STRIPE, ZENDESK, GIGYA_TOKEN], ids=lambda one: "-".join(one.secrets))
@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_was_signed_at_another_time_is_refused(product: Product, seconds: int) -> None:
    with pytest.raises(HookRefused):
        told(product, at=NOW + timedelta(seconds=seconds))


def test_a_signed_body_of_another_time_is_refused() -> None:
    with pytest.raises(HookRefused):
        told(GIGYA, _events(NOW - timedelta(seconds=301)))


@every
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"events": 1}', b"null"])
def test_a_proven_body_that_is_not_what_was_declared_is_refused(product: Product, body: bytes) -> None:
    with pytest.raises(HookRefused):
        told(product, body)


@pytest.mark.parametrize(
    "header", ["", "t=", "v1=00", "t=1,t=2,v1=00", "t=x,v1=00", "t=-1,v1=0", "t=9999999999999,v1=0", "t=\u0661,v1=0"]
)
def test_a_signature_of_stripe_that_names_no_time_is_refused(header: str) -> None:
    with pytest.raises(HookRefused):
        told(STRIPE, headers={"stripe-signature": header})


@pytest.mark.parametrize("claims", [{"sub": "x"}, {"jti": "twice"}, {"iat": "now"}, {"iat": 0}])
def test_a_token_for_another_delivery_is_refused(claims: Mapping[str, Any]) -> None:
    body = json.dumps(GIGYA_TOKEN.body).encode()
    with pytest.raises(HookRefused):
        told(GIGYA_TOKEN, body, headers=_gigya_token(body, NOW, **claims))


def test_a_token_without_a_signature_is_refused() -> None:
    body = json.dumps(GIGYA_TOKEN.body).encode()
    _, payload, _ = _gigya_token(body, NOW)["x-gigya-sig-jwt"].split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    with pytest.raises(HookRefused):
        told(GIGYA_TOKEN, body, headers={"x-gigya-sig-jwt": f"{header}.{payload}."})


@pytest.mark.parametrize(
    ("product", "body", "found"),
    [
        (STRIPE, {"data": {"object": {"object": "customer", "id": "cus_2"}}}, "cus_2"),
        (STRIPE, {"data": {"object": {"object": "subscription", "id": "sub_1", "customer": "cus_3"}}}, "cus_3"),
        (ZENDESK, {"type": "zen:event-type:user.active_changed", "detail": {"id": "7"}}, "7"),
        (
            DATAVERSE,
            _context("salesorder", "o", {"key": "customerid", "value": {"LogicalName": "contact", "Id": CONTACT}}),
            CONTACT.lower(),
        ),
    ],
)
def test_a_change_names_its_customer(product: Product, body: Any, found: str) -> None:
    assert [changed.customer for changed in told(product, body)] == [found]


@pytest.mark.parametrize(
    ("product", "body"),
    [
        (ZENDESK, {"type": "zen:event-type:ticket.created", "detail": {"id": 1}}),
        (DATAVERSE, _context("salesorder", "o")),
        (DATAVERSE, _context("salesorder", "o", {"key": "customerid", "value": {"LogicalName": "account", "Id": "a"}})),
    ],
)
def test_a_change_of_nobody_by_name_is_everybodys(product: Product, body: Any) -> None:
    assert [changed.customer for changed in told(product, body)] == [None]


@pytest.mark.parametrize(
    ("product", "body"),
    [
        (STRIPE, {"data": {"object": {"object": "price", "id": "p"}}}),
        (STRIPE, {"data": {"object": {"object": "invoice", "id": "in_1"}}}),
        (ZENDESK, {"type": "zen:event-type:article.published", "detail": {"id": 1}}),
        (DATAVERSE, _context("lead", "l")),
    ],
)
def test_what_we_do_not_read_says_nothing(product: Product, body: Any) -> None:
    assert told(product, body) == []


def test_the_word_of_dataverse_may_come_in_the_address() -> None:
    assert told(DATAVERSE, headers={}, query={"code": SECRET}) == DATAVERSE.found
    with pytest.raises(HookRefused):
        told(DATAVERSE, headers={}, query={"code": "\0"}, secrets={})
