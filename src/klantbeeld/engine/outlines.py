"""Outlines: what a level asks about a customer whom certain sources know, each under one id.

Nearly all customers are like that, and for all whom the same sources know it is the same but for the ids; so it is
worked out for the first of them, and filled in for the others.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from klantbeeld.engine.calls import NOTHING, asked_of
from klantbeeld.engine.lanes import Lane, Laned, Level, Spot
from klantbeeld.sources.questions import SourceState

MOST_OUTLINES = 64  # of one level; other combinations of sources are gone through joint by joint

Arguments = Mapping[str, Any]


class Errand(Struct, eq=False):
    """What goes over one lane for a customer: who takes part, how large a page is, and the arguments for the source.

    `number` is its place among those of the outline.
    """

    number: int
    lane: Lane
    source: str
    handed: Arguments
    mask: int = 0
    size: int | None = None


class Entry(Struct, eq=False):
    """What a joint waits for, by the numbers of errands, and what is said at once of sources that are not asked."""

    wants: tuple[tuple[Spot, int], ...]
    unasked: tuple[tuple[Spot, SourceState], ...]


class Outline(Struct, eq=False):
    """One errand a lane, and one entry a settled joint of the level, in its order."""

    errands: tuple[Errand, ...]
    entries: tuple[Entry, ...]


def outline_of(level: Level, sources: tuple[str, ...]) -> Outline | None:
    """Return the outline for customers whom these sources know; None where one more would be too many."""
    found = level.outlines.get(sources)
    if found is None and len(level.outlines) < MOST_OUTLINES:
        found = level.outlines[sources] = _drawn(level, frozenset(sources))
    return found


def _drawn(level: Level, known: frozenset[str]) -> Outline:
    errands: dict[Lane, Errand] = {}
    entries = [_entry(laned, known, errands) for laned in level.settled]
    return Outline(tuple(errands.values()), tuple(entries))


def _entry(laned: Laned, known: frozenset[str], errands: dict[Lane, Errand]) -> Entry:
    wants: list[tuple[Spot, int]] = []
    unasked: list[tuple[Spot, SourceState]] = []
    for spot in laned.spots:
        if spot.source not in known:
            unasked.append((spot, SourceState.NOT_LINKED))
        elif spot.lane is None:
            unasked.append((spot, spot.state))
        else:
            size, handed = asked_of(spot, laned.arguments or NOTHING)
            errand = errands.setdefault(spot.lane, Errand(len(errands), spot.lane, spot.source, handed))
            errand.mask |= spot.bit
            if size is not None:
                errand.size = max(size, errand.size or size)
            wants.append((spot, errand.number))
    return Entry(tuple(wants), tuple(unasked))
