"""A saga of a deployment's own, as a package would declare it; the gateway of test_writes_workflows imports it."""

from datetime import datetime, timedelta

from klantbeeld.sdk.roles import COMPLAINTS, CRM
from klantbeeld.sdk.sagas import Do, Escalate, Given, Home, Notify, Saga, Title, Undo, WaitFor, WaitUntil
from klantbeeld.sdk.words import Direction


class Return(Given):
    """Goods that come back, about a complaint; nothing is done before `not_before`."""

    complaint: Home
    subject: str
    not_before: datetime


RETURN_GOODS = Saga(
    name="returnGoods",
    title=Title(nl="Goederen retour", en="Return of goods"),
    scope="crm:write",
    given=Return,
    steps=(
        WaitUntil(name="day", until=lambda given: given.not_before),
        Do(
            name="hold",
            role=COMPLAINTS,
            act="hold_complaint",
            at="complaint",
            values=lambda given: {"complaint": given.complaint.record_id, "note": given.subject},
            undo=Undo(
                act="reopen_complaint",
                values=lambda act, _: {"complaint": act.complaint, "note": "Niet teruggekomen."},  # type: ignore[attr-defined]  # of a hold
            ),
        ),
        WaitFor(name="arrival", event="goods-arrived", longest=timedelta(seconds=2)),
        Do(
            name="note",
            role=CRM,
            act="record_interaction",
            values=lambda given: {"direction": Direction.INBOUND, "subject": given.subject},
        ),
        Notify(name="told", topic="goods-returned"),
        Escalate(name="check", title=Title(nl="Retour nakijken", en="Check the return"), scope="tasks:work"),
    ),
)
