"""The settings of what is shared: between replicas, and between requests."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from klantbeeld.settings_section import Clash, Seconds, Secret, Section, hold
from klantbeeld.toml_lines import Key

LONGEST = 3_600  # seconds: no value is kept for longer than an hour, stale included

Age = Annotated[float, Field(ge=0, le=LONGEST)]
RecordKind = Literal[
    "party",
    "contact_medium",
    "product",
    "order",
    "billing_account",
    "invoice",
    "complaint",
    "comment",
    "consent",
    "preference",
    "campaign",
    "attribute",
    "interaction",
]

# Kinds that the general ages do not apply to: a withdrawn consent must be seen at once.
NEVER_BY_DEFAULT: frozenset[RecordKind] = frozenset({"consent"})


class RedisSettings(Section):
    """A Redis or Valkey server that replicas share, for the cache or the log of changes; without it none is needed."""

    url: str = Field(default="redis://127.0.0.1:6379/0", pattern=r"^rediss?://")
    """`redis://HOST:PORT/DATABASE`, `rediss://` with TLS; an address with a password stands in the environment."""
    timeout: Seconds = 0.5
    """Longest wait for a connection or an answer of the server, in seconds."""


class ChangesSettings(Section):
    """The log of changes, through which replicas evict what a write made untrue, and subscribers hear of it.

    It holds names of sources, keyed hashes and numbers.
    """

    log: Literal["store", "redis"] = "store"
    """Where it is kept: in the store, or in `redis`."""
    keep: float = Field(default=3_600, ge=3_600, le=86_400)
    """Time for which a change is kept, in seconds; no value is cached for longer than an hour."""
    look_every: Seconds = 0.5
    """Time between two looks at the log where several processes share one SQLite file, in seconds: how late a
    subscriber of another process hears of a change. A cached value is never served without a look."""
    look_anyway_every: Seconds = 5.0
    """Longest time between two looks where PostgreSQL or Redis tell of changes themselves, in seconds."""
    max_hook_bytes: int = Field(default=1_048_576, gt=0)
    """Largest delivery of a webhook, in bytes; beyond it 413."""
    max_waiting: int = Field(default=100, gt=0)
    """Most changes of one customer that wait for a subscriber; beyond it they are told as one."""
    gather: float = Field(default=0.05, ge=0, le=10)
    """Time for which a subscriber's further changes are awaited after the first, in seconds: they are told as one."""


class Ages(Section):
    """For how long values may be served again after they were fetched, in seconds; 0 is never."""

    max_age: Age = 0
    """Time for which a value is served as CACHED, without asking the source."""
    stale_while_revalidate: Age = 0
    """Time after `max_age` for which it is served as STALE, while the source is asked again behind the answer."""
    stale_if_error: Age = 0
    """Time after `max_age` for which it is served as STALE where the source does not answer."""

    @property
    def longest(self) -> float:
        """Return the age after which a value is of no use, in seconds."""
        return self.max_age + max(self.stale_while_revalidate, self.stale_if_error)


class CacheSettings(Ages):
    """Values that are kept for a short time, per caller's rights and purpose. Without an age nothing is kept.

    Its own ages apply to every kind of record that has none under `kinds`, consents apart. Sums, and what decides about
    a customer (`balances`, `marketingEligibility`), are always asked anew.
    """

    backend: Literal["off", "memory", "redis"] = "memory"
    """Where: `memory` of each replica; `redis`, shared and encrypted; or nowhere."""
    cap: float = Field(default=900, ge=0, le=LONGEST)
    """Longest that any value is kept, stale included, in seconds."""
    max_bytes: int = Field(default=67_108_864, gt=0)
    """Most bytes that `memory` takes; the value that was used longest ago goes first."""
    key: Secret = Secret(env="KLANTBEELD_CACHE_KEY")
    """Key with which values in `redis` are encrypted (AES-256-GCM), 32 bytes or more, base64."""
    kinds: dict[RecordKind, Ages] = Field(default_factory=dict)
    """Ages of one kind of record, instead of the general ones."""

    @model_validator(mode="after")
    def _nothing_is_kept_beyond_the_cap(self, info: ValidationInfo) -> Self:
        hold(info, self._kept_too_long())
        return self

    def _kept_too_long(self) -> Iterator[Clash]:
        here: Key = ("cache",)
        kept: dict[Key, Ages] = {here: self, **{(*here, "kinds", kind): ages for kind, ages in self.kinds.items()}}
        for key, ages in kept.items():
            if ages.longest > self.cap:
                keys = [(*here, "cap"), *((*key, name) for name in Ages.model_fields)]
                said = f"max_age and the longer of the stale times are more than `cap`, {self.cap:g}"
                yield Clash(keys, f"{'.'.join(map(str, key))}: {said}")

    def ages_of(self, kind: str) -> Ages:
        """Return the ages of a kind of record."""
        if self.backend == "off":
            return Ages()
        found = {str(name): ages for name, ages in self.kinds.items()}.get(kind)
        return found or (Ages() if kind in NEVER_BY_DEFAULT else self)

    @property
    def is_on(self) -> bool:
        """Whether anything is kept at all."""
        return self.backend != "off" and any(ages.longest for ages in (self, *self.kinds.values()))
