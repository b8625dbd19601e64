"""What the people of the crowd did: what they bought, owe, said, complained about and agreed to."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from klantbeeld.sandbox.catalogue import CATALOGUE
from klantbeeld.sandbox.chance import Chance
from klantbeeld.sandbox.dossier import Dossier
from klantbeeld.sandbox.facts import (
    Behaviour,
    CampaignFact,
    Channel,
    ComplaintFact,
    ConsentFact,
    ContactChannel,
    InteractionFact,
    InvoiceFact,
    LikeFact,
    LocationFact,
    OptInFact,
    Order,
    Person,
    PostFact,
    PreferenceFact,
    Product,
    ProductHeld,
    RegistrationFact,
    RelationFact,
    VideoFact,
)

DEVICES = tuple(product for product in CATALOGUE if product.kind == "device")
SUBSCRIPTIONS = tuple(product for product in CATALOGUE if product.kind == "subscription")

MONTH = 30  # days
UNDER_WAY = 2  # days
RECENT = 60  # days
UNPAID = 0.12  # of the recent invoices are still open
CREDITED = 0.05
CANCELLED = 0.06
SOLVED = 0.75
GRANTED = 0.6  # of the consents that were asked; the others were withdrawn
ASKED = 0.85

COMPLAINTS: tuple[tuple[str, str, str], ...] = (
    ("Doet het niet meer", "Na een week ging het apparaat niet meer aan.", "We sturen u een nieuw exemplaar."),
    ("Te laat bezorgd", "Het pakket kwam drie dagen later dan beloofd.", "Onze excuses, de vervoerder had vertraging."),
    ("Rekening klopt niet", "Er staat een bedrag op dat ik niet ken.", "We zoeken het uit."),
    ("Onderdeel ontbreekt", "Er zat geen snoer bij.", "Het snoer is vandaag verstuurd."),
    ("Slecht te verstaan", "Uw medewerker verbrak de verbinding.", "Dat had niet mogen gebeuren."),
)
CONTACTS: tuple[tuple[str, str], ...] = (
    ("Vraag over factuur", "Uitleg gegeven over de termijn."),
    ("Vraag over levering", "Bezorgmoment doorgegeven."),
    ("Adreswijziging", "Nieuw adres genoteerd."),
    ("Advies", "Wilde weten welk model past."),
)
LIKES = (
    ("Koken", "food"),
    ("Fietsen", "sports"),
    ("Slim huis", "technology"),
    ("Tuinieren", "garden"),
    ("Reizen", "travel"),
)
CAMPAIGNS: tuple[tuple[str, str, Channel, int], ...] = (
    ("KB-ACTIE-10", "Winterklaar", "EMAIL", 200),
    ("KB-ACTIE-11", "Schone start", "EMAIL", 120),
    ("KB-ACTIE-12", "Alles voor een verse kop", "EMAIL", 50),
    ("KB-ACTIE-13", "Bel ons voor advies", "PHONE", 25),
)
COMPLAINT_CHANNELS: tuple[ContactChannel, ...] = ("EMAIL", "PHONE", "WEB", "CHAT")


def add_life(person: Person, dossier: Dossier, chance: Chance) -> Person:
    """Return ``person`` with what the systems that know it could have seen of it."""
    bought = [] if person.stage == "prospect" else _purchases(person, chance)
    products, invoices = _billing(person, dossier, bought, chance)
    lived = replace(
        person,
        orders=_orders(person, dossier, bought, chance),
        interactions=_interactions(dossier, chance) if "dataverse" in person.records else (),
        products=products,
        invoices=invoices,
        complaints=_complaints(dossier, bought, chance) if "zendesk" in person.records else (),
    )
    if "sap_customer_data_cloud" not in person.records:
        return replace(lived, consents=(), opt_ins=(), preferences=(), behaviour=Behaviour())
    consents = _consents(dossier, chance)
    mailed = next((each for each in consents if each.channel == "EMAIL"), None)
    return replace(
        lived,
        consents=consents,
        opt_ins=(OptInFact(mailing="newsletter", subscribed=mailed.granted, changed_at=mailed.changed_at),)
        if mailed
        else (),
        preferences=_preferences(dossier, chance),
        behaviour=_behaviour(person, dossier, bought, chance),
    )


def _purchases(person: Person, chance: Chance) -> list[tuple[Product, int]]:
    """Return what was bought and how many days ago, the latest last."""
    earliest, latest = (1500, 400) if person.stage == "former" else (600, 2)
    days = sorted((chance.randint(latest, earliest) for _ in range(chance.choice((0, 1, 1, 2, 3)))), reverse=True)
    return [(chance.choice(DEVICES), ago) for ago in days]


def _orders(person: Person, dossier: Dossier, bought: list[tuple[Product, int]], chance: Chance) -> tuple[Order, ...]:
    if "dataverse" not in person.records:
        return ()
    return tuple(
        dossier.order(
            place,
            product,
            days_ago=ago,
            state="cancelled" if chance.happens(CANCELLED) else "fulfilled" if ago > UNDER_WAY else "active",
            channel=chance.choice(("WEB", "SHOP", "PHONE")),
        )
        for place, (product, ago) in enumerate(bought, start=1)
    )


def _billing(
    person: Person, dossier: Dossier, bought: list[tuple[Product, int]], chance: Chance
) -> tuple[tuple[ProductHeld, ...], tuple[InvoiceFact, ...]]:
    accounts = len(person.records.get("stripe", ()))
    if not accounts or person.stage == "prospect":
        return (), ()
    products = [dossier.device(product, since=ago) for product, ago in bought]
    charged: list[tuple[Product, int, int]] = [(product, ago, 0) for product, ago in bought]
    for nth in range(1, chance.choice((1, 2, 2, 3))):
        subscription, since, account = chance.choice(SUBSCRIPTIONS), chance.randint(20, 900), chance.randrange(accounts)
        until = chance.randint(1, since) if person.stage == "former" else None
        products.append(dossier.subscription(nth, subscription, since=since, until=until, account=account))
        last = until or 3
        charged += [(subscription, ago, account) for ago in range(last, min(since, last + 100), 30)]
    charged.sort(key=lambda each: -each[1])
    return tuple(products), tuple(_invoice(dossier, nth, charge, chance) for nth, charge in enumerate(charged, start=1))


def _invoice(dossier: Dossier, nth: int, charge: tuple[Product, int, int], chance: Chance) -> InvoiceFact:
    product, ago, account = charge
    is_open = ago < RECENT and chance.happens(UNPAID)
    return dossier.invoice(
        nth,
        product,
        days_ago=ago,
        paid=None if is_open else max(1, ago - chance.randint(1, 20)),
        account=account,
        credit=(product.price / 4).quantize(Decimal("0.01")) if chance.happens(CREDITED) else None,
    )


def _complaints(dossier: Dossier, bought: list[tuple[Product, int]], chance: Chance) -> tuple[ComplaintFact, ...]:
    made = []
    for nth in range(1, 1 + chance.choice((0, 0, 0, 1, 1, 2, 3))):
        product, since = chance.choice(bought) if bought and chance.happens(0.8) else (None, 400)
        ago = chance.randint(1, max(1, since - 1))
        subject, said, answered = chance.choice(COMPLAINTS)
        is_solved = ago > 1 and chance.happens(SOLVED)
        made.append(
            dossier.complaint(
                nth,
                subject,
                said,
                *((answered,) if is_solved or chance.happens(0.5) else ()),
                days_ago=ago,
                product=product,
                solved=max(1, ago - chance.randint(1, 14)) if is_solved else None,
                channel=chance.choice(COMPLAINT_CHANNELS),
            )
        )
    return tuple(sorted(made, key=lambda each: each.opened_at))


def _interactions(dossier: Dossier, chance: Chance) -> tuple[InteractionFact, ...]:
    return tuple(
        dossier.interaction(
            nth,
            chance.choice(("phonecall", "phonecall", "email", "task")),
            *chance.choice(CONTACTS),
            days_ago=chance.randint(1, 500),
        )
        for nth in range(1, 1 + chance.choice((0, 1, 1, 2, 4)))
    )


def _consents(dossier: Dossier, chance: Chance) -> tuple[ConsentFact, ...]:
    asked: Sequence[tuple[str, Channel | None]] = (
        ("marketing", "EMAIL"),
        ("marketing", "PHONE"),
        ("marketing", "POST"),
        ("profiling", None),
        ("partners", None),
    )
    return tuple(
        ConsentFact(
            purpose=purpose,
            channel=channel,
            granted=chance.happens(GRANTED),
            changed_at=dossier.moment(chance.randint(2, 900), 20),
            notice=chance.choice(("2024-05", "2026-01")),
            collected_through=chance.choice(("WEB", "APP", "SHOP", "PHONE")),
        )
        for purpose, channel in asked
        if chance.happens(ASKED)
    )


def _preferences(dossier: Dossier, chance: Chance) -> tuple[PreferenceFact, ...]:
    changed_at = dossier.moment(chance.randint(2, 900), 20)
    return (
        PreferenceFact(name="contact_channel", value=chance.choice(("EMAIL", "PHONE", "CHAT")), changed_at=changed_at),
        PreferenceFact(
            name="contact_moment", value=chance.choice(("morning", "evening", "weekend")), changed_at=changed_at
        ),
    )


def _behaviour(person: Person, dossier: Dossier, bought: list[tuple[Product, int]], chance: Chance) -> Behaviour:
    seen = chance.randint(1, 60)
    latitude, longitude = round(chance.uniform(51.2, 53.2), 2), round(chance.uniform(4.2, 6.8), 2)
    home = next(iter(person.records.values()))[0].address
    return Behaviour(
        likes=tuple(
            LikeFact(name=name, category=kind, at=dossier.moment(seen)) for name, kind in chance.sample(LIKES, 2)
        ),
        relations=(RelationFact(kind="housemate", name="huisgenoot", person=person.household),)
        if person.household
        else (),
        campaigns=tuple(
            CampaignFact(
                number=number,
                name=name,
                channel=channel,
                sent_at=dossier.moment(ago, 7),
                opened=chance.happens(0.5),
                clicked=chance.happens(0.1),
            )
            for number, name, channel, ago in CAMPAIGNS
            if chance.happens(0.6)
        ),
        videos=tuple(
            VideoFact(
                title=f"Aan de slag: {product.name}", product=product, at=dossier.moment(max(ago - 1, 1)), seconds=90
            )
            for product, ago in bought[:1]
        ),
        posts=tuple(
            PostFact(
                text=chance.choice(("Prima.", "Valt tegen.", "Aanrader!")),
                about=product.sku,
                at=dossier.moment(max(ago // 2, 1)),
            )
            for product, ago in bought[1:]
        ),
        registrations=tuple(
            RegistrationFact(product=product, serial=dossier.serial(product), at=dossier.moment(max(ago - 3, 1)))
            for product, ago in bought
            if chance.happens(0.4)
        ),
        logins_last_30_days=chance.randint(0, 25) if seen <= MONTH else 0,
        last_login=dossier.moment(seen, 21),
        location=LocationFact(
            city=home.city if home else "Utrecht",
            country="NL",
            latitude=latitude,
            longitude=longitude,
            at=dossier.moment(seen, 21),
        ),
    )
