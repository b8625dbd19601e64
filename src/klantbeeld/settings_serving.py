"""The settings of serving: how much is let in at once, and how the gateway stops."""

from pydantic import Field

from klantbeeld.settings_section import Seconds, Section


class DoorSettings(Section):
    """How many GraphQL requests are answered at once; those beyond are refused early, the least important first.

    Agents come before apps, apps before partners, and all of these before callers whose token was not seen yet.
    """

    most: int = Field(default=256, gt=0)
    """Most requests that are answered at once."""
    least: int = Field(default=16, gt=0)
    """So many are let in even where `adaptive` finds the process busy."""
    adaptive: bool = True
    """Let fewer in while the process is so busy that its event loop comes late, and more again when it does not."""
    lag: Seconds = 0.05
    """Lateness of the event loop that counts as busy, in seconds."""
    waiting: int = Field(default=64, ge=0)
    """Most requests that wait for a place; a more important one takes the place of a less important."""
    wait: Seconds = 0.01
    """Longest that a request waits for a place before it is refused with 503, in seconds."""
    retry_after: int = Field(default=1, gt=0)
    """The `Retry-After` of a refusal, in seconds."""
    unready_after: Seconds = 5.0
    """`/ready` says no when requests have been refused for so long without a pause, in seconds."""
    pause: Seconds = 1.0
    """A time without any refusal that counts as a pause, in seconds."""


class StoppingSettings(Section):
    """What happens between SIGTERM and the end."""

    accept: float = Field(default=5.0, ge=0, le=600, allow_inf_nan=False)
    """Time for which requests are still taken while `/ready` says no already, in seconds: what is in front has to
    notice. Ctrl-C does not wait for it."""
    finish: Seconds = 20.0
    """Longest that requests under way are finished afterwards, in seconds."""
