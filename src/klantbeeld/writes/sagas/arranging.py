"""Arranging: what belongs to an order besides what its mutation asks, whoever declared it.

An operator hooks steps to acts, or has a second person approve a whole mutation. A change of contact details renews
what the customer is found by.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from klantbeeld.identity.links import Sighting
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind
from klantbeeld.sdk.acts import ChangeContactDetails
from klantbeeld.settings_saga import Hook, SagaSettings
from klantbeeld.settings_section import Bilingual
from klantbeeld.writes.planning import Order, PlannedStep
from klantbeeld.writes.sagas.linking import REMEMBER, Renewed
from klantbeeld.writes.sagas.payloads import Approval, Engaged, Told, Until
from klantbeeld.writes.sagas.persons import Persons
from klantbeeld.writes.sagas.planning import APPROVE, ENGAGE, NOTIFY, WAIT

OF_AN_ADDRESS = frozenset({MatchKeyKind.NAME_POSTCODE_BIRTH_DATE, MatchKeyKind.ADDRESS_BIRTH_DATE})
FIRST = "before_start"  # what the step is called in which a second person approves a whole operation


class Arranging:
    """Arranges orders; lives as long as the app."""

    def __init__(self, settings: SagaSettings, persons: Persons) -> None:
        self._settings = settings
        self._persons = persons
        self._hooks: Mapping[str, Sequence[Hook]] = {
            act: [hook for hook in settings.hooks if hook.act == act] for act in {hook.act for hook in settings.hooks}
        }

    def __call__(self, order: Order) -> Order:
        """Return the order with all that belongs to it; compensations still name the steps that they take back."""
        question = self._settings.approve_first.get(order.mutation)
        if question is None and not any(self._has_more(step) for step in order.steps):
            return order
        starter = self._persons.of_caller(order.caller)
        found = [self._approval(FIRST, question, scope=None, starter=starter)] if question else []
        places: dict[int, int] = {}
        for place, step in enumerate(order.steps):
            if step.compensates is not None:
                found.append(structs.replace(step, compensates=places[step.compensates]))
                continue
            found += self._hooked(step, "before", starter)
            places[place] = len(found)
            found += [step, *self._hooked(step, "after", starter)]
        return structs.replace(order, steps=(*found, *_renewal(order.steps)))

    def _has_more(self, step: PlannedStep) -> bool:
        return step.act in self._hooks or isinstance(step.payload, ChangeContactDetails)

    def _hooked(self, step: PlannedStep, moment: str, starter: bytes) -> Iterator[PlannedStep]:
        hooks: Iterable[Hook] = () if step.left_out else self._hooks.get(step.act, ())
        return (self._step(hook, starter) for hook in hooks if hook.moment == moment)

    def _step(self, hook: Hook, starter: bytes) -> PlannedStep:
        name = f"{hook.moment}_{hook.act}"
        match hook.does:
            case "approve":
                title = hook.title or Bilingual(nl=name, en=name)
                return self._approval(name, title, scope=hook.scope, starter=starter)
            case "wait":
                return PlannedStep(kind=WAIT, act=name, payload=Until(seconds=hook.seconds))
            case "notify":
                return PlannedStep(kind=NOTIFY, act=name, payload=Told(topic=hook.topic or name))
            case "engage":
                engaged = Engaged(engine=hook.engine or "", process=hook.process or "")
                return PlannedStep(kind=ENGAGE, act=name, payload=engaged)

    def _approval(self, name: str, title: Bilingual, *, scope: str | None, starter: bytes) -> PlannedStep:
        rules = self._settings.approval
        payload = Approval(
            title_nl=title.nl,
            title_en=title.en,
            scope=scope or rules.scope,
            due=rules.due,
            escalates=rules.escalates,
            escalates_to=rules.escalates_to,
            starter=starter,
        )
        return PlannedStep(kind=APPROVE, act=name, payload=payload)


def _renewal(steps: Iterable[PlannedStep]) -> Iterator[PlannedStep]:
    """Yield the step, after all others, that renews what records are found by whose contact details change."""
    records: list[Sighting] = []
    kinds: set[MatchKeyKind] = set()
    for step in steps:
        act = step.payload
        if isinstance(act, ChangeContactDetails) and step.compensates is None:
            new = tuple(_new_keys(act))
            records.append(Sighting(step.source or "", act.customer, new))
            kinds.update(key.kind for key in new)
            kinds.update(OF_AN_ADDRESS if act.address else ())
    if records:
        renewed = Renewed(records=tuple(records), kinds=frozenset(kinds))
        yield PlannedStep(kind=REMEMBER, act=REMEMBER, payload=renewed)


def _new_keys(act: ChangeContactDetails) -> Iterator[MatchKey]:
    if act.email:
        yield MatchKey(MatchKeyKind.EMAIL, act.email)
    if act.phone:
        yield MatchKey(MatchKeyKind.PHONE, act.phone)
