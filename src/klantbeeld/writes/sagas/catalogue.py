"""The sagas that come with Klantbeeld: a move, another e-mail address, a credit on a complaint, a consent withdrawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.records import ContactMedium, PostalAddress, Record
from klantbeeld.sdk.roles import BILLING, CRM, MARKETING, Role
from klantbeeld.sdk.sagas import Do, Given, Reach, Recovery, Reversal, Saga, Title, Undo
from klantbeeld.sdk.words import Channel, ConsentStatus, ContactKind
from klantbeeld.settings import Language
from klantbeeld.settings_saga import ApprovalSettings
from klantbeeld.writes.sagas.complaint_credit import close_complaint

CHANGE_ADDRESS = "changeAddress"
CHANGE_EMAIL = "changeEmail"
WITHDRAW_CONSENT = "withdrawConsent"
ENRICH_PROFILE = "enrichProfile"


class NewAddress(Given):
    """Where the customer moves; `expected` is the version of the CRM's record that the caller saw."""

    address: PostalAddress
    expected: str | None = None


class NewEmail(Given):
    """The customer's new e-mail address; `expected` as above."""

    email: str
    expected: str | None = None


class Withdrawal(Given):
    """A consent that the customer withdraws; for all channels without one."""

    purpose: str
    consent_channel: Channel | None = None
    notice_version: str | None = None
    expected: str | None = None


def built_in(approval: ApprovalSettings, language: Language) -> Mapping[str, Saga]:
    """Return them by name; `language` is that of the notes that they leave in other systems."""
    sagas = (
        everywhere(CHANGE_ADDRESS, Title(nl="Verhuizing", en="Move"), NewAddress, "address"),
        everywhere(CHANGE_EMAIL, Title(nl="Ander e-mailadres", en="Another e-mail address"), NewEmail, "email"),
        close_complaint(approval, language),
        WITHDRAWAL,
    )
    return {saga.name: saga for saga in sagas}


def everywhere(name: str, title: Title, given: type[Given], member: str) -> Saga:
    """Make the saga that changes one contact detail at its owner and then wherever else the customer is known by it.

    The CRM owns contact details, so it goes first and has to take the change. Marketing goes last: what it sends out
    with a wrong address cannot be called back.
    """
    return Saga(
        name=name,
        title=title,
        scope="crm:write",
        given=given,
        steps=(
            _change(CRM, "change_contact_details", member, Reversal.EASY),
            _change(BILLING, "change_billing_details", member, Reversal.EASY),
            _change(MARKETING, "change_contact_details", member, Reversal.HARD),
        ),
    )


def _change(role: Role, act: str, member: str, reversal: Reversal) -> Do:
    is_owner = role is CRM

    def values(given: Any) -> Mapping[str, Any]:
        expected = {"expected": given.expected} if is_owner else {}
        return {member: getattr(given, member), **expected}

    return Do(
        name=role.name.lower(),
        role=role,
        act=act,
        values=values,
        reach=Reach.OWNER if is_owner else Reach.EVERYWHERE,
        needed=is_owner,
        reversal=reversal,
        undo=Undo(act=act, values=BEFORE[member], reads="contact_media"),
    )


def _address_before(_act: Act, media: Sequence[Record]) -> Mapping[str, Any] | None:
    return _before(media, ContactKind.POSTAL_ADDRESS, "address")


def _email_before(_act: Act, media: Sequence[Record]) -> Mapping[str, Any] | None:
    return _before(media, ContactKind.EMAIL, "email")


def _before(media: Sequence[Record], kind: ContactKind, member: str) -> Mapping[str, Any] | None:
    """Return what was there; what was empty before cannot be emptied again by any act."""
    for medium in media:
        if isinstance(medium, ContactMedium) and medium.kind is kind:
            was = medium.address if kind is ContactKind.POSTAL_ADDRESS else medium.value
            return {member: was} if was else None
    return None


BEFORE: Mapping[str, Callable[[Act, Sequence[Record]], Mapping[str, Any] | None]] = {
    "address": _address_before,
    "email": _email_before,
}


def _withdraw(given: Withdrawal) -> Mapping[str, Any]:
    return {"status": ConsentStatus.WITHDRAWN, **msgspec.structs.asdict(given)}


# Never compensated: a customer who withdrew has withdrawn, whatever else fails.
WITHDRAWAL = Saga(
    name=WITHDRAW_CONSENT,
    title=Title(nl="Toestemming ingetrokken", en="Consent withdrawn"),
    scope="marketing:write",
    given=Withdrawal,
    recovery=Recovery.INSIST,
    steps=(
        Do(
            name="withdraw",
            role=MARKETING,
            act="set_consent",
            values=_withdraw,
            reach=Reach.EVERYWHERE,
            reversal=Reversal.NEVER,
        ),
    ),
)
