"""Chance, seeded: the same seed gives the same people in every process."""

from random import Random


class Chance(Random):
    """A random generator that also says whether something happens, given how often it does."""

    def happens(self, share: float) -> bool:
        """Return True in ``share`` of the cases (0 to 1)."""
        return self.random() < share
