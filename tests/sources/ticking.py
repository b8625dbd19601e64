"""A clock that a test moves, and sleeping on it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Clock:
    """Seconds since some moment; `slept` are the waits that were asked for."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Be that much later at once."""
        self.slept.append(seconds)
        self.now += seconds
