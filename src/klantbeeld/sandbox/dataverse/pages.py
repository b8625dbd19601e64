"""Pages of a collection: the ``$skiptoken`` that says where the next one starts, and the ``$deltatoken`` of changes.

Both are opaque to a client. The paging cookie names the last row that was seen, so a page starts after it even where
rows were added or removed meanwhile.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from klantbeeld.sandbox.dataverse.errors import Refused, bad_query

COOKIE = re.compile(r'^<cookie pagenumber="(\d+)" pagingcookie="([0-9a-f-]*)" istracking="(False|\d+)" />$')
DELTA = re.compile(r"^(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)$")
DELTA_TIME = "%m/%d/%Y %H:%M:%S"
TRACKING_TERM = timedelta(days=7)
LEGIBLE = "$,()'=;/@*:."


@dataclass(frozen=True, slots=True)
class Cookie:
    """Where a page starts: its number, the last id of the one before, and the version that tracking started at."""

    number: int = 1
    after: str = ""
    tracked_from: int | None = None

    def __str__(self) -> str:
        """Return the cookie as it stands in a URL before quoting."""
        tracking = "False" if self.tracked_from is None else self.tracked_from
        return f'<cookie pagenumber="{self.number}" pagingcookie="{self.after}" istracking="{tracking}" />'


def read_cookie(text: str | None) -> Cookie:
    """Return the cookie of a ``$skiptoken``, the first page's without one; refuse what is none of ours."""
    if text is None:
        return Cookie()
    match = COOKIE.match(text)
    if match is None:
        raise bad_query("Malformed XML in the Paging Cookie.")
    return Cookie(int(match[1]), match[2], None if match[3] == "False" else int(match[3]))


def start_of(ids: Sequence[str], cookie: Cookie, *, size: int) -> int:
    """Return the position of the page's first row among ``ids``."""
    try:
        return ids.index(cookie.after) + 1 if cookie.after else 0
    except ValueError:
        return (cookie.number - 1) * size


def delta_token(version: int, at: datetime) -> str:
    """Return the token of everything up to ``version``."""
    return f"{version}!{at.strftime(DELTA_TIME)}"


def read_delta(text: str, *, now: datetime) -> int:
    """Return the version of a ``$deltatoken``; raise ``Refused`` where it is none, or older than seven days."""
    match = DELTA.match(text)
    if match is None:
        raise bad_query("The delta token is invalid.")
    if now - datetime.strptime(match[2], DELTA_TIME).replace(tzinfo=now.tzinfo) > TRACKING_TERM:
        raise Refused(410, "Version stamp associated with the client has expired. Please perform a full sync.")
    return int(match[1])


def link(url: str, options: Mapping[str, str], **changed: str | None) -> str:
    """Return ``url`` with the options, of which some are changed, or left out (None); ``top`` stands for ``$top``."""
    merged = {**options, **{f"${name}": value for name, value in changed.items()}}
    written = (f"{name}={quote(value, safe=LEGIBLE)}" for name, value in merged.items() if value is not None)
    return f"{url}?{'&'.join(written)}"
