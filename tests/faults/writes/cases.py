"""Cases: for each seed, what is under way, what goes wrong at the owners, and where the gateway is killed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.writes.operations import KINDS, Kind, Operation
from tests.faults.writes.owners.faults import Fault
from tests.faults.writes.points import Point

FAULTY = 0.3  # of the writes meet a fault at their owner
FAULTS = (Fault.REFUSED, Fault.UNAVAILABLE, Fault.SLOW, Fault.LOST, Fault.BROKEN, Fault.CUT, Fault.LATE, Fault.LATE)
PASSING = tuple(fault for fault in FAULTS if fault is not Fault.REFUSED)
COMPENSATED = 0.3  # of the operations over several systems are refused by the last
ANSWERED = (Fault.SLOW, Fault.BROKEN)
LEASE = 1.0  # second; as deployment.toml has it
STOPPED = (1.5, 10.0)  # leases
KEYS_FORGOTTEN = 6.5  # seconds; the owners keep keys for five
PLACES_OF_A_COMPENSATION = 5  # connecting, part sent, sent, executed, answered
BOTH_DOWN = 0.25  # of the cases lose both replicas at once, as when the power is cut
FORGOTTEN = 0.3  # of those have no gateway until the owners have forgotten their keys

ONE_STEP = tuple(name for name in KINDS if len(KINDS[name].systems) == 1)
SEVERAL_STEPS = tuple(name for name in KINDS if len(KINDS[name].systems) > 1)

Customers = Callable[[], tuple[str, str]]
"""Gives a customer whom nobody has touched: the number at the systems, and the id."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run: where the first replica is killed (None: at a moment, `after` seconds), how long it stays away.

    `both` are lost at once, and with them what was not synced to the disk. `second` is where the other replica is
    killed in its turn, once the first is gone. With `stopped` the first is not killed, but stopped for so many seconds,
    and then goes on.
    """

    seed: int
    point: Point | None
    passages: int
    after: float
    away: float
    both: bool
    second: Point | None
    stopped: float | None
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Aim:
    """A case that nobody drew: one operation of a kind, what its writes meet, and where the gateway is killed."""

    kind: str
    point: Point
    faults: tuple[Fault, ...] = ()
    away: float = 0.2
    both: bool = False
    second: Point | None = None
    stopped: float | None = None
    passages: int = 1


def case_of(aim: Aim, seed: int, customers: Customers) -> Case:
    """Make the case that is aimed at."""
    kind = KINDS[aim.kind]
    number, customer_id = customers()
    operation = Operation(f"op{seed}x", kind, number, customer_id, {kind.systems[-1]: aim.faults})
    return Case(
        seed=seed,
        point=aim.point,
        passages=aim.passages,
        after=0.0,
        away=aim.away,
        both=aim.both,
        second=aim.second,
        stopped=aim.stopped,
        operations=(operation,),
    )


def points() -> tuple[Point, ...]:
    """Name the points that can be reached by the mutations that there are."""
    apart = set() if SEVERAL_STEPS else {Point.BETWEEN_STEPS, Point.IN_COMPENSATION}
    return tuple(point for point in Point if point not in apart)


def case_at(seed: int, point: Point | None, customers: Customers, *, stopped: bool = False) -> Case:
    """Make the case of a seed; the same seed makes the same case."""
    chance = random.Random(f"{seed} {point}")
    second = Point.IN_RECOVERY if point is Point.IN_RECOVERY else None
    first = chance.choice((Point.PART_SENT, Point.SENT, Point.EXECUTED_ANSWER_LOST)) if second else point
    names = chance.choices(_kinds_for(point), k=chance.choice((1, 2, 3)))
    operations = tuple(
        _operation(f"op{seed}{'abc'[place]}x", KINDS[name], first, chance, customers)
        for place, name in enumerate(names)
    )
    both = chance.random() < BOTH_DOWN and not second and not stopped
    return Case(
        seed=seed,
        point=first,
        passages=_passages(first, len(operations), chance, twice=second is not None),
        after=chance.uniform(0.0, 0.9),
        away=KEYS_FORGOTTEN if both and chance.random() < FORGOTTEN else chance.choice((0.0, 0.2, 0.5, 1.5)),
        both=both,
        second=second,
        stopped=chance.uniform(*STOPPED) * LEASE if stopped else None,
        operations=operations,
    )


def _passages(point: Point | None, operations: int, chance: random.Random, *, twice: bool) -> int:
    """Choose which passage of a point it is; a compensation passes its own five times, and there are two."""
    if point is Point.IN_COMPENSATION:
        return chance.randint(1, 2 * PLACES_OF_A_COMPENSATION)
    return 1 if twice or point is Point.BETWEEN_STEPS else chance.randint(1, operations)


def _kinds_for(point: Point | None) -> Sequence[str]:
    if point in {Point.BETWEEN_STEPS, Point.IN_COMPENSATION}:
        return SEVERAL_STEPS
    return (*ONE_STEP, *SEVERAL_STEPS)


def _operation(mark: str, kind: Kind, point: Point | None, chance: random.Random, customers: Customers) -> Operation:
    number, customer_id = customers()
    faults = {system: _faults(point, chance) for system in kind.systems}
    faults_back = {}
    if len(kind.systems) > 1 and (point is Point.IN_COMPENSATION or chance.random() < COMPENSATED):
        faults = {kind.systems[-1]: (Fault.REFUSED,)}
        faults_back = {system: (chance.choice(PASSING),) for system in kind.systems if chance.random() < FAULTY}
    return Operation(mark, kind, number, customer_id, faults, faults_back)


def _faults(point: Point | None, chance: random.Random) -> tuple[Fault, ...]:
    """Choose what the first writes of an operation meet; where the point lies behind an answer, there is one."""
    first = FAULTS if point is None or point < Point.EXECUTED_ANSWER_LOST else ANSWERED
    found = [chance.choice(first) if chance.random() < FAULTY else Fault.NONE]
    if chance.random() < FAULTY:
        found.append(chance.choice(FAULTS))
    return tuple(found)
