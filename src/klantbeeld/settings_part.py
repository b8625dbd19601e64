"""Settings in which something is wrong, as far as they can be looked at: so that all the rest is told as well.

What is wrong is left out. Where something has to be there a stand-in takes its place, which nothing is said about.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from klantbeeld.settings import Settings
from klantbeeld.settings_file import Finding, Given, explain, field_at, read
from klantbeeld.toml_lines import Key

# Values of the kinds that a setting may have; the first that fits stands in for one that has to be there.
STAND_INS: Final[tuple[Any, ...]] = (
    "x",
    "https://stand-in.invalid",
    "x:y",
    1,
    [],
    ["x"],
    {},
    {"nl": "x", "en": "x"},
    {"env": "X"},
)

# More than the settings have levels: each round goes on where the one before could not see.
MOST_ROUNDS: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Settings as far as they can be looked at, None where they cannot be; what is wrong with them, and where."""

    settings: Settings | None
    findings: list[Finding]
    wrong: frozenset[Key] = frozenset()

    def speaks_of(self, key: Key) -> bool:
        """Say whether a setting is as it was given: neither wrong, nor above or below what is."""
        return not any(_are_one_way(key, each) for each in self.wrong)


def settings_in_part(path: Path | None, environ: Mapping[str, str]) -> Part:
    """Give the settings of `path` with what `environ` says above it; raises ConfigurationError for what is no TOML."""
    given, findings = read(path, environ)
    looked_at = Given(deepcopy(given.tree), given.places, given.file)
    settings, found = _looked_at(looked_at)
    part = Part(settings, findings, frozenset(found))
    if settings is not None:
        found |= _between(looked_at, part)
    told = {finding.where for finding in findings}
    findings += [finding for finding in found.values() if finding.where not in told]
    return part


def _between(given: Given, part: Part) -> dict[Key, Finding]:
    """Find what is wrong between the fields of a section, as far as they are as they were given."""
    try:
        Settings.model_validate(given.tree, context=part.speaks_of)
    except ValidationError as error:
        # What is between sections is found by the checks.
        return {key: finding for key, finding in explain(error, given).items() if key}
    return {}


def _looked_at(given: Given) -> tuple[Settings | None, dict[Key, Finding]]:
    """Take out of a tree, in place, what is wrong by itself; return the settings that are left, and what was wrong."""
    found: dict[Key, Finding] = {}
    taken: set[Key] = set()
    for _ in range(MOST_ROUNDS):
        try:
            return Settings.model_validate(given.tree, context=_nothing), found
        except ValidationError as error:
            for key, finding in explain(error, given).items():
                if not any(_are_one_way(key, each) for each in found):
                    found[key] = finding
                if not _take_out(given.tree, key, taken):
                    return None, found
    return None, found


def _nothing(_: Key) -> bool:
    """Say that nothing is spoken of what is between settings: fields are looked at alone."""
    return False


def _take_out(tree: dict[str, Any], key: Key, taken: set[Key]) -> bool:
    """Take a setting out of a tree, or put a stand-in there; what was taken out before takes what is around it along.

    Items of a list have no place of their own without the others, so the list goes. False if there is nothing left to
    take out.
    """
    while key and (key in taken or not isinstance(key[-1], str)):
        key = key[:-1]
    if not key:
        return False
    taken.add(key)
    table: Any = tree
    for part in key[:-1]:
        table = table[part]
    field = field_at(key)
    if field is None or not field.is_required():
        table.pop(key[-1], None)
        return True
    fitting = _stand_ins(field)
    if not fitting:
        return _take_out(tree, key[:-1], taken)
    table[key[-1]] = fitting[0]
    return True


def _stand_ins(field: FieldInfo) -> Sequence[Any]:
    """Return values that a field may have."""
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    kind: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type] # of any kind
    return [value for value in STAND_INS if _is_of(kind, value)]


def _is_of(kind: TypeAdapter[Any], value: object) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


def _are_one_way(one: Key, other: Key) -> bool:
    """Say whether one key is the other, or leads to it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
