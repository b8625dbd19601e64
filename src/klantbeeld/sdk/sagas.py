"""Sagas: a business act over several systems, declared as the steps that it takes.

    class ReturnGoods(Given):
        order: str
        amount: Decimal

    RETURN_GOODS = Saga(
        name="returnGoods",
        title=Title(nl="Goederen retour", en="Return of goods"),
        scope="billing:credit",
        given=ReturnGoods,
        steps=(
            Do(name="contact", role=CRM, act="record_interaction", values=contact_of),
            Approve(name="second", title=..., scope="tasks:approve", when=lambda given: given.amount > 100),
            Notify(name="told", topic="goods-returned"),
        ),
    )

The setting `writes.sagas` names such values (`my_package.sagas:RETURN_GOODS`), and the mutation `runSaga` begins one. A
declaration says what is to be done and holds nothing that changes; its functions are pure. Steps go in their order; of
acts that stand side by side the one that is hardest to take back goes last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import Role


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """What a saga is given; a subclass names its members. Members of the type `Home` are records of the customer."""


class Home(msgspec.Struct, frozen=True):
    """A record of the customer: the source where it is, its id there, and the source's id of its customer."""

    source: str
    record_id: str
    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What a step or a saga is called, for people."""

    nl: str
    en: str


class Reversal(IntEnum):
    """How hard an act is to take back."""

    EASY = 1
    HARD = 2
    NEVER = 3


class Recovery(StrEnum):
    """What happens when a step is not applied.

    UNDO: what was applied is taken back. INSIST: the other steps are tried all the same, and what fails in passing is
    tried again until it is confirmed; nothing is ever taken back.
    """

    UNDO = "UNDO"
    INSIST = "INSIST"


class Reach(StrEnum):
    """To whom an act goes: to the one owner, or to every source of the role that knows the customer."""

    OWNER = "OWNER"
    EVERYWHERE = "EVERYWHERE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """The act that takes another one back, at the same source.

    `reads` names a capability whose records are read before the act is sent, so that what was there can be put back;
    `values` makes the members of the undoing act of what was done and of those records, and None where nothing can be
    put back. `takes` names the member that receives the id of what was written.
    """

    act: str
    values: Callable[[Act, Sequence[Record]], Mapping[str, Any] | None]
    reads: str | None = None
    takes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """A call: one act of a role.

    `values` makes the members of the act; None leaves the step out this time. `at` names the member of what was given
    (a `Home`) whose record changes; without it the act is about the customer. A source that cannot take a step, or does
    not know the customer, refuses the whole saga where the step is `needed`; elsewhere the step says so and is left
    out.
    """

    name: str
    role: Role
    act: str
    values: Callable[[Any], Mapping[str, Any] | None]
    at: str | None = None
    reach: Reach = Reach.OWNER
    needed: bool = True
    reversal: Reversal = Reversal.EASY
    undo: Undo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """A second person decides: whoever has `scope` and did not begin the saga.

    `when` says whether anybody has to. The task is due after `due`; after `escalates` it goes to those who have
    `escalates_to`, and everybody who listens is told.
    """

    name: str
    title: Title
    scope: str
    when: Callable[[Any], bool] = lambda _: True
    due: timedelta = timedelta(days=1)
    escalates: timedelta | None = timedelta(days=2)
    escalates_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing goes on before a moment."""

    name: str
    until: Callable[[Any], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Nothing goes on before an event is signalled; after `longest` the step counts as not applied."""

    name: str
    event: str
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Whoever listens to events is told: ids and the topic, no values."""

    name: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """A task for whoever has `scope`, and an event; nothing waits for it."""

    name: str
    title: Title
    scope: str
    due: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engage:
    """An external workflow engine (Camunda, Flowable) decides; `engine` is its name in the settings."""

    name: str
    engine: str
    process: str


Step = Do | Approve | WaitUntil | WaitFor | Notify | Escalate | Engage


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """A business act over several systems; `scope` is what its caller needs beside the scope of running sagas."""

    name: str
    title: Title
    scope: str
    given: type[Given]
    steps: tuple[Step, ...]
    recovery: Recovery = Recovery.UNDO

    def ordered(self) -> tuple[Step, ...]:
        """Return the steps in the order in which they go: of acts side by side the hardest to take back is last."""
        found: list[Step] = []
        side_by_side: list[Do] = []
        for step in self.steps:
            if isinstance(step, Do):
                side_by_side.append(step)
                continue
            found += [*sorted(side_by_side, key=_reversal), step]
            side_by_side = []
        return (*found, *sorted(side_by_side, key=_reversal))


def _reversal(step: Do) -> Reversal:
    return step.reversal
