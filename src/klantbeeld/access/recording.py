"""Recording: what the engine read or wrote, handed to the trail."""

from klantbeeld.access.trail import Trail


class Recording:
    """The engine's trail; lives as long as the app."""

    def __init__(self, trail: Trail) -> None:
        self.check = trail.check
        self.read = trail.note
