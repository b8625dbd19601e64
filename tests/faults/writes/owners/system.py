"""An owning system, simulated: what it holds, what it remembers of writes, and a log that only grows.

A write that comes with a version, a key or a reference is done as often as real systems do it: once, as long as the
version is the present one, the key is remembered, the reference is taken. A write that comes with none of them is done
each time. The log says what was done, and is all that judges a gateway.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

MARK = re.compile(r"\bop[0-9a-z]+x\b")
"""What is written names the operation that wants it written: `op17x` somewhere among the values."""

Values = dict[str, str]


class Refused(Exception):
    """The system does not do a write; `status` is what it answers."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Protection:
    """What a write came with: a version that it expects, a key, a reference that only one record may have."""

    expected: str | None = None
    key: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that took place: in whose record, from what to what, as the marks of operations in the values."""

    place: int
    at: float
    system: str
    customer: str
    kind: str
    item: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Holding:
    """One record of a customer."""

    version: int = 1
    values: Values = field(default_factory=dict)


class Kept(NamedTuple):
    """What a key was used for: a digest of the write, until when it is remembered, and the answer; None under way."""

    digest: str
    until: float
    answer: dict[str, Any] | None


class System:
    """Holds its records, keys, references and log as long as the suite runs. `clock` is in seconds.

    `compares` says whether it looks if a key comes with what it came with before; not all real ones do.
    """

    def __init__(self, name: str, *, memory: float, compares: bool, clock: Callable[[], float]) -> None:
        self.name = name
        self.log: list[Effect] = []
        self._memory = memory
        self._compares = compares
        self._clock = clock
        self._customers: dict[str, Holding] = {}
        self._items: dict[str, tuple[str, str, Values]] = {}
        self._keys: dict[str, Kept] = {}
        self._references: dict[tuple[str, str], str] = {}

    def read(self, customer: str) -> dict[str, Any]:
        """Give a customer's record, which every customer has from the beginning."""
        holding = self._holding(customer)
        return {"id": customer, "version": f"v{holding.version}", **holding.values}

    def items(self, customer: str, kind: str) -> list[dict[str, Any]]:
        """Give what was made for a customer."""
        made = ((item, values) for item, (owner, of, values) in self._items.items() if (owner, of) == (customer, kind))
        return [{"id": item, "customer": customer, **values} for item, values in made]

    def item(self, kind: str, item: str) -> dict[str, Any]:
        """Give one thing that was made; raises Refused where there is none."""
        if item not in self._items or self._items[item][1] != kind:
            raise Refused(404, "unknown")
        customer, _, values = self._items[item]
        return {"id": item, "customer": customer, **values}

    def begin(self, protection: Protection, digest: str) -> dict[str, Any] | None:
        """Take a write in: gives the answer of the first time, where the key is remembered; raises Refused."""
        if protection.key is None:
            return None
        kept = self._keys.get(protection.key)
        if kept is None or kept.until <= self._clock():
            self._keys[protection.key] = Kept(digest, self._clock() + self._memory, None)
            return None
        if self._compares and kept.digest != digest:
            raise Refused(422, "key_reused")
        if kept.answer is None:
            raise Refused(409, "in_progress")
        return kept.answer

    def abandon(self, protection: Protection) -> None:
        """Forget that a write came in, which was not and will not be done."""
        if protection.key is not None:
            self._keys.pop(protection.key, None)

    def change(self, customer: str, values: Mapping[str, str], protection: Protection) -> dict[str, Any]:
        """Change a customer's record, now; raises Refused where it is at another version."""
        holding = self._holding(customer)
        if protection.expected not in {None, "*", f"v{holding.version}"}:
            raise Refused(412, "stale")
        before = _mark({name: holding.values.get(name, "") for name in values})
        holding.values |= values
        holding.version += 1
        self._note(customer, "changed", customer, before, _mark(values))
        return self._done(protection, self.read(customer))

    def create(self, customer: str, kind: str, values: Mapping[str, str], protection: Protection) -> dict[str, Any]:
        """Make something new for a customer, now; raises Refused where the reference is taken."""
        taken = (kind, protection.reference or "")
        if protection.reference is not None and taken in self._references:
            raise Refused(409, "reference_taken")
        item = f"{self.name}-{kind}-{len(self._items) + 1}"
        reference = {"reference": protection.reference} if protection.reference else {}
        filed = {"filed": datetime.now(UTC).isoformat()}
        self._items[item] = (customer, kind, {**values, **reference, **filed})
        if protection.reference is not None:
            self._references[taken] = item
        self._note(customer, kind, item, None, _mark(values))
        return self._done(protection, self.item(kind, item))

    def effects(self, since: int) -> list[dict[str, Any]]:
        """Give the log from a place on."""
        return [asdict(effect) for effect in self.log[since:]]

    def _holding(self, customer: str) -> Holding:
        found = self._customers.get(customer)
        if found is None:
            values = {name: f"{name}-{customer}" for name in ("street", "city", "name")}
            values |= {"email": f"{customer.lower()}@base.example", "phone": "+31201234567", "postcode": "1011 AA"}
            found = self._customers[customer] = Holding(values={**values, "number": "1"})
        return found

    def _note(self, customer: str, kind: str, item: str, before: str | None, after: str | None) -> None:
        self.log.append(Effect(len(self.log), self._clock(), self.name, customer, kind, item, before, after))

    def _done(self, protection: Protection, answer: dict[str, Any]) -> dict[str, Any]:
        if protection.key is not None and protection.key in self._keys:
            self._keys[protection.key] = self._keys[protection.key]._replace(answer=answer)
        return answer


def _mark(values: Mapping[str, str]) -> str | None:
    found = (MARK.search(value) for value in values.values())
    return next((one.group() for one in found if one), None)
