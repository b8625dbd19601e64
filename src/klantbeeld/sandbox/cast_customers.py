"""The cast of stories 6 and 7, and the kinds of customer that no story is about."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from klantbeeld.sandbox.cast_stories import consent, newsletter, spring_campaign
from klantbeeld.sandbox.catalogue import DOORBELL, INTERNET, MAGAZINE, SERVICE_PLAN, TABLET, THERMOSTAT, WASHING_MACHINE
from klantbeeld.sandbox.dossier import Dossier, address_of
from klantbeeld.sandbox.facts import (
    Behaviour,
    CastMember,
    LikeFact,
    Name,
    Organisation,
    Person,
    PreferenceFact,
    RelationFact,
)

HENDRIKS_PHONE = "+31205550101"
HENDRIKS_HOUSE = address_of("Vijzelgracht", 240, "1017 HV", "Amsterdam", "bis")


def mila_hendriks(today: date) -> CastMember:
    """Story 6: from app to phone. Yesterday's parcel came damaged, and an invoice is overdue."""
    made = Dossier(9, today)
    name = Name(given="Mila", initials="M.", family="Hendriks")
    person = Person(
        key="mila-hendriks",
        human="mila-hendriks",
        name=name,
        birth_date=date(1990, 12, 21),
        gender="f",
        household="hendriks",
        records=made.records(
            name,
            birth_date=date(1990, 12, 21),
            emails=("mila.hendriks@example.nl",),
            phones=(HENDRIKS_PHONE, "+31612345609"),
            address=HENDRIKS_HOUSE,
        ),
        orders=(
            made.order(1, TABLET, days_ago=4, delivery=made.delivery(1, days_ago=1)),
            made.order(2, DOORBELL, days_ago=60),
        ),
        products=(
            made.device(DOORBELL, since=58),
            made.device(TABLET, since=1),
            made.subscription(1, INTERNET, since=365),
        ),
        invoices=(
            made.invoice(1, DOORBELL, days_ago=60, paid=55),
            made.invoice(2, INTERNET, days_ago=34),
            made.invoice(3, TABLET, days_ago=4),
        ),
        complaints=(
            made.complaint(
                1,
                "Tablet beschadigd bezorgd",
                "De tablet die vandaag is bezorgd heeft een barst in het scherm.",
                "Dank voor uw bericht, we kijken ernaar.",
                days_ago=1,
                hour=19,
                product=TABLET,
                channel="CHAT",
            ),
        ),
        consents=(consent(made, days_ago=365),),
        opt_ins=(newsletter(made, days_ago=365),),
        preferences=(PreferenceFact(name="contact_channel", value="CHAT", changed_at=made.moment(365)),),
        behaviour=Behaviour(
            relations=(RelationFact(kind="housemate", name="Tom Hendriks", person="tom-hendriks"),),
            campaigns=(spring_campaign(made),),
            logins_last_30_days=18,
            last_login=made.moment(1, 19),
        ),
    )
    return CastMember(
        key=person.key,
        about="complained by chat about yesterday's delivery; an invoice is overdue",
        stories=(6,),
        persons=(person,),
    )


def tom_hendriks(today: date) -> CastMember:
    """Story 6: the other one on the household's phone."""
    made = Dossier(10, today)
    name = Name(given="Tom", initials="T.J.", family="Hendriks")
    person = Person(
        key="tom-hendriks",
        human="tom-hendriks",
        name=name,
        birth_date=date(1989, 4, 4),
        gender="m",
        household="hendriks",
        records=made.records(
            name,
            birth_date=date(1989, 4, 4),
            emails=("tom.hendriks@example.nl",),
            phones=(HENDRIKS_PHONE,),
            address=HENDRIKS_HOUSE,
        ),
        products=(made.subscription(1, MAGAZINE, since=200),),
        invoices=(made.invoice(1, MAGAZINE, days_ago=200, paid=190),),
        consents=(consent(made, days_ago=100, granted=False),),
        opt_ins=(newsletter(made, days_ago=100, subscribed=False),),
        behaviour=Behaviour(relations=(RelationFact(kind="housemate", name="Mila Hendriks", person="mila-hendriks"),)),
    )
    return CastMember(key=person.key, about="of the same household, on the same phone", stories=(6,), persons=(person,))


def bram_ter_horst(today: date) -> CastMember:
    """Story 7: access, then erasure. A former customer whose invoices the law keeps."""
    made = Dossier(11, today)
    name = Name(given="Bram", initials="B.", tussenvoegsel="ter", family="Horst")
    person = Person(
        key="bram-ter-horst",
        human="bram-ter-horst",
        name=name,
        birth_date=date(1966, 7, 25),
        gender="m",
        stage="former",
        records=made.records(
            name,
            differs={"stripe": {"address": address_of("Dorpsstraat", 9, "7471 EA", "Goor")}},
            since=2200,
            changed=400,
            birth_date=date(1966, 7, 25),
            emails=("bram.terhorst@example.org",),
            phones=("+31612345611",),
            address=address_of("Stationsplein", 17, "7511 JD", "Enschede"),
        ),
        orders=(made.order(1, WASHING_MACHINE, days_ago=900), made.order(2, TABLET, days_ago=700, state="cancelled")),
        products=(made.subscription(1, INTERNET, since=2000, until=420),),
        invoices=(
            made.invoice(1, WASHING_MACHINE, days_ago=900, paid=890),
            made.invoice(2, INTERNET, days_ago=450, paid=440, credit=Decimal("12.50")),
            made.invoice(3, TABLET, days_ago=700, status="void"),
        ),
        complaints=(
            made.complaint(
                1,
                "Opzegging niet verwerkt",
                "Ik had al opgezegd.",
                "U krijgt een deel van het bedrag terug.",
                days_ago=446,
                solved=440,
                product=INTERNET,
            ),
        ),
        interactions=(made.interaction(1, "phonecall", "Opzegging", "Zegt op vanwege verhuizing.", days_ago=455),),
        consents=(consent(made, days_ago=430, granted=False),),
        opt_ins=(newsletter(made, days_ago=430, subscribed=False),),
        behaviour=Behaviour(likes=(LikeFact(name="Tuinieren", category="garden", at=made.moment(800)),)),
    )
    return CastMember(
        key=person.key, about="a former customer whose invoices must be kept", stories=(7,), persons=(person,)
    )


def de_ketting(today: date) -> CastMember:
    """Return a company: in Dataverse an account with a contact, in Stripe two customers, in marketing nothing."""
    made = Dossier(12, today)
    name = Name(given="Yusuf", initials="Y.", family="Kaya")
    held: dict[str, Any] = {
        "emails": ("administratie@example.com", "yusuf.kaya@example.com"),
        "phones": ("+31205550112",),
        "address": address_of("Kettingweg", 1, "2033 AA", "Haarlem"),
    }
    records = made.records(name, systems=("dataverse", "stripe", "zendesk"), **held)
    second = made.record("stripe", name, nth=1, since=300, **(held | {"emails": ("werkplaats@example.com",)}))
    person = Person(
        key="de-ketting",
        human="de-ketting",
        name=name,
        organisation=Organisation(name="Fietsenmakerij De Ketting B.V.", kvk="90004567"),
        birth_date=None,
        gender="m",
        records=records | {"stripe": (*records["stripe"], second)},
        orders=(made.order(1, THERMOSTAT, DOORBELL, days_ago=90),),
        products=(made.subscription(1, INTERNET, since=600), made.subscription(2, SERVICE_PLAN, since=300, account=1)),
        invoices=(
            made.invoice(1, THERMOSTAT, DOORBELL, days_ago=90, paid=70),
            made.invoice(2, INTERNET, days_ago=6),
            made.invoice(3, SERVICE_PLAN, days_ago=50, account=1),
        ),
        interactions=(
            made.interaction(1, "task", "Offerte onderhoud", "Terugbellen over onderhoudscontract.", days_ago=12),
        ),
    )
    return CastMember(
        key=person.key, about="a company with a KvK number and two billing accounts", stories=(), persons=(person,)
    )


def emma_visser(today: date) -> CastMember:
    """Return a prospect: she asked for the newsletter, and has bought nothing."""
    made = Dossier(13, today)
    name = Name(given="Emma", initials="E.", family="Visser")
    person = Person(
        key="emma-visser",
        human="emma-visser",
        name=name,
        birth_date=date(1998, 1, 30),
        gender="f",
        language="en",
        stage="prospect",
        records=made.records(
            name,
            systems=("dataverse", "sap_customer_data_cloud"),
            differs={"sap_customer_data_cloud": {"birth_date": date(1998, 1, 3)}},
            since=14,
            changed=14,
            customer_number=None,
            birth_date=date(1998, 1, 30),
            emails=("emma.visser@example.com",),
            address=address_of("Oude Gracht", 77, "5611 DN", "Eindhoven"),
        ),
        consents=(consent(made, days_ago=14),),
        opt_ins=(newsletter(made, days_ago=14),),
        behaviour=Behaviour(
            likes=(LikeFact(name="Slim huis", category="technology", at=made.moment(14)),),
            logins_last_30_days=1,
            last_login=made.moment(14),
        ),
    )
    return CastMember(key=person.key, about="a prospect: no purchases", stories=(), persons=(person,))


def hendrik_smit(today: date) -> CastMember:
    """Return a customer who died: the CRM knows, marketing still has his consent."""
    made = Dossier(14, today)
    name = Name(given="Hendrik", initials="H.A.", family="Smit")
    person = Person(
        key="hendrik-smit",
        human="hendrik-smit",
        name=name,
        birth_date=date(1941, 10, 8),
        gender="m",
        deceased_on=today - timedelta(days=45),
        records=made.records(
            name,
            birth_date=date(1941, 10, 8),
            emails=("h.a.smit@example.org",),
            phones=("+31205550114",),
            address=address_of("Kerkstraat", 30, "8011 RV", "Zwolle"),
        ),
        products=(made.subscription(1, MAGAZINE, since=1500),),
        invoices=(made.invoice(1, MAGAZINE, days_ago=300, paid=290),),
        interactions=(made.interaction(1, "phonecall", "Overlijden", "Dochter meldt het overlijden.", days_ago=40),),
        consents=(consent(made, days_ago=1000),),
        opt_ins=(newsletter(made, days_ago=1000),),
        behaviour=Behaviour(campaigns=(spring_campaign(made, opened=False),)),
    )
    return CastMember(key=person.key, about="deceased; marketing does not know it", stories=(), persons=(person,))
