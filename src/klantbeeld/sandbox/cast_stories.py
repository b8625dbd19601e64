"""The cast of stories 1 to 5: the mail, the call, the partner, the move and the three spellings."""

from datetime import date

from klantbeeld.sandbox.catalogue import COFFEE_MACHINE, COFFEE_PLAN, DOORBELL, FILTERS, INTERNET, SERVICE_PLAN, VACUUM
from klantbeeld.sandbox.dossier import Dossier, address_of
from klantbeeld.sandbox.facts import (
    Behaviour,
    CampaignFact,
    CastMember,
    Channel,
    ConsentFact,
    LikeFact,
    LocationFact,
    Name,
    OptInFact,
    Person,
    PostFact,
    PreferenceFact,
    RegistrationFact,
    RelationFact,
    VideoFact,
)

NOTICE = "2026-01"
HEUVEL_HOUSE = address_of("Kastanjelaan", 8, "3706 AC", "Zeist")
HEUVEL_SENIOR = Name(given="Pieter", initials="P.", tussenvoegsel="van den", family="Heuvel")


def consent(
    dossier: Dossier,
    purpose: str = "marketing",
    channel: Channel | None = "EMAIL",
    *,
    days_ago: int,
    granted: bool = True,
) -> ConsentFact:
    """Return a consent given, or withdrawn, on the web ``days_ago``."""
    return ConsentFact(
        purpose=purpose,
        channel=channel,
        granted=granted,
        changed_at=dossier.moment(days_ago, 20, 15),
        notice=NOTICE,
        collected_through="WEB",
    )


def newsletter(dossier: Dossier, *, days_ago: int, subscribed: bool = True) -> OptInFact:
    """Return the state of the newsletter's opt-in."""
    return OptInFact(mailing="newsletter", subscribed=subscribed, changed_at=dossier.moment(days_ago, 20, 16))


def spring_campaign(dossier: Dossier, *, opened: bool = True) -> CampaignFact:
    """Return the one campaign that everybody on the list received."""
    return CampaignFact(
        number="KB-ACTIE-12",
        name="Alles voor een verse kop",
        channel="EMAIL",
        sent_at=dossier.moment(50, 7),
        opened=opened,
        clicked=False,
    )


def sanne_de_wit(today: date) -> CastMember:
    """Story 1: the mail that should not go."""
    made = Dossier(1, today)
    name = Name(given="Sanne", initials="S.M.", tussenvoegsel="de", family="Wit")
    person = Person(
        key="sanne-de-wit",
        human="sanne-de-wit",
        name=name,
        birth_date=date(1988, 5, 17),
        gender="f",
        records=made.records(
            name,
            birth_date=date(1988, 5, 17),
            emails=("sanne.dewit@example.nl", "sanne@example.org"),
            phones=("+31612345601",),
            address=address_of("Lindelaan", 12, "3512 JE", "Utrecht", "A"),
        ),
        orders=(made.order(1, COFFEE_MACHINE, FILTERS, days_ago=40),),
        products=(made.device(COFFEE_MACHINE, since=38), made.subscription(1, COFFEE_PLAN, since=38)),
        invoices=(
            made.invoice(1, COFFEE_MACHINE, FILTERS, days_ago=40, paid=35),
            made.invoice(2, COFFEE_PLAN, days_ago=8, paid=6),
        ),
        complaints=(
            made.complaint(
                1,
                "Koffiemachine lekt",
                "Sinds de eerste dag staat er water onder mijn koffiemachine.",
                "Wat vervelend. We sturen u een nieuwe afdichtring.",
                "Dank u, het lijkt verholpen.",
                days_ago=30,
                solved=25,
                product=COFFEE_MACHINE,
            ),
            made.complaint(
                2,
                "Koffiemachine lekt weer",
                "De machine lekt opnieuw en nu is mijn aanrecht beschadigd.",
                days_ago=6,
                product=COFFEE_MACHINE,
                channel="PHONE",
            ),
        ),
        interactions=(
            made.interaction(1, "phonecall", "Klacht koffiemachine", "Boos: de machine lekt weer.", days_ago=6),
        ),
        consents=(consent(made, days_ago=300), consent(made, "profiling", None, days_ago=300)),
        opt_ins=(newsletter(made, days_ago=300),),
        preferences=(PreferenceFact(name="contact_channel", value="EMAIL", changed_at=made.moment(300, 20)),),
        behaviour=Behaviour(
            likes=(LikeFact(name="Espresso", category="coffee", at=made.moment(120)),),
            relations=(RelationFact(kind="partner", name="Koen de Wit"),),
            campaigns=(spring_campaign(made),),
            videos=(
                VideoFact(title="Ontkalken in drie stappen", product=COFFEE_MACHINE, at=made.moment(29), seconds=142),
            ),
            posts=(
                PostFact(text="Mooi apparaat, jammer van het lekken.", about=COFFEE_MACHINE.sku, at=made.moment(28)),
            ),
            registrations=(
                RegistrationFact(product=COFFEE_MACHINE, serial=made.serial(COFFEE_MACHINE), at=made.moment(37)),
            ),
            logins_last_30_days=9,
            last_login=made.moment(2, 21),
            location=LocationFact(city="Utrecht", country="NL", latitude=52.09, longitude=5.12, at=made.moment(2, 21)),
        ),
    )
    return CastMember(
        key=person.key, about="bought a device and filed two complaints about it", stories=(1,), persons=(person,)
    )


def daan_van_dijk(today: date) -> CastMember:
    """Stories 1 and 3: the mail that does go, and the curious partner."""
    made = Dossier(2, today)
    name = Name(given="Daan", initials="D.", tussenvoegsel="van", family="Dijk")
    person = Person(
        key="daan-van-dijk",
        human="daan-van-dijk",
        name=name,
        birth_date=date(1979, 11, 2),
        gender="m",
        records=made.records(
            name,
            birth_date=date(1979, 11, 2),
            emails=("daan.vandijk@example.com",),
            phones=("+31612345602",),
            address=address_of("Havenstraat", 101, "1271 AB", "Huizen"),
        ),
        orders=(made.order(1, DOORBELL, days_ago=120),),
        products=(made.device(DOORBELL, since=118), made.subscription(1, INTERNET, since=400)),
        invoices=(
            made.invoice(1, DOORBELL, days_ago=120, paid=118),
            made.invoice(2, INTERNET, days_ago=40, paid=38),
            made.invoice(3, INTERNET, days_ago=10, paid=9),
        ),
        complaints=(
            made.complaint(
                1,
                "Deurbel zonder handleiding",
                "In de doos zat geen handleiding.",
                "U vindt haar op onze site; we mailden u de koppeling.",
                days_ago=110,
                solved=109,
                product=DOORBELL,
                channel="WEB",
            ),
        ),
        consents=(consent(made, days_ago=200),),
        opt_ins=(newsletter(made, days_ago=200),),
        preferences=(PreferenceFact(name="contact_moment", value="evening", changed_at=made.moment(200)),),
        behaviour=Behaviour(
            campaigns=(spring_campaign(made, opened=False),), logins_last_30_days=3, last_login=made.moment(5)
        ),
    )
    return CastMember(key=person.key, about="nothing speaks against a mail", stories=(1, 3), persons=(person,))


def fatima_el_amrani(today: date) -> CastMember:
    """Story 2: the call."""
    made = Dossier(3, today)
    name = Name(given="Fatima", initials="F.", tussenvoegsel="El", family="Amrani")
    person = Person(
        key="fatima-el-amrani",
        human="fatima-el-amrani",
        name=name,
        birth_date=date(1992, 8, 30),
        gender="f",
        records=made.records(
            name,
            birth_date=date(1992, 8, 30),
            emails=("f.elamrani@example.nl",),
            phones=("+31612345603",),
            address=address_of("Maasboulevard", 55, "3063 GG", "Rotterdam", "2hoog"),
        ),
        orders=(made.order(1, VACUUM, days_ago=20), made.order(2, FILTERS, days_ago=300, state="cancelled")),
        products=(made.device(VACUUM, since=18), made.subscription(1, SERVICE_PLAN, since=18)),
        invoices=(made.invoice(1, VACUUM, days_ago=20, paid=15), made.invoice(2, SERVICE_PLAN, days_ago=5)),
        complaints=(
            made.complaint(
                1,
                "Zuigmond ontbreekt",
                "De smalle zuigmond zat er niet bij.",
                days_ago=4,
                product=VACUUM,
                channel="WEB",
            ),
        ),
        interactions=(
            made.interaction(1, "phonecall", "Vraag over levering", "Vroeg wanneer de stofzuiger komt.", days_ago=19),
            made.interaction(2, "email", "Bevestiging", "Bezorgmoment bevestigd.", days_ago=19),
        ),
        consents=(consent(made, days_ago=90, granted=False), consent(made, "marketing", "SMS", days_ago=90)),
        opt_ins=(newsletter(made, days_ago=90, subscribed=False),),
        preferences=(PreferenceFact(name="contact_channel", value="PHONE", changed_at=made.moment(90)),),
        behaviour=Behaviour(logins_last_30_days=14, last_login=made.moment(1)),
    )
    return CastMember(key=person.key, about="known by her own phone number", stories=(2,), persons=(person,))


def lotte_jansen(today: date) -> CastMember:
    """Story 4: the move. Her CRM record has no e-mail address, as in an old system that cannot hold one."""
    made = Dossier(4, today)
    name = Name(given="Lotte", initials="L.C.", family="Jansen")
    person = Person(
        key="lotte-jansen",
        human="lotte-jansen",
        name=name,
        birth_date=date(1984, 2, 9),
        gender="f",
        records=made.records(
            name,
            differs={"dataverse": {"emails": ()}},
            birth_date=date(1984, 2, 9),
            emails=("lotte.jansen@example.nl",),
            phones=("+31612345604",),
            address=address_of("Molenweg", 3, "7431 BG", "Diepenveen"),
        ),
        orders=(made.order(1, DOORBELL, days_ago=210),),
        products=(made.device(DOORBELL, since=208), made.subscription(1, INTERNET, since=800)),
        invoices=(
            made.invoice(3, DOORBELL, days_ago=208, paid=200),
            made.invoice(1, INTERNET, days_ago=35, paid=30),
            made.invoice(2, INTERNET, days_ago=5),
        ),
        consents=(consent(made, days_ago=400), consent(made, "marketing", "POST", days_ago=400)),
        opt_ins=(newsletter(made, days_ago=400),),
        behaviour=Behaviour(logins_last_30_days=2, last_login=made.moment(8)),
    )
    return CastMember(
        key=person.key,
        about="moves house; her CRM record cannot hold an e-mail address",
        stories=(4,),
        persons=(person,),
    )


def pieter_van_den_heuvel(today: date) -> CastMember:
    """Story 5: one man under three spellings.

    The first two share e-mail address, phone and house, so they link by themselves. The third has the birth date and
    the house but another e-mail address and no phone, so somebody must decide.
    """
    persons = (
        _heuvel_in_crm(Dossier(5, today)),
        _heuvel_in_billing(Dossier(6, today)),
        _heuvel_online(Dossier(7, today)),
    )
    return CastMember(key="pieter-van-den-heuvel", about="one man under three spellings", stories=(5,), persons=persons)


def _heuvel_in_crm(made: Dossier) -> Person:
    return Person(
        key="pieter-van-den-heuvel-1",
        human="pieter-van-den-heuvel",
        name=HEUVEL_SENIOR,
        birth_date=date(1971, 3, 14),
        gender="m",
        records=made.records(
            HEUVEL_SENIOR,
            systems=("dataverse",),
            birth_date=date(1971, 3, 14),
            emails=("pieter.vandenheuvel@example.nl",),
            phones=("+31612345605",),
            address=HEUVEL_HOUSE,
        ),
        orders=(made.order(1, VACUUM, days_ago=150),),
    )


def _heuvel_in_billing(made: Dossier) -> Person:
    name = Name(given="P.", initials="P.", tussenvoegsel="v.d.", family="Heuvel")
    return Person(
        key="pieter-van-den-heuvel-2",
        human="pieter-van-den-heuvel",
        name=name,
        birth_date=None,
        gender="m",
        records=made.records(
            name,
            systems=("stripe", "zendesk"),
            emails=("pieter.vandenheuvel@example.nl",),
            phones=("+31612345605",),
            address=HEUVEL_HOUSE,
        ),
        products=(made.device(VACUUM, since=148), made.subscription(1, INTERNET, since=500)),
        invoices=(made.invoice(1, VACUUM, days_ago=150, paid=140), made.invoice(2, INTERNET, days_ago=20, paid=18)),
        complaints=(
            made.complaint(
                1, "Snoer te kort", "Het snoer is korter dan beloofd.", days_ago=100, solved=95, product=VACUUM
            ),
        ),
    )


def _heuvel_online(made: Dossier) -> Person:
    name = Name(given="Piet", initials="P.", family="Vandenheuvel")
    return Person(
        key="pieter-van-den-heuvel-3",
        human="pieter-van-den-heuvel",
        name=name,
        birth_date=date(1971, 3, 14),
        gender="m",
        records=made.records(
            name,
            systems=("sap_customer_data_cloud",),
            customer_number=None,
            birth_date=date(1971, 3, 14),
            emails=("pvdh71@example.com",),
            address=HEUVEL_HOUSE,
        ),
        consents=(consent(made, days_ago=140),),
        opt_ins=(newsletter(made, days_ago=140),),
        behaviour=Behaviour(likes=(LikeFact(name="Wielrennen", category="sports", at=made.moment(140)),)),
    )


def pieter_junior(today: date) -> CastMember:
    """Story 5: the son, who bears the same name at the same address, and is a minor."""
    made = Dossier(8, today)
    born = date(today.year - 15, 6, 1)
    person = Person(
        key="pieter-junior",
        human="pieter-junior",
        name=HEUVEL_SENIOR,
        birth_date=born,
        gender="m",
        records=made.records(
            HEUVEL_SENIOR,
            systems=("dataverse", "sap_customer_data_cloud"),
            birth_date=born,
            emails=("pietje.heuvel@example.org",),
            phones=("+31612345608",),
            address=HEUVEL_HOUSE,
        ),
        consents=(consent(made, days_ago=60),),
        opt_ins=(newsletter(made, days_ago=60),),
        behaviour=Behaviour(
            relations=(RelationFact(kind="parent", name=HEUVEL_SENIOR.full, person="pieter-van-den-heuvel-1"),),
            logins_last_30_days=22,
            last_login=made.moment(1),
        ),
    )
    return CastMember(
        key=person.key, about="the son of the same name and address, a minor", stories=(5,), persons=(person,)
    )
