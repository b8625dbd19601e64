"""The chain of the trail: what an entry is, how it is bound to the one before, and the groups that are written.

An entry's code (MAC) is over its bytes and the code of the entry before, under a key that the database does not hold.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from klantbeeld.access.rights import Caller
from klantbeeld.engine.ports import Reading
from klantbeeld.errors import ConfigurationError

KEY_BYTES = 32
BLOCK = 64  # bytes that SHA-256 takes in at a time
ENTRY = b"klantbeeld trail entry "
MAX_FIELDS = 1_024  # sets of fields whose written form is remembered; a plan has one


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one request that touched personal data.

    `customers` are ids, `outcome` is a code; `document` is the SHA-256 of the operation, `operation` its name. `fields`
    are coordinates such as `Customer.invoices`; those of one type may stand together, `Customer.invoices,party`, which
    makes an entry of a unified query fit where SQLite keeps it in one page.
    """

    at: datetime
    act: Literal["OPENED", "READ", "WRITE"]
    issuer: str = ""
    subject: str = ""
    client_id: str = ""
    caller_class: str = ""
    purpose: str = ""
    customers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    outcome: str = ""
    operation: str = ""
    document: str = ""
    channel: str = ""
    request_id: str = ""
    heads: tuple[tuple[str, int, str], ...] = ()  # OPENED: writer, place and code of each chain that was there

    @property
    def coordinates(self) -> list[str]:
        """Give the fields one by one."""
        found = []
        for written in self.fields:
            kind, dot, names = written.partition(".")
            found += [f"{kind}{dot}{name}" for name in names.split(",")]
        return found


class Noted(NamedTuple):
    """A reading that waits to become an entry; `at` is in seconds since 1970."""

    at: float
    caller: Caller
    reading: Reading


Waiting = Noted | tuple[Entry, bytes]  # an entry comes encoded


@dataclass(slots=True)
class Sealed:
    """An entry as it is kept: its place in its writer's chain, its bytes, and the code that binds it to the former."""

    seq: int
    at: datetime
    entry: bytes
    mac: bytes
    customers: tuple[str, ...]


class Chain:
    """One writer's chain; whoever seals is one at a time, in whichever thread."""

    def __init__(self, key: bytes, writer: str) -> None:
        self.writer = writer
        self._key = trail_key(key)
        self._code = keyed(self._key)
        self._mac = first_link(self._key, writer)
        self._seq = 0

    def seal(self, waiting: Iterable[Waiting]) -> list[Sealed]:
        """Bind entries to the chain, in their order."""
        return [self._bound(*(_encoded(one) if isinstance(one, Noted) else one)) for one in waiting]

    def end(self) -> bytes:
        """Give the seal of the present end."""
        return seal_of(self._key, self._mac)

    def _bound(self, entry: Entry, encoded: bytes) -> Sealed:
        self._mac = self._code(ENTRY + self._mac + encoded)
        seq, self._seq = self._seq, self._seq + 1
        return Sealed(seq, entry.at, encoded, self._mac, tuple(dict.fromkeys(entry.customers)))


class Group:
    """Entries that are written together; the same however often it is tried.

    They are bound to the chain when they are first asked for: by the thread that writes them, where there is one.
    """

    def __init__(self, chain: Chain, waiting: Sequence[Waiting]) -> None:
        self.writer = chain.writer
        self._chain = chain
        self._waiting = waiting
        self._entries: list[Sealed] = []
        self._seal = b""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def entries(self) -> Sequence[Sealed]:
        """The entries, bound to the chain."""
        if not self._entries:
            self._entries = self._chain.seal(self._waiting)
            self._seal = self._chain.end()
        return self._entries

    @property
    def seal(self) -> bytes:
        """The code that says that the chain ends with the last of them."""
        return self._seal if self.entries else b""


def entry_of(noted: Noted) -> Entry:
    """Make the entry of a reading."""
    caller, reading = noted.caller, noted.reading
    return Entry(
        at=datetime.fromtimestamp(noted.at, UTC),
        act="WRITE" if reading.writes else "READ",
        issuer=caller.issuer,
        subject=caller.subject,
        client_id=caller.client_id,
        caller_class=caller.caller_class,
        purpose=caller.rights.purpose,
        customers=reading.customers,
        fields=_gathered(reading.fields),
        sources=reading.sources,
        outcome=reading.outcome,
        operation=reading.operation,
        document=reading.document,
        channel=reading.channel,
    )


def _encoded(noted: Noted) -> tuple[Entry, bytes]:
    entry = entry_of(noted)
    return entry, msgspec.json.encode(entry)


@lru_cache(MAX_FIELDS)
def _gathered(coordinates: tuple[str, ...]) -> tuple[str, ...]:
    """Put the fields of each type together, in the order in which they were first named."""
    by_type: dict[str, list[str]] = {}
    for coordinate in coordinates:
        kind, _, name = coordinate.partition(".")
        by_type.setdefault(kind, []).append(name)
    return tuple(f"{kind}.{','.join(names)}" for kind, names in by_type.items())


def trail_key(key: bytes) -> bytes:
    """Give the key back if it is long enough; raises ConfigurationError otherwise."""
    if len(key) < KEY_BYTES:
        mend = f"Make one with: openssl rand -base64 {KEY_BYTES}"
        raise ConfigurationError("access.trail.key", f"has fewer than {KEY_BYTES} bytes", mend)
    return key


def first_link(key: bytes, writer: str) -> bytes:
    """Give what the first entry of a writer's chain is bound to."""
    return hmac.digest(key, b"klantbeeld trail chain " + writer.encode(), "sha256")


def link(key: bytes, former: bytes, encoded: bytes) -> bytes:
    """Give the code of an entry: over the code of the former, of fixed length, and its bytes."""
    return hmac.digest(key, ENTRY + former + encoded, "sha256")


def keyed(key: bytes) -> Callable[[bytes], bytes]:
    """Give HMAC-SHA-256 under a key (RFC 2104), with the key hashed once: a seventh of what `hmac.digest` costs."""
    block = hashlib.sha256(key).digest() if len(key) > BLOCK else key
    block = block.ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def code(message: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(message)
        around.update(within.digest())
        return around.digest()

    return code


def seal_of(key: bytes, mac: bytes) -> bytes:
    """Give the code that says that a chain ends here, which nobody can make for an earlier entry without the key."""
    return hmac.digest(key, b"klantbeeld trail head " + mac, "sha256")
