"""The inventory: which systems are asked, what they hold, where and for how long, and how they are doing."""

from collections.abc import Iterable

import strawberry

from klantbeeld.graph.answers import Moment
from klantbeeld.graph.data import Data
from klantbeeld.graph.source_health import SourceHealth, health_of
from klantbeeld.sdk.words import Category, Guard, WriteSafety
from klantbeeld.sources.source import Source as OpenSource

INVENTORY = Data(owner="CRM", category=Category.SYSTEM, scope="sources:read")


@strawberry.type(description="What a source offers against a write that is done twice, or over a newer change.")
class Lock:
    """What a source offers for one write."""

    write: str = strawberry.field(description="Name of the write.")
    kind: WriteSafety = strawberry.field(description="What it offers against a write that is done twice.")
    guard: Guard = strawberry.field(description="What keeps it from going over a newer change.")


@strawberry.type(description="What a source can do.")
class Capabilities:
    """What a source can do."""

    reads: list[str] = strawberry.field(description="What can be read from it.")
    writes: list[str] = strawberry.field(description="What can be changed in it.")
    locks: list[Lock] = strawberry.field(name="lock", description="What it offers against a write done twice.")


@strawberry.type(description="A configured connection to one system.")
class Source:
    """One system."""

    name: str = strawberry.field(description="Name in this deployment.")
    connector: str = strawberry.field(description="Kind of system.")
    roles: list[str] = strawberry.field(description="What it is for.")
    importance: str = strawberry.field(description="What it means to be without it: essential, important or optional.")
    risk_when_missing: str = strawberry.field(description="What to do or not to do while it is missing.")
    hosted_in: str = strawberry.field(description="Country where the data is held.")
    processor: str = strawberry.field(description="Company that runs it for the organisation (GDPR Art. 28).")
    retention: str = strawberry.field(description="How long it keeps what it has.")
    categories: list[Category] = strawberry.field(description="Categories of data that it holds.")
    capabilities: Capabilities = strawberry.field(description="What can be read and changed.")
    health: SourceHealth = strawberry.field(description="How it has been doing.")


def inventory(opened: Iterable[OpenSource], moment: Moment) -> list[Source]:
    """Return what is known of each source, in the order of their names."""
    return [_described(source, moment) for source in sorted(opened, key=lambda source: source.name)]


def _described(source: OpenSource, moment: Moment) -> Source:
    settings = source.settings
    readings, doings = ({}, {}) if source.is_quarantined else (source.readings, source.doings)
    return Source(
        name=source.name,
        connector=settings.connector,
        roles=sorted(source.roles),
        importance=settings.importance,
        risk_when_missing=getattr(settings.risk_when_missing, moment.language),
        hosted_in=settings.hosted_in,
        processor=settings.processor,
        retention=settings.retention,
        categories=list(source.categories),
        capabilities=Capabilities(
            reads=sorted(readings),
            writes=sorted(doings),
            locks=[Lock(write=name, kind=doing.safety, guard=doing.guard) for name, doing in sorted(doings.items())],
        ),
        health=health_of(source),
    )
