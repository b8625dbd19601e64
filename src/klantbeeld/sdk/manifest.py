"""`connector.toml`: the facts about a connector, checked before its code is loaded."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from klantbeeld.sdk.words import Category

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9*-]+(\.[a-z0-9*-]+)*$")]


class Facts(BaseModel):
    """A part of the facts: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Option(Facts):
    """Something that a source of this connector may set."""

    description: str = Field(min_length=1)
    """What it is for."""
    default: str | None = None
    """Value when it is not set; without one it must be set."""


class Limits(Facts):
    """What the product allows; documented by its maker."""

    requests_per_second: float | None = None
    """Sustained calls a second."""
    requests_per_day: int | None = None
    """Calls a day."""
    page: int | None = None
    """Largest page."""
    keys_per_call: int | None = None
    """Most ids in one call."""
    deadline_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,64}$")
    """Header in which it takes how long its answer is waited for, in milliseconds."""


class Remembers(Facts):
    """How the owner keeps writes apart."""

    idempotency_key_hours: float | None = None
    """Hours for which it remembers an idempotency key."""
    longest_execution_seconds: float = 60
    """Longest time after which a write that was sent may still take effect."""


class Manifest(Facts):
    """All of `connector.toml`."""

    name: Name
    """Name of the connector, the same as its folder's."""
    title: str
    """The product's name."""
    roles: tuple[str, ...] = Field(min_length=1)
    """Roles that it can fill."""
    docs: tuple[str, ...] = Field(min_length=1)
    """Where the product's API is documented."""
    hosts: tuple[Host, ...] = Field(min_length=1)
    """Host names of the product, `*` for a label or a part of one; a source with another `base_url` gets advice."""
    categories: tuple[Category, ...] = Field(min_length=1)
    """Categories of the data that it delivers."""
    options: dict[str, Option] = Field(default_factory=dict)
    """Options of a source."""
    limits: Limits = Limits()
    """What the product allows."""
    remembers: Remembers = Remembers()
    """How it keeps writes apart."""
    folder: Path | None = Field(default=None, exclude=True)
    """Where it was found; filled in by the loader."""
