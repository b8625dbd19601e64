"""The `@data` directive: what a field of personal data is, and what a caller needs to read it.

It stands on every such field of the schema, so the schema is the register of what is processed.
"""

import strawberry
from strawberry.schema_directive import Location

from klantbeeld.graph import enums as enums  # noqa: PLC0414 - made before the first type
from klantbeeld.sdk.words import Category, Sensitivity


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="data",
    description="Owner role, data category, sensitivity and needed scope of a field of personal data.",
)
class Data:
    """What a field of personal data is; `owner` is the name of a role."""

    owner: str
    category: Category
    scope: str
    sensitivity: Sensitivity = Sensitivity.ORDINARY
