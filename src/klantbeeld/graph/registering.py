"""Registering a customer, and learning more of one: nobody is made twice, and nothing is kept without consent."""

from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any

import strawberry
from strawberry import Parent

from klantbeeld.errors import RequestError
from klantbeeld.graph import saga_inputs
from klantbeeld.graph.asked import address, checked, customer_of
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.identify import MOST_CANDIDATES, PARTY, Candidate, masked
from klantbeeld.graph.joined import entered
from klantbeeld.graph.payloads import MutationPayload, payload_of
from klantbeeld.graph.roots import Roots
from klantbeeld.graph.saga_inputs import RegisterCustomerModel, Registration
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind, address_birth_date, name_postcode_birth_date
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import MARKETING, ROLES
from klantbeeld.sdk.words import Category, ConsentStatus, MatchKind
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.sagas.recognising import KNOWN, POSSIBLE, Described
from klantbeeld.writes.sagas.registering import NewCustomer

ASKED = strawberry.argument(description="What is to be written, the channel it came through, and what makes it safe.")
REGISTERED = Data(owner="CRM", category=Category.SOCIAL, scope="customer:register")
CONSENTS = Read(MARKETING, "consents", uses=("purpose", "channel", "status"))
ENRICHED = Data(owner="MARKETING", category=Category.REGISTRATION, scope="marketing:write")


@strawberry.type(description="What came of registering somebody.")
class RegisterCustomerPayload(MutationPayload):
    """What came of it; the customer is the new one, or the one that was known."""

    registration: Registration = strawberry.field(description="Whether a customer was made, and if not, why.")
    candidates: list[Candidate] = strawberry.field(
        description="Those whom it could be, masked; at most five. Look at them before registering with `isNew`."
    )


@strawberry.type(description="What came of keeping an attribute.")
class EnrichProfilePayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="Registering customers and learning more of them.")
class RegistrationMutation:
    """Registering customers and learning more of them."""

    @entered(data=REGISTERED)
    async def register_customer(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.RegisterCustomerInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> RegisterCustomerPayload | None:
        """Make a customer in the system that owns customers, unless it is somebody who is known, or may be."""
        asked = checked(input, RegisterCustomerModel)
        keys = _keys(asked)
        described = Described(
            keys=tuple(keys), family_name=asked.family_name, birth_date=asked.birth_date, is_new=asked.is_new
        )
        values = asked.model_dump(include=set(MEMBERS)) | {"address": address(asked.address)}
        outcome, customer_id, code = await roots.register(NewCustomer(described=described, values=values), asked)
        (customer,) = await roots.customers([customer_id]) if customer_id else (None,)
        candidates = await _candidates(roots, keys) if code == POSSIBLE else []
        return await payload_of(
            RegisterCustomerPayload,
            roots,
            customer,
            outcome,
            subject=None,
            registration=_registration(outcome, code),
            candidates=candidates,
        )

    @entered(data=ENRICHED)
    async def enrich_profile(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.EnrichProfileInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> EnrichProfilePayload | None:
        """Keep one attribute at its owner, with where it was learned and the consent, which has to be given."""
        asked = checked(input, saga_inputs.EnrichProfileModel)
        customer = await customer_of(roots, asked.customer_id)
        await _demand_consent(roots, customer, asked.consent)
        role = ROLES[roots.moment.settings.writes.attributes.get(asked.name, MARKETING.name)]
        values = {
            "name": asked.name,
            "value": asked.value,
            "learned_from": asked.learned_from,
            "learned_at": roots.moment.now.astimezone(UTC),
            "consent": asked.consent,
        }
        outcome = await roots.write(role, "set_attribute", customer, values, asked, mutation="enrichProfile")
        return await payload_of(EnrichProfilePayload, roots, customer, outcome, subject=None)


MEMBERS = ("given_name", "tussenvoegsel", "family_name", "birth_date", "email", "phone", "language")


def _keys(asked: RegisterCustomerModel) -> list[MatchKey]:
    """Return what the customer can be found by."""
    keys = []
    if asked.email:
        keys.append(MatchKey(MatchKeyKind.EMAIL, asked.email))
    if asked.phone:
        keys.append(MatchKey(MatchKeyKind.PHONE, asked.phone))
    if asked.address and asked.birth_date:
        place = asked.address
        keys.append(name_postcode_birth_date(asked.family_name, place.postcode, asked.birth_date))
        keys.append(address_birth_date(place.postcode, place.house_number, asked.birth_date))
    return keys


def _registration(outcome: WriteOutcome, code: str | None) -> Registration:
    if code == KNOWN:
        return Registration.EXISTING
    if code == POSSIBLE:
        return Registration.POSSIBLE
    return Registration.CREATED if outcome.status is WriteStatus.APPLIED else Registration.NOT_CREATED


async def _candidates(roots: Roots, keys: Sequence[MatchKey]) -> list[Candidate]:
    """Return those whom it could be, masked, as `identify` shows them."""
    found: dict[str, Customer] = {}
    for key in keys:
        if key.kind.value in MatchKind.__members__:
            found |= {str(one.id): one for one in await roots.by_match_key(MatchKind(key.kind.value), key.value)}
    shown = list(found.values())[:MOST_CANDIDATES]
    parties = await roots.read_of(PARTY, shown)
    return [masked(parties[str(one.id)]) for one in shown]


async def _demand_consent(roots: Roots, customer: Customer, purpose: str) -> None:
    """Raise RequestError with CONSENT_MISSING unless a consent is given and none is withdrawn; fails closed."""
    answers: Any = (await roots.read_of(CONSENTS, [customer]))[str(customer.id)]
    answers.demand_all()
    found = [consent for consent in answers.records if consent.purpose == purpose]
    if not found or any(consent.status is not ConsentStatus.GIVEN for consent in found):
        raise RequestError("the customer has not given this consent", code="CONSENT_MISSING", place="input.consent")
