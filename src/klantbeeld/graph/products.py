"""What the customer has and bought."""

from strawberry import Parent

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import joined
from klantbeeld.graph.money import Money
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import BILLING
from klantbeeld.sdk.words import Category

HELD = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:read")
BOUGHT = Data(owner="CRM", category=Category.CUSTOM, scope="crm:read")

# The product that a line or a complaint names, as the billing source knows it.
NAMED_PRODUCT = Read(BILLING, "product", key="product_reference")


@published(records.Product, HELD)
class Product(Sourced):
    """What the customer has."""

    price: Money | None


@published(records.OrderLine, BOUGHT)
class OrderLine:
    """One line of an order."""

    amount: Money | None

    @joined(NAMED_PRODUCT, data=HELD)
    def product(answers: Parent[Answers[records.Product]]) -> Product | None:
        """The product that came of this line."""
        return answers.one()


@published(records.Delivery, BOUGHT)
class Delivery:
    """One delivery of an order."""


@published(records.Order, BOUGHT)
class Order(Sourced):
    """What the customer bought."""

    total: Money | None
    lines: list[OrderLine] | None
    deliveries: list[Delivery] | None
