"""Answers to the reads of a field, as sources would have given them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from klantbeeld.graph.answers import Answer, Answers, Moment
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.sdk.roles import Role
from klantbeeld.settings import Bilingual, Settings, SourceSettings
from klantbeeld.sources.questions import SourceState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUSTOMER = "01900000-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Rights:
    """All rights, but for some scopes."""

    without: frozenset[str] = frozenset()
    is_partner: bool = False

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        return "SCOPE_MISSING" if scope in self.without else None


@dataclass
class Told:
    """What was told: `say` adds what one source said to one read; `answers` is what the field's function gets."""

    settings: Settings = field(default_factory=Settings)
    rights: Rights = field(default_factory=Rights)
    withheld: frozenset[str] = frozenset()
    language: Any = "en"
    every: list[Answer[Any]] = field(default_factory=list)

    def say(
        self,
        role: Role,
        call: str,
        *records: Record,
        source: str | None = None,
        state: SourceState = SourceState.OK,
        complete: bool = True,
    ) -> "Told":
        name = role.name.lower() if source is None else source
        answer = Answer(name, role.name, call, state, _from(name, records), complete=complete)
        answer.code = None if answer.delivered else state.value
        self.every.append(answer)
        return self

    def instead(self, call: str, **changes: Any) -> "Told":
        """Change what was said to a read."""
        for answer in self.every:
            if answer.call == call:
                for name, value in changes.items():
                    setattr(answer, name, _from(answer.source, value) if name == "records" else value)
        return self

    def forget(self, call: str) -> "Told":
        """Take back all that was said to a read."""
        self.every = [answer for answer in self.every if answer.call != call]
        return self

    def answers(self, parent: Any) -> Answers[Any]:
        moment = Moment(NOW, self.language, self.settings, self.rights)
        return Answers(
            parent,
            moment,
            tuple(self.every),
            seal=lambda _: "cursor",
            asked=lambda: self.every,
            covers=lambda scope: scope not in self.withheld,
        )


def _from(source: str, records: Iterable[Record]) -> list[Record]:
    return [msgspec.structs.replace(record, origin=Origin(source, CUSTOMER, NOW)) for record in records]


def source_settings(nl: str, en: str) -> SourceSettings:
    return SourceSettings(
        connector="memory",
        base_url="http://127.0.0.1",
        importance="important",
        risk_when_missing=Bilingual(nl=nl, en=en),
        hosted_in="NL",
        processor="nobody",
        retention="P1Y",
    )


def kinds(evidence: Iterable[Any]) -> list[str]:
    """The kinds of records among evidence."""
    return [type(record).__name__ for record in evidence]
