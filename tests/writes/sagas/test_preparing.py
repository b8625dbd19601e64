"""Preparing: what is put back when a later step is refused is what was there when the step was done."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.engine.memory import NOW, MemorySource, links_of
from tests.writes.memory import Days, MemoryTransactions, a_writer

from klantbeeld.errors import SourceConflict
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import ContactMedium, Party
from klantbeeld.sdk.roles import BILLING, CRM, MARKETING, Role
from klantbeeld.sdk.sagas import Saga, Title
from klantbeeld.sdk.words import Channel, ContactKind, Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Written
from klantbeeld.sources.questions import Outcome, Question
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.planning import Extensions, Order
from klantbeeld.writes.sagas.catalogue import CHANGE_EMAIL, NewEmail, everywhere
from klantbeeld.writes.sagas.planning import Planner, Wanted
from klantbeeld.writes.sagas.preparing import preparers
from klantbeeld.writes.versions import seal_version
from klantbeeld.writes.writer import Writer

CUSTOMER = "01900000-0000-7000-8000-000000000001"
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})
OLD, THEIRS, NEW = "old@example.nl", "theirs@example.nl", "new@example.nl"

pytestmark = pytest.mark.asyncio


@dataclass
class Owner(MemorySource):
    """An owner that compares versions.

    Somebody else does what is `meanwhile` before an act, and what is `between_reads` after a read, one a time. It is so
    slow that the owner `faster` is read first. Where it `has_too_much`, what is read of it is never all.
    """

    mail: str | None = OLD
    number: int = 1
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    between_reads: list[Callable[[], None]] = field(default_factory=list)
    faster: MemorySource | None = None
    has_too_much: bool = False

    def takes(self, mail: str | None) -> None:
        self.mail, self.number = mail, self.number + 1
        self.show()

    def show(self) -> None:
        version = f"v{self.number}"
        email = ContactMedium(record_id="p1/email", owner="p1", kind=ContactKind.EMAIL, value=self.mail)
        party = Party(record_id="p1", owner="p1", version=version)
        self.held = {"party": {"p1": [party]}, "contact_media": {"p1": [email] if self.mail else []}}

    def answer(self, question: Question) -> Outcome:
        found = super().answer(question)
        found.complete = not self.has_too_much
        if self.between_reads:
            self.between_reads.pop(0)()
        return found

    async def act(self, name: str, act: Any, context: CallContext) -> Written:
        while self.faster is not None and not self.faster.asked:  # noqa: ASYNC110 - the source sets no event
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        await super().act(name, act, context)
        if act.expected is not None and act.expected != f"v{self.number}":
            raise SourceConflict("somebody was faster")
        self.takes(act.email)
        return Written("p1", f"v{self.number}")


def an_owner(name: str, role: Role, act: str, *, apart: bool = False) -> Owner:
    doings = {act: Doing(act, WriteSafety.IF_MATCH, KIND, Guard.IF_MATCH)}
    made = Owner(name, role, {}, doings=doings, shares={} if apart else {"contact_media": "party"})
    made.show()
    return made


@pytest.fixture
def transactions() -> Iterator[MemoryTransactions]:
    made = MemoryTransactions()
    yield made
    made.close()


class House:
    """Changes an e-mail address at the CRM, then at billing, and then at marketing if that knows the customer."""

    def __init__(self, transactions: MemoryTransactions, *, apart: bool = False, **known: str) -> None:
        self.crm = an_owner("crm", CRM, "change_contact_details", apart=apart)
        self.billing = an_owner("billing", BILLING, "change_billing_details")
        self.saga: Saga = everywhere(CHANGE_EMAIL, Title(nl="E-mail", en="E-mail"), NewEmail, "email")
        self.marketing = an_owner("marketing", MARKETING, "change_contact_details")
        self.customer = links_of(CUSTOMER, crm="p1", billing="p1", **known)
        self.sources: Any = {"crm": self.crm, "billing": self.billing, "marketing": self.marketing}
        extensions = Extensions(preparers=preparers({CHANGE_EMAIL: self.saga}, self.sources))
        self.writer: Writer = a_writer(self.sources, now=Days(NOW), transactions=transactions, extensions=extensions)

    async def change(self, expected: str | None = None) -> WriteOutcome:
        wanted = Wanted(
            saga=self.saga,
            given=NewEmail(email=NEW, expected=expected),
            customer=self.customer,
            channel=Channel.APP,
            starter=b"s",
        )
        order = Order(
            mutation=CHANGE_EMAIL,
            customer_id=CUSTOMER,
            channel=Channel.APP,
            caller="i c s",
            asked={},
            steps=Planner(self.sources, declared={}).plan(wanted),
            key="k",
        )
        return await self.writer.carry_out(order, CallContext(asyncio.get_running_loop().time() + 60))


def sent(owner: Owner) -> list[tuple[str | None, str | None]]:
    """Give what an owner was sent: the address, and the version that it had to compare."""
    return [(_email(act), act.expected) for _, act in owner.acts]


def _email(act: Act) -> str | None:
    found: str | None = getattr(act, "email", None)
    return found


async def test_what_was_there_is_put_back(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.COMPENSATED
    assert house.crm.mail == OLD


async def test_over_what_cannot_be_read_whole_nothing_is_written(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.has_too_much = True
    assert (await house.change()).status is WriteStatus.NOT_APPLIED
    assert (sent(house.crm), sent(house.billing)) == ([], [])


async def test_what_somebody_wrote_between_look_and_write_is_put_back(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.meanwhile = [lambda: house.crm.takes(THEIRS)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.COMPENSATED
    assert sent(house.crm) == [(NEW, "v1"), (NEW, "v2"), (THEIRS, "v3")]
    assert house.crm.mail == THEIRS


async def test_what_the_last_of_several_wrote_is_put_back(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.meanwhile = [lambda: house.crm.takes("first@example.nl"), lambda: house.crm.takes(THEIRS)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.COMPENSATED
    assert house.crm.mail == THEIRS


async def test_a_step_has_one_row_that_undoes_it_however_often_it_is_sent(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.meanwhile = [lambda: house.crm.takes("first@example.nl"), lambda: house.crm.takes(THEIRS)]
    assert (await house.change()).status is WriteStatus.APPLIED
    assert [step["compensates"] for step in transactions.all("steps")] == [None, None, 0]


async def test_what_is_there_is_read_only_of_what_may_be_taken_back(transactions: MemoryTransactions) -> None:
    house = House(transactions, marketing="p1")
    assert (await house.change()).status is WriteStatus.APPLIED
    read = {
        name: {capability for one in source.asked for capability in one.members}
        for name, source in house.sources.items()
    }
    assert read == {"crm": {"party", "contact_media"}, "billing": {"party", "contact_media"}, "marketing": {"party"}}
    assert [step["compensates"] for step in transactions.all("steps")] == [None, None, None, 0, 1]


async def test_what_somebody_emptied_meanwhile_is_not_filled_with_what_was_there_before(
    transactions: MemoryTransactions,
) -> None:
    house = House(transactions)
    house.crm.meanwhile = [lambda: house.crm.takes(None)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.UNKNOWN
    assert [operation["parked"] for operation in transactions.all("operations")] == [1]
    assert house.crm.mail == NEW


async def test_what_somebody_filled_meanwhile_is_put_back(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.takes(None)
    house.crm.meanwhile = [lambda: house.crm.takes(THEIRS)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.COMPENSATED
    assert house.crm.mail == THEIRS


async def test_the_undoing_of_a_step_that_was_got_ready_meanwhile_is_kept_too(transactions: MemoryTransactions) -> None:
    house = House(transactions, marketing="p1")
    house.crm.takes(None)
    house.crm.faster = house.billing
    house.crm.meanwhile = [lambda: house.crm.takes(THEIRS)]
    assert (await house.change()).status is WriteStatus.APPLIED
    undoing = {(step["source"], step["compensates"]) for step in transactions.all("steps")[3:]}
    assert undoing == {("crm", 0), ("billing", 1)}


async def test_what_changes_between_two_reads_is_noticed_by_its_version(transactions: MemoryTransactions) -> None:
    house = House(transactions, apart=True)
    house.crm.between_reads = [lambda: house.crm.takes(THEIRS)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.COMPENSATED
    assert house.crm.mail == THEIRS


async def test_a_version_that_the_caller_expects_is_never_replaced(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.takes(THEIRS)
    outcome = await house.change(expected=seal_version("crm", "v1"))
    assert (outcome.steps[0].status, outcome.steps[0].code) == (WriteStatus.NOT_APPLIED, "CONFLICT")
    assert sent(house.crm) == [(NEW, "v1")]
    assert house.crm.mail == THEIRS


async def test_a_record_that_changes_each_time_is_a_conflict_in_the_end(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.crm.meanwhile = [lambda: house.crm.takes(THEIRS)] * 5
    outcome = await house.change()
    assert (outcome.steps[0].status, outcome.steps[0].code) == (WriteStatus.NOT_APPLIED, "CONFLICT")
    assert len(house.crm.acts) == 4
    assert house.crm.mail == THEIRS


async def test_nothing_is_put_over_what_somebody_wrote_after_the_step(transactions: MemoryTransactions) -> None:
    house = House(transactions)
    house.billing.meanwhile = [lambda: house.crm.takes(THEIRS)]
    house.billing.refuses = "rejected"
    assert (await house.change()).status is WriteStatus.UNKNOWN
    assert [operation["parked"] for operation in transactions.all("operations")] == [1]
    assert house.crm.mail == THEIRS
