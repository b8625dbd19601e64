"""The settings of serving: how much is let in at once, and how the gateway stops."""

from pydantic import Field

from klantbeeld.settings_section import Seconds, Secret, Section


class DoorSettings(Section):
    """How many GraphQL requests are answered at once; those beyond are refused early, the least important first.

    Agents come before apps, apps before partners, and all of these before callers whose token was not seen yet.
    """

    most: int = Field(default=256, gt=0)
    """Most requests that are answered at once."""
    least: int = Field(default=64, gt=0)
    """So many are let in even where `adaptive` finds the process busy.

    With so many at once a busy process answered half within 50 ms, and 99 of 100 within 300 (docs/performance.md).
    """
    adaptive: bool = True
    """Let fewer in while the process is so busy that its event loop keeps coming late, and more when it does not."""
    lag: Seconds = 0.05
    """Lateness of the event loop that counts as busy, in seconds; half a second of it in a row lets fewer in."""
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


class TracesSettings(Section):
    """Traces for OpenTelemetry, sent to a collector by OTLP over HTTP in JSON; no personal data is in them."""

    endpoint: str | None = Field(default=None, pattern=r"^https?://")
    """Where the collector takes traces (`http://127.0.0.1:4318/v1/traces`); without it nothing is traced."""
    headers: dict[str, Secret | str] = Field(default_factory=dict, repr=False)
    """Headers that the collector wants; secrets by environment or file."""
    sample: float = Field(default=0.1, ge=0, le=1)
    """Share of the requests that are traced."""
    follow_callers: bool = True
    """A request whose `traceparent` says that it is traced is, and one that says that it is not, is not. Switch it off
    where strangers can ask: it is followed before anybody is known."""
    service: str = Field(default="klantbeeld", min_length=1)
    """`service.name` of the traces."""
    batch: int = Field(default=512, gt=0)
    """Spans that are sent together."""
    every: Seconds = 5.0
    """Longest that a span waits for its batch, in seconds."""
    waiting: int = Field(default=8_192, gt=0)
    """Most spans that wait to be sent; beyond it they are dropped, and counted."""
    timeout: Seconds = 5.0
    """Longest that the collector may take, in seconds."""
    retry_after: Seconds = 1.0
    """Time before a batch is sent again that the collector could not take, in seconds; twice at most."""


class StoppingSettings(Section):
    """What happens between SIGTERM and the end."""

    accept: float = Field(default=5.0, ge=0, le=600, allow_inf_nan=False)
    """Time for which requests are still taken while `/ready` says no already, in seconds: what is in front has to
    notice. Ctrl-C does not wait for it."""
    finish: Seconds = 20.0
    """Longest that requests under way are finished afterwards, in seconds."""
