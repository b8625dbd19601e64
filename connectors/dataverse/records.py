"""The rows of the Web API, as far as we read them; names are the columns' own.

What begins with `new_` is a column or a table of this organisation's own: customer number, stage, date of death and
language of a contact, the KvK number of an account, deliveries below a sales order, and the channel of an activity
with the complaint or product it was about. Addresses have the house number in `line2` and its addition in `line3`.
`@odata.etag` is the version of a row. An expanded list that goes on behind a next link is marked by `..._rest`.
"""

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct, field


class Account(Struct, kw_only=True):
    """The company that a contact speaks for."""

    name: str | None = None
    new_kvknumber: str | None = None
    primary_contact: str | None = field(name="_primarycontactid_value", default=None)


class Contact(Struct, kw_only=True):
    """A customer: a person, or the primary contact of a company."""

    contactid: str
    etag: str | None = field(name="@odata.etag", default=None)
    fullname: str | None = None
    firstname: str | None = None
    middlename: str | None = None
    lastname: str | None = None
    birthdate: date | None = None
    gendercode: int | None = None
    emailaddress1: str | None = None
    emailaddress2: str | None = None
    emailaddress3: str | None = None
    mobilephone: str | None = None
    telephone1: str | None = None
    telephone2: str | None = None
    telephone3: str | None = None
    address1_line1: str | None = None
    address1_line2: str | None = None
    address1_line3: str | None = None
    address1_postalcode: str | None = None
    address1_city: str | None = None
    address1_country: str | None = None
    preferredcontactmethodcode: int | None = None
    new_customernumber: str | None = None
    new_stage: int | None = None
    new_deceasedon: date | None = None
    new_language: str | None = None
    account: Account | None = field(name="parentcustomerid_account", default=None)


class Currency(Struct, kw_only=True):
    """The currency of an order."""

    isocurrencycode: str | None = None


class Line(Struct, kw_only=True):
    """A line of an order."""

    productname: str | None = None
    productnumber: str | None = None
    quantity: Decimal | None = None
    extendedamount: Decimal | None = None


class Delivery(Struct, kw_only=True):
    """A delivery of an order, a custom table."""

    new_state: int | None = None
    new_carrier: str | None = None
    new_trackingnumber: str | None = None
    new_plannedon: date | None = None
    new_deliveredon: datetime | None = None


class Order(Struct, kw_only=True):
    """A sales order with its lines and deliveries."""

    salesorderid: str
    etag: str | None = field(name="@odata.etag", default=None)
    customer: str | None = field(name="_customerid_value", default=None)
    ordernumber: str | None = None
    submitdate: datetime | None = None
    statecode: int | None = None
    totalamount: Decimal | None = None
    currency: Currency | None = field(name="transactioncurrencyid", default=None)
    lines: list[Line] | None = field(name="order_details", default=None)
    lines_rest: str | None = field(name="order_details@odata.nextLink", default=None)
    deliveries: list[Delivery] | None = field(name="new_salesorder_new_delivery", default=None)
    deliveries_rest: str | None = field(name="new_salesorder_new_delivery@odata.nextLink", default=None)


class PhoneCall(Struct, kw_only=True):
    """What a phone call has beyond an activity."""

    directioncode: bool | None = None
    new_channel: int | None = None
    new_complaintreference: str | None = None
    new_productreference: str | None = None


class Email(PhoneCall, kw_only=True):
    """What an e-mail has beyond an activity."""


class Task(Struct, kw_only=True):
    """What a task has beyond an activity; contacts by chat, web, shop and app are kept as tasks."""

    new_directioncode: bool | None = None
    new_channel: int | None = None
    new_complaintreference: str | None = None
    new_productreference: str | None = None


class Activity(Struct, kw_only=True):
    """A contact with a customer, whatever its type; of the three lists one holds one row."""

    activityid: str
    etag: str | None = field(name="@odata.etag", default=None)
    regarding: str | None = field(name="_regardingobjectid_value", default=None)
    activitytypecode: str | None = None
    subject: str | None = None
    description: str | None = None
    actualend: datetime | None = None
    phonecalls: list[PhoneCall] = field(name="activity_pointer_phonecall", default_factory=list)
    emails: list[Email] = field(name="activity_pointer_email", default_factory=list)
    tasks: list[Task] = field(name="activity_pointer_task", default_factory=list)


class Page(Struct, kw_only=True):
    """What stands beside the rows of a page."""

    next_link: str | None = field(name="@odata.nextLink", default=None)


class Failure(Struct, kw_only=True):
    """Why a request was refused; the message may quote data, so only the code is read."""

    code: str = ""


class Refusal(Struct, kw_only=True):
    """The body of a refusal."""

    error: Failure
