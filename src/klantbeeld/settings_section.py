"""What all sections of the settings share, and the shapes that several of them use."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from klantbeeld.toml_lines import Key

PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Clash(NamedTuple):
    """What is wrong between some settings, each named by its whole key, and in words."""

    keys: Iterable[Key]
    problem: str


def hold(info: ValidationInfo, clashes: Iterable[Clash]) -> None:
    """Raise ValueError with all that is wrong between the fields of a section.

    The context of the validation, if there is any, says of which settings is spoken: `Callable[[Key], bool]`.
    """
    found = [one.problem for one in clashes if info.context is None or all(map(info.context, one.keys))]
    if found:
        raise ValueError("; ".join(found))


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, PASSWORD_IN_URL.sub("://***@", value) if isinstance(value, str) else value


class Secret(Section):
    """Where a secret is read from: exactly one of an environment variable or a file."""

    env: str | None = None
    """Name of the environment variable that holds the secret."""
    file: Path | None = None
    """File that holds the secret; surrounding white space is cut."""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is read from exactly one of `env` and `file`")
        return self


class Bilingual(Section):
    """A text for people in both languages."""

    nl: str = Field(min_length=1)
    """Dutch."""
    en: str = Field(min_length=1)
    """English."""
