"""What the customer allowed, chose and received."""

from collections.abc import Iterable

import msgspec
from strawberry import Parent

from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import computed
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.graph.survivorship import WITHDRAWAL_WINS, ValueOrigin, origins_of
from klantbeeld.sdk import records
from klantbeeld.sdk.records import Alternative, Choice
from klantbeeld.sdk.words import Category, ConsentStatus

ALLOWED = Data(owner="MARKETING", category=Category.REGISTRATION, scope="marketing:read")
RECEIVED = Data(owner="MARKETING", category=Category.CUSTOM, scope="marketing:read")

# A withdrawal anywhere wins, and what was never asked wins over nothing but silence.
STRENGTH = {ConsentStatus.WITHDRAWN: 0, ConsentStatus.GIVEN: 1, ConsentStatus.NOT_ASKED: 2, None: 3}


@published(records.Consent, ALLOWED)
class Consent(Sourced):
    """A consent."""

    @computed("status", data=ALLOWED)
    def origins(consent: Parent[records.Consent]) -> list[ValueOrigin] | None:
        """Which source decided the status, and what the others say."""
        return origins_of(consent if consent.choices else _chosen(consent, ()))


@published(records.Preference, ALLOWED)
class Preference(Sourced):
    """A choice about content or frequency."""


@published(records.Campaign, RECEIVED)
class Campaign(Sourced):
    """A campaign that reached the customer."""


@published(records.Attribute, RECEIVED)
class Attribute(Sourced):
    """A single fact that a source keeps."""


def effective_consents(consents: Iterable[records.Consent]) -> list[records.Consent]:
    """Return one consent for each purpose and channel; where sources disagree, the withdrawal wins."""
    groups: dict[tuple[str, str], list[records.Consent]] = {}
    for consent in consents:
        groups.setdefault((consent.purpose or "", consent.channel or ""), []).append(consent)
    return [_decided(groups[subject]) for subject in sorted(groups)]


def _decided(group: list[records.Consent]) -> records.Consent:
    if len(group) == 1:
        return group[0]  # whose choice it was is worked out where `origins` are asked
    winner, *others = sorted(group, key=_strength)
    differing = (
        Alternative(_source(other), other.status.value if other.status else None)
        for other in others
        if other.status is not winner.status
    )
    return _chosen(winner, tuple(differing))


def _chosen(winner: records.Consent, differing: tuple[Alternative, ...]) -> records.Consent:
    choice = Choice("status", _source(winner), WITHDRAWAL_WINS, differing)
    return msgspec.structs.replace(winner, choices=(choice,))


def _strength(consent: records.Consent) -> tuple[int, str]:
    return STRENGTH[consent.status], _source(consent)


def _source(consent: records.Consent) -> str:
    return consent.origin.source if consent.origin else ""
