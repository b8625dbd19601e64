"""What the customers of the sandbox buy: the articles of a fictitious shop for things about the house."""

from decimal import Decimal
from typing import Literal

from klantbeeld.sandbox.facts import Product


def _article(sku: str, name: str, price: str, kind: Literal["device", "accessory"] = "device") -> Product:
    return Product(sku=sku, name=name, kind=kind, price=Decimal(price))


def _subscription(sku: str, name: str, price: str, interval: Literal["month", "year"] = "month") -> Product:
    return Product(sku=sku, name=name, kind="subscription", price=Decimal(price), interval=interval)


COFFEE_MACHINE = _article("KB-KOFFIE-200", "Koffiemachine Aroma 200", "449.00")
VACUUM = _article("KB-STOF-70", "Stofzuiger Licht 70", "229.00")
DOORBELL = _article("KB-BEL-3", "Slimme deurbel 3", "159.00")
THERMOSTAT = _article("KB-THERMO-1", "Slimme thermostaat", "199.00")
WASHING_MACHINE = _article("KB-WAS-8", "Wasmachine Stil 8 kg", "649.00")
TABLET = _article("KB-TABLET-11", "Tablet 11 inch", "379.00")
FILTERS = _article("KB-FILTER-6", "Waterfilters, zes stuks", "24.95", "accessory")
MOUNT = _article("KB-HOUDER-2", "Wandhouder", "19.95", "accessory")
INTERNET = _subscription("KB-INTERNET-500", "Internet 500 Mbit/s", "47.50")
SERVICE_PLAN = _subscription("KB-SERVICE", "Servicecontract thuis", "8.95")
COFFEE_PLAN = _subscription("KB-BONEN", "Koffiebonen elke maand", "18.00")
MAGAZINE = _subscription("KB-BLAD", "Magazine Thuis", "39.00", "year")

CATALOGUE: tuple[Product, ...] = (
    COFFEE_MACHINE,
    VACUUM,
    DOORBELL,
    THERMOSTAT,
    WASHING_MACHINE,
    TABLET,
    FILTERS,
    MOUNT,
    INTERNET,
    SERVICE_PLAN,
    COFFEE_PLAN,
    MAGAZINE,
)
