"""What a read asks for: the ``$`` options of the URL, the ``Prefer`` header, and ``$expand`` within ``$expand``.

Options that Dataverse does not know (``$skip``) are refused by name, as it does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from klantbeeld.sandbox.dataverse.columns import Kind, Table
from klantbeeld.sandbox.dataverse.conditions import Condition
from klantbeeld.sandbox.dataverse.errors import bad_query, no_such_property
from klantbeeld.sandbox.dataverse.filters import parse_filter
from klantbeeld.sandbox.dataverse.store import TABLES_BY_NAME, kind_at

KNOWN_OPTIONS = frozenset({"$select", "$expand", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$deltatoken"})
EXPAND_OPTIONS = frozenset({"$select", "$expand", "$filter", "$orderby", "$top"})
MAXIMUM_PAGE = 5000
MAXIMUM_EXPANDS = 15


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by."""

    path: str
    is_descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A read of one table, understood and checked against it; ``expand`` is by navigation property."""

    table: Table
    select: tuple[str, ...] = ()
    expand: Mapping[str, "Query"] = field(default_factory=dict)
    condition: Condition | None = None
    order: tuple[Order, ...] = ()
    top: int | None = None
    is_counted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the ``Prefer`` header asks for (RFC 7240). ``annotations`` is a pattern such as ``*``, or None."""

    page_size: int | None = None
    annotations: str | None = None
    returns_representation: bool = False
    tracks_changes: bool = False

    @property
    def applied(self) -> str:
        """The value of ``Preference-Applied``, empty where nothing was asked."""
        parts = (
            "odata.track-changes" if self.tracks_changes else "",
            f"odata.maxpagesize={self.page_size}" if self.page_size else "",
            f'odata.include-annotations="{self.annotations}"' if self.annotations else "",
            "return=representation" if self.returns_representation else "",
        )
        return ",".join(part for part in parts if part)


def parse_preferences(header: str) -> Preferences:
    """Read a ``Prefer`` header; what is not understood is passed over, as RFC 7240 wants."""
    wanted: dict[str, str] = {}
    for part in split_outside(header, ","):
        name, _, value = part.strip().partition("=")
        wanted[name.strip().lower()] = value.strip().strip('"')
    size = wanted.get("odata.maxpagesize", wanted.get("maxpagesize", ""))
    return Preferences(
        page_size=min(int(size), MAXIMUM_PAGE) if size.isdecimal() and int(size) else None,
        annotations=wanted.get("odata.include-annotations") or None,
        returns_representation=wanted.get("return") == "representation",
        tracks_changes="odata.track-changes" in wanted,
    )


def parse_query(table: Table, options: Mapping[str, str]) -> Query:
    """Read the options of a URL against ``table``; raise ``Refused`` (400) for what it does not have."""
    for name in options:
        if name.startswith("$") and name not in KNOWN_OPTIONS:
            raise bad_query(f"The query parameter {name} is not supported.")
    return build(table, options, aliases={name: value for name, value in options.items() if name.startswith("@")})


def build(table: Table, options: Mapping[str, str], *, aliases: Mapping[str, str]) -> Query:
    """Return the query that these options write, on whichever level of ``$expand`` they stand."""

    def kind_of(path: str) -> Kind:
        kind = kind_at(table, path)
        if kind is None:
            raise no_such_property(path, table.name)
        return kind

    filtered = options.get("$filter")
    return Query(
        table=table,
        select=tuple(checked(table, split_outside(options.get("$select", ""), ","))),
        expand=parse_expand(table, options.get("$expand", ""), aliases=aliases),
        condition=parse_filter(filtered, kind_of, aliases=aliases) if filtered else None,
        order=tuple(parse_order(table, options.get("$orderby", ""))),
        top=parse_top(options.get("$top")),
        is_counted=options.get("$count") == "true",
    )


def checked(table: Table, names: Iterable[str]) -> Iterator[str]:
    """Yield the names of columns, stripped; refuse one that the table does not have."""
    for name in names:
        stripped = name.strip()
        if stripped and stripped not in table.columns:
            raise no_such_property(stripped, table.name)
        if stripped:
            yield stripped


def parse_order(table: Table, text: str) -> Iterator[Order]:
    """Read ``column desc,other``."""
    for part in split_outside(text, ","):
        path, _, direction = part.strip().partition(" ")
        if not path:
            continue
        if kind_at(table, path) is None:
            raise no_such_property(path, table.name)
        if direction.strip() not in ("", "asc", "desc"):
            raise bad_query(f"Syntax error in '$orderby' at '{part.strip()}'.")
        yield Order(path, direction.strip() == "desc")


def parse_top(text: str | None) -> int | None:
    """Read ``$top``, which is a natural number."""
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_query(f"Invalid value '{text}' for $top query option found. A non-negative integer was expected.")
    return int(text)


def parse_expand(table: Table, text: str, *, aliases: Mapping[str, str]) -> dict[str, Query]:
    """Read ``orders($select=a;$expand=lines),parent``: each navigation property with options of its own."""
    parts = [part.strip() for part in split_outside(text, ",") if part.strip()]
    if len(parts) > MAXIMUM_EXPANDS:
        raise bad_query(f"The number of expanded properties exceeds the limit of {MAXIMUM_EXPANDS}.")
    return dict(parse_navigation(table, part, aliases=aliases) for part in parts)


def parse_navigation(table: Table, part: str, *, aliases: Mapping[str, str]) -> tuple[str, Query]:
    """Read one navigation property with the options in its parentheses."""
    name, opening, rest = part.partition("(")
    target = target_of(table, name)
    if target is None:
        raise no_such_property(name, table.name)
    if opening and not rest.endswith(")"):
        raise bad_query(f"Syntax error in '$expand' at '{part}'.")
    options: dict[str, str] = {}
    for option in split_outside(rest[:-1] if opening else "", ";"):
        key, _, value = option.strip().partition("=")
        if key not in EXPAND_OPTIONS:
            raise bad_query(f"The query option '{key}' is not supported in '$expand'.")
        options[key] = value
    return name, build(target, options, aliases=aliases)


def target_of(table: Table, navigation: str) -> Table | None:
    """Return the table that a navigation property leads to, or None where there is none of that name."""
    if navigation in table.lookups:
        return TABLES_BY_NAME[table.lookups[navigation].target]
    if navigation in table.collections:
        return TABLES_BY_NAME[table.collections[navigation].table]
    return None


def split_outside(text: str, mark: str) -> list[str]:
    """Split ``text`` at ``mark`` where it stands outside parentheses, brackets and quotes; no parts for no text."""
    parts, start, depth, quote = [], 0, 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == mark and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]] if text else []
