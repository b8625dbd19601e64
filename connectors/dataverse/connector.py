"""The calls to the Dataverse Web API (OData v4)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from klantbeeld.sdk import (
    Ask,
    Call,
    ClientCredentials,
    Connector,
    Dialogue,
    MatchKind,
    Reply,
    SourceConflict,
    SourceError,
    SourceRejected,
    WriteSafety,
    does,
    problem_of_status,
    reads,
    wire_names,
)
from klantbeeld.sdk.acts import (
    Act,
    ChangeContactDetails,
    RecordInteraction,
    RegisterCustomer,
    ReportDataError,
    SetAttribute,
)
from klantbeeld.sdk.paging import query_of_link
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.spellings import phone_spellings, postcode_spellings
from klantbeeld.sdk.words import Channel, Direction, PartyStatus

from . import mapping
from . import records as wire
from .hook import HOOK

W = TypeVar("W")

ODATA = (("accept", "application/json"), ("odata-maxversion", "4.0"), ("odata-version", "4.0"))
RETURN_ROW = ("prefer", "return=representation")
# What a member that is not a column leads to, and the columns of it that we read.
EXPANDED: Mapping[str, type[Any]] = {
    "account": wire.Account,
    "currency": wire.Currency,
    "lines": wire.Line,
    "deliveries": wire.Delivery,
    "phonecalls": wire.PhoneCall,
    "emails": wire.Email,
    "tasks": wire.Task,
}
EMAILS = ("emailaddress1", "emailaddress2", "emailaddress3")
PHONES = ("mobilephone", "telephone1", "telephone2", "telephone3")
SEARCHED = ("fullname", *EMAILS, "new_customernumber", "parentcustomerid_account/name")
AS_WRITTEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
KEYS = 50
PAGE = 500
STALE = "0x80060882"
COMPLETED = 1
# The table in which a contact is kept, and its reason of completion; other channels are kept as tasks.
ACTIVITIES = {Channel.PHONE: "phonecalls", Channel.EMAIL: "emails"}
REASONS = {
    ("phonecalls", Direction.INBOUND): 4,
    ("phonecalls", Direction.OUTBOUND): 2,
    ("emails", Direction.INBOUND): 4,
    ("emails", Direction.OUTBOUND): 3,
}
TASK_COMPLETED = 5


class Dataverse(Connector):
    """One environment of Dataverse. The source's id of a customer is that of a contact, a GUID."""

    auth = ClientCredentials("{authority}/{tenant_id}/oauth2/v2.0/token", scope="{base_url}/.default")
    hook = HOOK

    @reads(mapping.PARTY, resource="contacts", batch=KEYS)
    def party(self, ask: Ask) -> Call[wire.Contact]:
        """Read contacts by id."""
        return self._rows("contacts", wire.Contact, ask, any_of("contactid", ask.keys))

    @reads(*mapping.CONTACT_MEDIA, resource="contacts", batch=KEYS)
    def contact_media(self, ask: Ask) -> Call[wire.Contact]:
        """Read the same contacts."""
        return self.party(ask)

    @reads(mapping.ORDER, batch=KEYS, newest_first="placed_at", page=PAGE)
    def orders(self, ask: Ask) -> Call[wire.Order]:
        """Read the orders of contacts with their lines and deliveries, from a day on if one is asked."""
        condition = all_of(any_of("_customerid_value", ask.keys), since("submitdate", ask))
        return self._rows("salesorders", wire.Order, ask, condition, order="submitdate desc,salesorderid desc")

    @reads(mapping.ORDER, batch=KEYS, by_record=True)
    def order(self, ask: Ask) -> Call[wire.Order]:
        """Read orders by id."""
        return self._rows("salesorders", wire.Order, ask, any_of("salesorderid", ask.keys))

    @reads(mapping.INTERACTION, batch=KEYS, newest_first="occurred_at", page=PAGE)
    def interactions(self, ask: Ask) -> Call[wire.Activity]:
        """Read the activities that are over; what is planned has not taken place."""
        over = f"statecode eq {COMPLETED}"
        condition = all_of(any_of("_regardingobjectid_value", ask.keys), over, since("actualend", ask))
        return self._rows("activitypointers", wire.Activity, ask, condition, order="actualend desc,activityid desc")

    @reads(mapping.INTERACTION, batch=KEYS, by_record=True)
    def interaction(self, ask: Ask) -> Call[wire.Activity]:
        """Read activities by id."""
        return self._rows("activitypointers", wire.Activity, ask, any_of("activityid", ask.keys))

    @reads(mapping.PARTY, page=PAGE, finds=tuple(MatchKind))
    def find(self, ask: Ask) -> Call[wire.Contact]:
        """Find contacts by a match key; of the compound one the name is left to the gateway, which spells better."""
        kind, value = MatchKind(ask.arguments["kind"]), str(ask.arguments["value"])
        return self._rows("contacts", wire.Contact, ask, MATCHES[kind](value))

    @reads(mapping.PARTY, page=PAGE)
    def search(self, ask: Ask) -> Call[wire.Contact]:
        """Search contacts whose name, e-mail address, number or company contains a text."""
        text = literal(str(ask.arguments["text"]))
        condition = " or ".join(f"contains({column},{text})" for column in SEARCHED)
        return self._rows("contacts", wire.Contact, ask, condition, order="fullname,contactid")

    @reads(mapping.PARTY, page=PAGE)
    def everyone(self, ask: Ask) -> Call[wire.Contact]:
        """Read all contacts, page by page."""
        return self._rows("contacts", wire.Contact, ask, order="contactid")

    @reads(mapping.PARTY, page=PAGE)
    def changes(self, ask: Ask) -> Call[wire.Contact]:
        """Read the contacts that changed since a moment, oldest change first."""
        return self._rows("contacts", wire.Contact, ask, since("modifiedon", ask), order="modifiedon,contactid")

    @does(WriteSafety.IF_MATCH, mapping.PARTY)
    def change_contact_details(self, act: ChangeContactDetails) -> Call[wire.Contact]:
        """Change a contact, if it is still at the version that the caller saw."""
        changes = {
            **({"emailaddress1": act.email} if act.email else {}),
            **({phone_column(act.phone): act.phone} if act.phone else {}),
            **(address_columns(act.address) if act.address else {}),
        }
        return self._changed(act, changes)

    @does(WriteSafety.IF_MATCH, mapping.PARTY)
    def set_attribute(self, act: SetAttribute) -> Call[wire.Contact]:
        """Fill one column of a contact; there is no place for where it was learned, nor under which consent."""
        column = ATTRIBUTES.get(act.name)
        if column is None:
            raise SourceRejected(f"no column holds {act.name}", reason="attribute_not_held")
        return self._changed(act, {column.name: column.written(act.value)})

    @does(WriteSafety.UNIQUE_REFERENCE, mapping.PARTY)
    def register_customer(self, act: RegisterCustomer) -> Call[wire.Contact]:
        """Make a contact whose id is made of the act's key, so that a second time changes the same one to the same."""
        row = {
            "firstname": act.given_name,
            "middlename": act.tussenvoegsel,
            "lastname": act.family_name,
            "birthdate": act.birth_date and act.birth_date.isoformat(),
            "emailaddress1": act.email,
            "new_language": act.language,
            "new_stage": mapping.STAGE_CODES[PartyStatus.ACTIVE],
            **({phone_column(act.phone): act.phone} if act.phone else {}),
            **(address_columns(act.address) if act.address else {}),
        }
        return Call(
            method="PATCH",
            path=f"{self._root}/contacts({uuid5(NAMESPACE_URL, act.key)})",
            query=[("$select", "contactid")],
            headers=(*ODATA, RETURN_ROW),
            json={name: value for name, value in row.items() if value is not None},
            record=wire.Contact,
            absent=frozenset(),
            sends=True,
        )

    @does(WriteSafety.UNIQUE_REFERENCE, mapping.INTERACTION)
    def record_interaction(self, act: RecordInteraction) -> Dialogue[wire.Activity]:
        """Keep a contact as an activity, then complete it: Dataverse makes no row that is completed already.

        The row's id is made of the act's key, so that a second time changes the same row to the same values.
        """
        table = ACTIVITIES.get(act.channel, "tasks")
        outgoing = "new_directioncode" if table == "tasks" else "directioncode"
        row = {
            "subject": act.subject,
            "description": act.note,
            outgoing: act.direction is Direction.OUTBOUND,
            "new_channel": mapping.CHANNEL_CODES[act.channel],
            "new_complaintreference": act.reference,
            **regarding(table, act.customer),
        }
        yield self._upsert(table, act, row)
        reason = REASONS.get((table, act.direction), TASK_COMPLETED)
        return self._upsert(table, act, {"statecode": COMPLETED, "statuscode": reason})

    @does(WriteSafety.UNIQUE_REFERENCE, mapping.INTERACTION)
    def report_data_error(self, act: ReportDataError) -> Call[wire.Activity]:
        """Leave an open task at the contact, for whoever keeps the data."""
        row = {
            "subject": f"Gegevens onjuist: {act.field}",
            "description": act.description,
            "new_directioncode": False,
            "new_channel": mapping.CHANNEL_CODES[act.channel],
            **regarding("tasks", act.customer),
        }
        return self._upsert("tasks", act, row)

    def problem(self, reply: Reply) -> SourceError | None:
        """Read the code of a refusal: of the reasons for 412 only a stale version is a conflict."""
        problem = problem_of_status(reply)
        if not isinstance(problem, SourceRejected | SourceConflict):
            return problem
        try:
            code = msgspec.json.decode(reply.body, type=wire.Refusal).error.code
        except msgspec.DecodeError:
            return problem
        if isinstance(problem, SourceConflict) and code == STALE:
            return problem
        return SourceRejected(f"{problem.detail}, code {code}", reason=code)

    @property
    def _root(self) -> str:
        return self.options["service_root"].rstrip("/")

    def _rows(self, table: str, record: type[W], ask: Ask, condition: str = "", *, order: str = "") -> Call[W]:
        """Ask for the rows of a table for which a condition holds, only the columns that are selected.

        A table that is not there is a wrong address or a missing privilege, and not an empty table.
        """
        options = {
            **selection(record, ask.select),  # type: ignore[arg-type]  # a class is hashable
            "$filter": condition,
            "$orderby": order,
            "$skiptoken": ask.after or "",
        }
        return Call(
            path=f"{self._root}/{table}",
            query=[(name, value) for name, value in options.items() if value],
            headers=(*ODATA, ("prefer", f"odata.maxpagesize={ask.first or PAGE}")),
            items=("value",),
            envelope=wire.Page,
            next_page=next_page,
            record=record,
            absent=frozenset(),
        )

    def _changed(self, act: Act, columns: Mapping[str, Any]) -> Call[wire.Contact]:
        """Change a contact, if it is still at the version that was seen."""
        return Call(
            method="PATCH",
            path=f"{self._root}/contacts({guid(act.customer)})",
            query=[("$select", "contactid")],
            headers=(*ODATA, RETURN_ROW, ("if-match", act.expected or "*")),
            json=columns,
            record=wire.Contact,
            absent=frozenset(),
            sends=True,
        )

    def _upsert(self, table: str, act: Act, row: Mapping[str, Any]) -> Call[wire.Activity]:
        """Make or change the row whose id belongs to the act's key."""
        return Call(
            method="PATCH",
            path=f"{self._root}/{table}({uuid5(NAMESPACE_URL, act.key)})",
            query=[("$select", "activityid")],
            headers=(*ODATA, RETURN_ROW),
            json=row,
            record=wire.Activity,
            absent=frozenset(),
            sends=True,
        )


@lru_cache(maxsize=256)  # what is selected is the same from call to call
def selection(record: type[Any], select: frozenset[str]) -> Mapping[str, str]:
    """Return the options that select members of a row."""
    return {"$select": ",".join(columns(record, select)), "$expand": ",".join(expansions(record, select))}


def columns(record: type[Any], select: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of the selected members; annotations come by themselves."""
    plain = (member for member in select if member not in EXPANDED)
    return tuple(name for name in wire_names(record, plain) if "@" not in name)


def expansions(record: type[Any], select: Iterable[str]) -> Iterable[str]:
    """Yield what is expanded for the selected members, with the columns of it."""
    for member in sorted(set(select) & set(EXPANDED)):
        for navigation in wire_names(record, (member,)):
            yield f"{navigation}($select={','.join(wire_names(EXPANDED[member]))})"


def next_page(page: wire.Page, _last: object) -> str | None:
    """Return the paging cookie of the next link; the rest of the link is ours already."""
    return query_of_link(page.next_link, "$skiptoken")


def any_of(column: str, ids: Sequence[str]) -> str:
    """Return the condition that a column holds one of these ids."""
    condition = " or ".join(f"{column} eq {guid(each)}" for each in ids)
    return f"({condition})" if len(ids) > 1 else condition


def all_of(*conditions: str) -> str:
    """Join conditions; empty ones are left out."""
    return " and ".join(condition for condition in conditions if condition)


def since(column: str, ask: Ask) -> str:
    """Return the condition that a moment is not before the asked one; none if none is asked."""
    moment: datetime | None = ask.arguments.get("since")
    return f"{column} ge {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def guid(value: str) -> str:
    """Return an id as the Web API writes it; SourceRejected for what is no GUID, so that nothing else gets in."""
    if AS_WRITTEN(value):
        return value
    try:
        return str(UUID(value))
    except ValueError as error:
        raise SourceRejected("an id is no GUID") from error


def literal(text: str) -> str:
    """Quote a text for a filter (OData v4, part 2, section 5.1.1.6.1)."""
    return "'" + text.replace("'", "''") + "'"


def equals(names: Sequence[str], values: Sequence[str]) -> str:
    """Return the condition that one of the columns holds one of the texts."""
    return " or ".join(f"{name} eq {literal(value)}" for name in names for value in values)


def matches_compound(value: str) -> str:
    """Return the condition for `name|postcode|birth date`."""
    _, postcode, birth_date = value.split("|")
    place = equals(("address1_postalcode",), postcode_spellings(postcode))
    return f"birthdate eq {datetime.fromisoformat(birth_date):%Y-%m-%d} and ({place})"


MATCHES = {
    MatchKind.EMAIL: lambda value: equals(EMAILS, (value,)),
    MatchKind.PHONE: lambda value: equals(PHONES, phone_spellings(value)),
    MatchKind.CUSTOMER_NUMBER: lambda value: equals(("new_customernumber",), (value,)),
    MatchKind.NAME_POSTCODE_BIRTH_DATE: matches_compound,
}


def birth_date_of(text: str) -> str:
    """Return a day as the Web API writes it; SourceRejected for what is none."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise SourceRejected("not a day", reason="attribute_value_invalid") from error


def gender_of(text: str) -> int:
    """Return the option of a gender; SourceRejected for a word that is none."""
    code = mapping.GENDER_CODES.get(text)
    if code is None:
        raise SourceRejected("no such option", reason="attribute_value_invalid")
    return code


class Column(NamedTuple):
    """A column that holds an attribute, and how its value is written."""

    name: str
    written: Callable[[str], str | int]


ATTRIBUTES: Mapping[str, Column] = {
    "birthDate": Column("birthdate", birth_date_of),
    "gender": Column("gendercode", gender_of),
    "language": Column("new_language", str),
}


def phone_column(phone: str) -> str:
    """Return the column of a phone number: Dutch mobile ones have their own."""
    return "mobilephone" if phone.startswith("+316") else "telephone1"


def address_columns(address: PostalAddress) -> dict[str, str | None]:
    """Return all columns of an address; what the new one does not have is emptied."""
    country = mapping.COUNTRY_NAMES.get(address.country, address.country) if address.country else None
    values = (address.street, address.house_number, address.addition, address.postcode, address.city, country)
    return dict(zip(mapping.ADDRESS, values, strict=True))


def regarding(table: str, customer: str) -> dict[str, str]:
    """Return the reference from an activity to the contact that it is about."""
    activity = table.removesuffix("s")
    return {f"regardingobjectid_contact_{activity}@odata.bind": f"/contacts({guid(customer)})"}
