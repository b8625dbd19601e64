"""The tables of the sandbox's Dataverse: the standard ones that a CRM uses, and this organisation's own columns.

What begins with ``new_`` is custom, as every organisation has it: the customer number on a contact and the KvK number
on an account, deliveries below a sales order, the channel of an activity, and the complaint or product it was about.
A company is an account whose primary contact carries the customer number; its orders and activities are at that
contact. Dutch addresses use ``address1_line1`` for the street, ``line2`` for the house number, ``line3`` for the
addition.
"""

from collections.abc import Mapping

from klantbeeld.sandbox.dataverse.columns import (
    Collection,
    Column,
    Kind,
    Lookup,
    Table,
    choice,
    day,
    flag,
    guid,
    moment,
    number,
    text,
)

CHANNELS: Mapping[object, str] = {
    100000000: "Phone",
    100000001: "E-mail",
    100000002: "Chat",
    100000003: "Web",
    100000004: "Shop",
    100000005: "App",
    100000006: "SMS",
    100000007: "Post",
    100000008: "Push",
    100000009: "Partner",
}
STAGES: Mapping[object, str] = {100000000: "Prospect", 100000001: "Customer", 100000002: "Former customer"}
DELIVERY_STATES: Mapping[object, str] = {
    100000000: "Planned",
    100000001: "Under way",
    100000002: "Delivered",
    100000003: "Failed",
}

ALLOWED = ("Allow", "Do Not Allow")
ADDRESS: Mapping[str, Column] = {
    f"address1_{part}": text()
    for part in ("composite", "line1", "line2", "line3", "postalcode", "city", "stateorprovince", "country")
}


def system_columns(states: Mapping[object, str], reasons: Mapping[object, str]) -> dict[str, Column]:
    """Return the columns that every table has; the first state and reason are a new row's."""
    return {
        "statecode": choice(states, default=int(str(next(iter(states))))),
        "statuscode": choice(reasons, default=int(str(next(iter(reasons))))),
        "createdon": Column(kind=Kind.MOMENT, is_read_only=True),
        "modifiedon": Column(kind=Kind.MOMENT, is_read_only=True),
        "versionnumber": Column(kind=Kind.NUMBER, is_read_only=True),
    }


ACTIVE = system_columns({0: "Active", 1: "Inactive"}, {1: "Active", 2: "Inactive"})

CONTACTS = Table(
    entity_set="contacts",
    name="contact",
    key="contactid",
    primary_name="fullname",
    alternate_keys=frozenset({"new_customernumber"}),
    columns={
        "contactid": guid(),
        "fullname": Column(kind=Kind.TEXT, is_read_only=True),
        **{name: text() for name in ("firstname", "middlename", "lastname", "nickname", "salutation", "description")},
        "birthdate": day(),
        "gendercode": choice({1: "Male", 2: "Female"}),
        **{f"emailaddress{position}": text() for position in (1, 2, 3)},
        **{name: text() for name in ("mobilephone", "telephone1", "telephone2", "telephone3")},
        **ADDRESS,
        "preferredcontactmethodcode": choice({1: "Any", 2: "Email", 3: "Phone", 4: "Fax", 5: "Mail"}, default=1),
        "donotemail": flag(*ALLOWED),
        "donotphone": flag(*ALLOWED),
        "donotpostalmail": flag(*ALLOWED),
        "donotbulkemail": flag(*ALLOWED),
        "new_donotsms": flag(*ALLOWED),
        "new_donotapp": flag(*ALLOWED),
        "new_customernumber": text(),
        "new_stage": choice(STAGES, default=100000000),
        "new_deceasedon": day(),
        "new_language": text(),
        "new_household": text(),
        "_parentcustomerid_value": guid(),
        **ACTIVE,
    },
    lookups={"parentcustomerid_account": Lookup(column="_parentcustomerid_value", target="account")},
    collections={
        "order_customer_contacts": Collection(table="salesorder", column="_customerid_value"),
        "Contact_ActivityPointers": Collection(table="activitypointer", column="_regardingobjectid_value"),
        "Contact_Phonecalls": Collection(table="phonecall", column="_regardingobjectid_value"),
        "Contact_Emails": Collection(table="email", column="_regardingobjectid_value"),
        "Contact_Tasks": Collection(table="task", column="_regardingobjectid_value"),
        "Contact_Annotation": Collection(table="annotation", column="_objectid_value"),
    },
)

ACCOUNTS = Table(
    entity_set="accounts",
    name="account",
    key="accountid",
    primary_name="name",
    alternate_keys=frozenset({"accountnumber", "new_kvknumber"}),
    columns={
        "accountid": guid(),
        **{name: text() for name in ("name", "accountnumber", "new_kvknumber", "websiteurl", "description")},
        **{name: text() for name in ("emailaddress1", "telephone1", "telephone2")},
        **ADDRESS,
        "_primarycontactid_value": guid(),
        **ACTIVE,
    },
    lookups={"primarycontactid": Lookup(column="_primarycontactid_value", target="contact")},
    collections={"contact_customer_accounts": Collection(table="contact", column="_parentcustomerid_value")},
)

SALESORDERS = Table(
    entity_set="salesorders",
    name="salesorder",
    key="salesorderid",
    primary_name="name",
    alternate_keys=frozenset({"ordernumber"}),
    columns={
        "salesorderid": guid(),
        "name": text(),
        "ordernumber": text(),
        "_customerid_value": guid(),
        "_transactioncurrencyid_value": guid(),
        "totalamount": number(),
        "submitdate": moment(),
        "datefulfilled": moment(),
        "new_channel": choice(CHANNELS),
        **system_columns(
            {0: "Active", 1: "Submitted", 2: "Canceled", 3: "Fulfilled", 4: "Invoiced"},
            {1: "New", 2: "Pending", 3: "In Progress", 4: "No Money", 100001: "Complete", 100002: "Partial"},
        ),
    },
    lookups={
        "customerid_contact": Lookup(column="_customerid_value", target="contact"),
        "customerid_account": Lookup(column="_customerid_value", target="account"),
        "transactioncurrencyid": Lookup(column="_transactioncurrencyid_value", target="transactioncurrency"),
    },
    collections={
        "order_details": Collection(table="salesorderdetail", column="_salesorderid_value"),
        "new_salesorder_new_delivery": Collection(table="new_delivery", column="_new_salesorderid_value"),
    },
)

SALESORDERDETAILS = Table(
    entity_set="salesorderdetails",
    name="salesorderdetail",
    key="salesorderdetailid",
    primary_name="productname",
    columns={
        "salesorderdetailid": guid(),
        "_salesorderid_value": guid(),
        "_productid_value": guid(),
        "productname": text(),
        "productnumber": text(),
        "lineitemnumber": number(),
        "quantity": number(),
        "priceperunit": number(),
        "extendedamount": number(),
        "createdon": ACTIVE["createdon"],
        "modifiedon": ACTIVE["modifiedon"],
        "versionnumber": ACTIVE["versionnumber"],
    },
    lookups={
        "salesorderid": Lookup(column="_salesorderid_value", target="salesorder"),
        "productid": Lookup(column="_productid_value", target="product"),
    },
)

DELIVERIES = Table(
    entity_set="new_deliveries",
    name="new_delivery",
    key="new_deliveryid",
    primary_name="new_name",
    columns={
        "new_deliveryid": guid(),
        **{name: text() for name in ("new_name", "new_carrier", "new_trackingnumber")},
        "new_state": choice(DELIVERY_STATES, default=100000000),
        "new_plannedon": day(),
        "new_deliveredon": moment(),
        "_new_salesorderid_value": guid(),
        **ACTIVE,
    },
    lookups={"new_salesorderid": Lookup(column="_new_salesorderid_value", target="salesorder")},
)

PRODUCTS = Table(
    entity_set="products",
    name="product",
    key="productid",
    primary_name="name",
    alternate_keys=frozenset({"productnumber"}),
    columns={
        "productid": guid(),
        **{name: text() for name in ("name", "productnumber", "description")},
        "price": number(),
        "new_kind": text(),
        **ACTIVE,
    },
)

CURRENCIES = Table(
    entity_set="transactioncurrencies",
    name="transactioncurrency",
    key="transactioncurrencyid",
    primary_name="currencyname",
    columns={
        "transactioncurrencyid": guid(),
        **{name: text() for name in ("currencyname", "isocurrencycode", "currencysymbol")},
        **ACTIVE,
    },
)

ANNOTATIONS = Table(
    entity_set="annotations",
    name="annotation",
    key="annotationid",
    primary_name="subject",
    columns={
        "annotationid": guid(),
        "subject": text(),
        "notetext": text(),
        "_objectid_value": guid(),
        "createdon": ACTIVE["createdon"],
        "modifiedon": ACTIVE["modifiedon"],
        "versionnumber": ACTIVE["versionnumber"],
    },
    lookups={"objectid_contact": Lookup(column="_objectid_value", target="contact")},
)

ACTIVITY_COLUMNS: Mapping[str, Column] = {
    "activityid": guid(),
    "activitytypecode": Column(kind=Kind.TEXT, is_read_only=True),
    "subject": text(),
    "description": text(),
    "actualstart": moment(),
    "actualend": moment(),
    "scheduledend": moment(),
    "actualdurationminutes": number(),
    "_regardingobjectid_value": guid(),
}
CUSTOM_ACTIVITY_COLUMNS: Mapping[str, Column] = {
    "new_channel": choice(CHANNELS),
    "new_complaintreference": text(),
    "new_productreference": text(),
}
ACTIVITY_STATES: Mapping[object, str] = {0: "Open", 1: "Completed", 2: "Canceled"}


def activity(entity_set: str, name: str, reasons: Mapping[object, str], **more: Column) -> Table:
    """Return the table of one type of activity, which all share a key with their row in ``activitypointers``."""
    return Table(
        entity_set=entity_set,
        name=name,
        key="activityid",
        primary_name="subject",
        columns={
            **ACTIVITY_COLUMNS,
            **CUSTOM_ACTIVITY_COLUMNS,
            **more,
            **system_columns(ACTIVITY_STATES, reasons),
        },
        lookups={
            f"regardingobjectid_contact_{name}": Lookup(column="_regardingobjectid_value", target="contact"),
            f"regardingobjectid_account_{name}": Lookup(column="_regardingobjectid_value", target="account"),
        },
    )


PHONECALLS = activity(
    "phonecalls",
    "phonecall",
    {1: "Open", 2: "Made", 3: "Canceled", 4: "Received"},
    phonenumber=text(),
    directioncode=flag("Incoming", "Outgoing", default=True),
)
EMAILS = activity(
    "emails",
    "email",
    {1: "Draft", 2: "Completed", 3: "Sent", 4: "Received", 5: "Canceled"},
    directioncode=flag("Incoming", "Outgoing", default=True),
)
TASKS = activity(
    "tasks",
    "task",
    {2: "Not Started", 3: "In Progress", 4: "Waiting on someone else", 5: "Completed", 6: "Canceled", 7: "Deferred"},
    new_directioncode=flag("Incoming", "Outgoing"),
)
APPOINTMENTS = activity(
    "appointments",
    "appointment",
    {1: "Free", 2: "Tentative", 3: "Completed", 4: "Canceled", 5: "Busy"},
    location=text(),
    scheduledstart=moment(),
)
ACTIVITY_TABLES = (PHONECALLS, EMAILS, TASKS, APPOINTMENTS)

ACTIVITYPOINTERS = Table(
    entity_set="activitypointers",
    name="activitypointer",
    key="activityid",
    primary_name="subject",
    is_view=True,
    columns={**ACTIVITY_COLUMNS, **system_columns(ACTIVITY_STATES, {1: "Open", 2: "Completed", 3: "Canceled"})},
    lookups={"regardingobjectid_contact": Lookup(column="_regardingobjectid_value", target="contact")},
    collections={
        f"activity_pointer_{table.name}": Collection(table=table.name, column="activityid") for table in ACTIVITY_TABLES
    },
)

TABLES: tuple[Table, ...] = (
    CONTACTS,
    ACCOUNTS,
    SALESORDERS,
    SALESORDERDETAILS,
    DELIVERIES,
    PRODUCTS,
    CURRENCIES,
    ANNOTATIONS,
    *ACTIVITY_TABLES,
    ACTIVITYPOINTERS,
)
