"""Texts for people: codes with Dutch and English words, from `texts.toml` beside this file."""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from klantbeeld.settings import Language

Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
Words = Annotated[str, Field(min_length=1)]


class Text(BaseModel):
    """One code's words: `{placeholders}` are plain names, the same in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: Words
    nl: Words
    action: Words | None = None  # an error code's: what its reader does next, for docs/errors.md

    @property
    def placeholders(self) -> frozenset[str]:
        """Names that `say` needs a value for."""
        return _placeholders(self.en)

    @model_validator(mode="after")
    def _same_placeholders(self) -> Self:
        if _placeholders(self.en) != _placeholders(self.nl):
            raise ValueError("the placeholders of en and nl differ")
        return self


def say(code: str, language: Language, **values: object) -> str:
    """Give the words of `code` in `language`, its placeholders filled from `values`; what is not needed is ignored.

    Raises KeyError for a code that texts.toml does not have, and for a placeholder without a value.
    """
    text = texts()[code]
    return (text.nl if language == "nl" else text.en).format_map(values)


def codes() -> frozenset[str]:
    """Give every code that has words."""
    return frozenset(texts())


def error_codes() -> frozenset[str]:
    """Give the codes that may stand in `extensions.code` of an error: those that say what to do next."""
    return frozenset(code for code, text in texts().items() if text.action is not None)


@cache
def texts() -> Mapping[str, Text]:
    """Give the whole table; read once, when it is first needed."""
    return read_texts(resources.files("klantbeeld").joinpath("texts.toml").read_text(encoding="utf-8"))


def read_texts(toml: str) -> Mapping[str, Text]:
    """Read a table of texts; a code without both languages raises pydantic's ValidationError."""
    return MappingProxyType(TypeAdapter(dict[Code, Text]).validate_python(tomllib.loads(toml)))


def _placeholders(words: str) -> frozenset[str]:
    names = frozenset(name for _, name, _, _ in string.Formatter().parse(words) if name is not None)
    for name in names:
        if not name.isidentifier():  # `{a.b}` and `{a[b]}` would reach into the value
            raise ValueError(f"the placeholder {{{name}}} is not a plain name")
    return names
