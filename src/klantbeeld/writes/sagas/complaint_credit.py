"""The saga that settles a complaint with a credit on an invoice.

A large credit waits for a second person, with the complaint on hold meanwhile. Money goes last: a complaint is opened
again with a word, and a credit is taken back only while its invoice is open, or by a debit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from klantbeeld.sdk.acts import Act, HoldComplaint, SolveComplaint
from klantbeeld.sdk.records import Money, Record
from klantbeeld.sdk.roles import BILLING, COMPLAINTS
from klantbeeld.sdk.sagas import Approve, Do, Given, Home, Reversal, Saga, Title, Undo
from klantbeeld.settings import Language
from klantbeeld.settings_saga import ApprovalSettings
from klantbeeld.texts import say

CLOSE_COMPLAINT = "closeComplaintWithCredit"
LONGEST_REASON = 200  # characters of a credit's reason


class Credit(Given):
    """A complaint that is settled with a credit on an invoice; `expected` is the version of the complaint."""

    complaint: Home
    invoice: Home
    amount: Money
    resolution: str
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """When a credit is large, and in which language notes are left in other systems."""

    approval: ApprovalSettings
    language: Language

    def is_large(self, given: Credit) -> bool:
        """Say whether a second person has to approve."""
        return given.amount.amount > Decimal(str(self.approval.credit_above))

    def hold(self, given: Credit) -> Mapping[str, Any] | None:
        """Put the complaint on hold while somebody has to approve."""
        if not self.is_large(given):
            return None
        note = say("CREDIT_WAITS", self.language)
        return {"complaint": given.complaint.record_id, "note": note, "expected": given.expected}

    def solve(self, given: Credit) -> Mapping[str, Any]:
        """Solve the complaint; the version that the caller saw counts for the first step alone."""
        expected = {} if self.is_large(given) else {"expected": given.expected}
        return {"complaint": given.complaint.record_id, "resolution": given.resolution, **expected}

    def reopen(self, act: Act, _: Sequence[Record]) -> Mapping[str, Any]:
        """Open the complaint again."""
        assert isinstance(act, HoldComplaint | SolveComplaint)  # noqa: S101 - what this undoes
        return {"complaint": act.complaint, "note": say("CREDIT_NOT_GIVEN", self.language)}


def close_complaint(approval: ApprovalSettings, language: Language) -> Saga:
    """Make the saga."""
    rules = Rules(approval, language)
    back = Undo(act="reopen_complaint", values=rules.reopen)
    return Saga(
        name=CLOSE_COMPLAINT,
        title=Title(nl="Klacht afgehandeld met tegoed", en="Complaint settled with a credit"),
        scope="billing:credit",
        given=Credit,
        steps=(
            Do(name="hold", role=COMPLAINTS, act="hold_complaint", values=rules.hold, at="complaint", undo=back),
            Approve(
                name="approve",
                title=Title(nl=say("APPROVE_CREDIT", "nl"), en=say("APPROVE_CREDIT", "en")),
                scope=approval.scope,
                when=rules.is_large,
                due=timedelta(seconds=approval.due),
                escalates=timedelta(seconds=approval.escalates),
                escalates_to=approval.escalates_to,
            ),
            Do(name="solve", role=COMPLAINTS, act="solve_complaint", values=rules.solve, at="complaint", undo=back),
            Do(
                name="credit",
                role=BILLING,
                act="credit_invoice",
                values=_credit,
                at="invoice",
                reversal=Reversal.HARD,
                undo=Undo(act="withdraw_credit", values=_nothing_but_the_credit, takes="credit"),
            ),
        ),
    )


def _credit(given: Credit) -> Mapping[str, Any]:
    return {"invoice": given.invoice.record_id, "amount": given.amount, "reason": given.resolution[:LONGEST_REASON]}


def _nothing_but_the_credit(_act: Act, _before: Sequence[Record]) -> Mapping[str, Any]:
    return {}
