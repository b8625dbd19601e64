"""The population of the sandbox: the fixed cast, and beside it a seeded crowd with the mess of reality.

The dataclasses that describe a person are in ``facts``; this is where they are put together.
"""

from datetime import date

from klantbeeld.sandbox.cast import make_cast
from klantbeeld.sandbox.catalogue import CATALOGUE
from klantbeeld.sandbox.crowd import make_crowd
from klantbeeld.sandbox.facts import Population


def make_population(seed: int = 7, size: int = 1000, *, today: date) -> Population:
    """Return the cast and a crowd of ``size`` people as they are on ``today``.

    A pure function: the same arguments give the same people with the same ids, in every process. With another day
    the same things happened as many days before it.
    """
    return Population(
        today=today, cast=make_cast(today), crowd=make_crowd(seed, size, today=today), catalogue=CATALOGUE
    )
