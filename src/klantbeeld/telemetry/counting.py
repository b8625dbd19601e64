"""What is counted and timed, in plain numbers that the event loop alone changes; Prometheus reads them when it asks.

The client library's own counters take a lock for each number, which the loop does not need: ten of them cost more than
the token check of a request.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import inf, isfinite
from typing import ClassVar, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

Labels = tuple[str, ...]
Levels = Mapping[Labels, float]


class Counted(Protocol):
    """Something that Prometheus reads."""

    def family(self) -> Metric:
        """Give it as it is now."""


class Tally:
    """A counter, by labels that are known from the start: a value that nobody named raises KeyError."""

    def __init__(self, name: str, meaning: str, labels: Mapping[str, Iterable[str]] | None = None) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels or {})
        self.counts = dict.fromkeys(product(*(labels or {}).values()), 0)

    def add(self, *labels: str, number: int = 1) -> None:
        """Count."""
        self.counts[labels] += number

    def family(self) -> Metric:
        """Give the counter as it is now."""
        family = CounterMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, count in self.counts.items():
            family.add_metric(labels, count)
        return family


class Timing:
    """A histogram of seconds."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    @property
    def total(self) -> float:
        """All seconds together."""
        return self._total

    def buckets(self) -> list[tuple[str, float]]:
        """Give the upper bounds, each with how many took at most so long."""
        found, reached = [], 0
        for bound, count in zip((*self._bounds, inf), self._counts, strict=True):
            reached += count
            found.append((str(bound) if isfinite(bound) else "+Inf", float(reached)))
        return found


class Timings:
    """Histograms of seconds by one label, or one without any under the empty name."""

    def __init__(
        self, name: str, meaning: str, bounds: Sequence[float], label: str | None = None, values: Iterable[str] = ("",)
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.label = label
        self.each = {value: Timing(bounds) for value in values}

    def family(self) -> Metric:
        """Give the histograms as they are now."""
        family = HistogramMetricFamily(self.name, self.meaning, labels=[self.label] if self.label else ())
        for value, timing in self.each.items():
            family.add_metric([value] if self.label else (), timing.buckets(), timing.total)
        return family


class Gauged:
    """A level that is read when Prometheus asks, and costs nothing until then."""

    FAMILY: ClassVar[type[GaugeMetricFamily | CounterMetricFamily]] = GaugeMetricFamily

    def __init__(self, name: str, meaning: str, read: Callable[[], float | Levels], labels: Sequence[str] = ()) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)
        self._read = read

    def family(self) -> Metric:
        """Read it."""
        family = self.FAMILY(self.name, self.meaning, labels=self.labels)
        level = self._read()
        for labels, value in level.items() if isinstance(level, Mapping) else (((), level),):
            family.add_metric(labels, value)
        return family


class Followed(Gauged):
    """A count that somebody else keeps, read when Prometheus asks."""

    FAMILY = CounterMetricFamily


class Board:
    """All that is counted, as a collector of Prometheus."""

    def __init__(self) -> None:
        self._counted: list[Counted] = []

    def put(self, counted: Counted) -> None:
        """Have it read."""
        self._counted.append(counted)

    def collect(self) -> Iterator[Metric]:
        """Give everything as it is now."""
        return (counted.family() for counted in self._counted)
