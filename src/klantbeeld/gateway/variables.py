"""What graphql-core says about the variables of a request, without the values: they may be anybody's data.

Its words are known one by one; of any other only the variable and the place in it are said.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLSchema

# graphql-core tells errors of variables from those of documents by their words alone; a test holds these.
HEAD: Final = re.compile(
    r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<inner>[^:]*))?(?:: (?P<said>.*))?", re.DOTALL
)

Choices = Mapping[str, Sequence[str]]
"""The values of each enum and the members of each input of a schema, by the type's name."""
NO_CHOICES: Final[Choices] = {}

# How a value of a scalar is written.
FORMATS: Final[Choices] = {
    "Date": ("YYYY-MM-DD",),
    "DateTime": ("YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DDThh:mm:ss+hh:mm"),
    "Decimal": ("12.34", '"12.34"'),
}

# The type of which a value is not one, in what graphql-core and strawberry say.
TYPE: Final = re.compile(
    r"Value .* does not exist in '(?P<enum>\w+)' enum\..*"
    r"|Enum '(?P<of>\w+)' cannot represent .*"
    r"|Expected value of type '(?P<input>\w+)!?' not to include unknown field .*"
    r"|Within OneOf Input Object type '(?P<either>\w+)'.*"
    r"|Value cannot represent an? (?P<scalar>\w+): .*",
    re.DOTALL,
)

Words = Callable[[re.Match[str]], str]

# What it says, and what is left of it.
SAID: Final[Mapping[re.Pattern[str], Words]] = {
    re.compile(r"((?:\w+|Enum '\w+') cannot represent [a-z0-9 -]*value): .*", re.DOTALL): lambda found: f"{found[1]}.",
    re.compile(r"Value .* does not exist in ('\w+') enum\..*", re.DOTALL): lambda found: (
        f"The value does not exist in {found[1]} enum."
    ),
    re.compile(r"(Expected value of type '\S+' to be an object), found: .*", re.DOTALL): lambda found: f"{found[1]}.",
    re.compile(r"(Expected value of type '\S+' to include required field '\w+'), found: .*", re.DOTALL): lambda found: (
        f"{found[1]}."
    ),
    re.compile(r"(Expected value of type '\S+' not to include unknown field) .*", re.DOTALL): lambda found: (
        f"{found[1]}s."
    ),
    re.compile(r"Expected (?:a )?value of non-null type '\S+' (?:not to be None|to be provided)\."): lambda found: (
        found[0]
    ),
    re.compile(r"Within OneOf Input Object type '\w+', exactly one field must be specified, .*"): lambda found: found[
        0
    ],
}


def choices_of(schema: GraphQLSchema) -> Choices:
    """Return what may stand where a schema has a choice."""
    kinds = schema.type_map.values()
    enums = {kind.name: tuple(kind.values) for kind in kinds if isinstance(kind, GraphQLEnumType)}
    return enums | {kind.name: tuple(kind.fields) for kind in kinds if isinstance(kind, GraphQLInputObjectType)}


def allowed_by(message: str, choices: Choices) -> Sequence[str]:
    """Return what may stand where the variable that a message is about has something else; nothing if not known."""
    found = HEAD.fullmatch(message)
    kind = TYPE.fullmatch(found["said"]) if found and found["said"] else None
    return {**FORMATS, **choices}.get(str(kind[str(kind.lastgroup)]), ()) if kind else ()


def place_of(message: str) -> str | None:
    """Return the variable that a message is about, with the place in it: `$input.customerId`; None for no variable."""
    found = HEAD.fullmatch(message)
    return None if found is None else f"${found['name']}{found['inner'] or ''}"


def without_value(message: str) -> str:
    """Return what a message about a variable says, without what was in it."""
    found = HEAD.fullmatch(message)
    if found is None:
        return message
    head = message[: found.start("said")].removesuffix(": ") if found["said"] is not None else message
    for pattern, words in SAID.items():
        if found["said"] and (said := pattern.fullmatch(found["said"])):
            return f"{head}: {words(said)}"
    return f"{head}."
