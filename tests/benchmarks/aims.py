"""The aims, and the figures that they are held against."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.compare import Figures, ratios

# CPU microseconds a request, by round, of what was measured without sockets.
Replayed = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Aim:
    """At most so much, of a figure made of a comparison's figures."""

    part: str
    text: str
    most: float
    figure: Callable[[Figures], float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an aim."""

    text: str
    found: float
    most: float

    @property
    def is_reached(self) -> bool:
        """Whether it is not more than was aimed at."""
        return self.found <= self.most


def verdicts(results: Mapping[str, Figures]) -> Iterator[Verdict]:
    """Hold what was measured against the aims that are about it."""
    for aim in AIMS:
        if aim.part in results:
            try:
                yield Verdict(aim.text, aim.figure(results[aim.part]), aim.most)
            except KeyError:  # one of the two servers was not measured
                continue
    if {"q3-50", "q3-500"} <= results.keys():
        few, many = (median("all-on", "cpu_ms")(results[part]) for part in ("q3-50", "q3-500"))
        yield Verdict("Q3, cost of each of 500, of each of 50", many / 500 / (few / 50), 1.2)


def shipped_verdicts(replays: Mapping[str, Replayed]) -> Iterator[Verdict]:
    """Hold the shipped connectors against the plain ones, round by round."""
    if found := replays.get("shipped"):
        ratios_found = [one / other for one, other in zip(found["shipped"], found["plain"], strict=True)]
        yield Verdict("Q1 through the shipped connectors, of the plain ones", statistics.median(ratios_found), 2)


def of(name: str, reference: str) -> Callable[[Figures], float]:
    """Return the figure "CPU of one as a part of another's", the median of the rounds."""
    return lambda figures: statistics.median(ratios(figures, name, reference))


def median(name: str, figure: str) -> Callable[[Figures], float]:
    """Return the median of a figure of one server."""
    return lambda figures: statistics.median(getattr(one, figure) for one in figures[name])


def tail(figures: Figures) -> float:
    """Return p99 over p50, or over Yoga's p99 where that is better."""
    p99 = median("all-on", "p99_ms")(figures)
    alone = p99 / median("all-on", "p50_ms")(figures)
    return min(alone, 4 * p99 / median("yoga", "p99_ms")(figures)) if "yoga" in figures else alone


def growth(figures: Figures) -> float:
    """Return the memory above idle, in MiB."""
    return max(one.peak_mib - one.idle_mib for one in figures["all-on"])


def memory(figures: Figures) -> float:
    """Return the most memory as a part of Yoga's."""
    return max(one.peak_mib for one in figures["all-on"]) / max(one.peak_mib for one in figures["yoga"])


AIMS = (
    Aim("q1", "Q1 alone, of Yoga's CPU", 0.20, of("alone", "yoga")),
    Aim("q1", "Q1 alone, of Yoga's with JIT", 0.30, of("alone", "yoga-jit")),
    Aim("q1", "Q1 alone, of Hive Gateway's", 0.06, of("alone", "hive")),
    Aim("q1", "Q1 all on, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("q1", "Q1 all on, of Yoga's with JIT", 0.35, of("all-on", "yoga-jit")),
    Aim("q1", "Q1 all on, of Hive Gateway's", 0.07, of("all-on", "hive")),
    Aim("q1", "Q1 alone, of the floor over our wire", 1.5, of("alone", "floor-wire")),
    Aim("q1", "Q1 all on, of the floor over our wire", 2.0, of("all-on", "floor-wire")),
    Aim("q2", "Q2 all on, of Yoga's CPU", 0.30, of("all-on", "yoga")),
    Aim("q3-50", "Q3 with 50, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("q3-500", "Q3 with 500, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("slow", "p50 over 20 ms upstreams, in ms", 22, median("all-on", "p50_ms")),
    Aim("64", "p99 over p50 (4 times, or below Yoga's)", 4, tail),
    Aim("64", "memory above idle, in MiB", 40, growth),
    Aim("64", "most memory, of Yoga's", 1, memory),
)
