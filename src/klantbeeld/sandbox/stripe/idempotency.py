"""Idempotency keys as Stripe documents them for API v1.

The first request with a key is executed, and its status and body are kept, errors included, once execution began: a
request that fails before that (authentication, unknown or malformed parameters, a clash with one under way) is not
kept. The same key with the same parameters gets the kept answer; with others it gets 400, and 409 while the first is
under way. Keys are kept for 24 hours unless the server is told another term.
"""

from collections.abc import Callable
from dataclasses import dataclass

from klantbeeld.sandbox.stripe.errors import IDEMPOTENCY, ApiError

TERM_SECONDS = 24 * 3600
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a key: the request it came with, when, and the answer once there is one."""

    path: str
    parameters: str
    at: int
    request_id: str
    status: int | None = None
    body: bytes = b""


class Keys:
    """The idempotency keys of one account. Lives as long as the server's app."""

    def __init__(self, now: Callable[[], int], term: Callable[[], int]) -> None:
        self._now = now
        self._term = term
        self._kept: dict[str, Kept] = {}

    def find(self, key: str, *, path: str, parameters: str) -> Kept | None:
        """Return the kept answer for this very request, or None where the key is new; raise ``ApiError`` else."""
        if len(key) > LONGEST_KEY:
            raise ApiError(f"Idempotency keys hold {LONGEST_KEY} characters at most.", kind=IDEMPOTENCY)
        kept = self._kept.get(key)
        if kept is None or self._now() - kept.at >= self._term():
            return None
        way_out = f"Try using a key other than '{key}' if you meant to execute a different request."
        if kept.path != path:
            message = "Keys for idempotent requests can only be used for the same endpoint they were first used for"
            raise ApiError(f"{message} ('{path}' vs '{kept.path}'). {way_out}", kind=IDEMPOTENCY)
        if kept.parameters != parameters:
            message = "Keys for idempotent requests can only be used with the same parameters they were first used with"
            raise ApiError(f"{message}. {way_out}", kind=IDEMPOTENCY)
        if kept.status is None:
            message = "There is currently another in-progress request using this Idempotent Key"
            raise ApiError(f"{message}: {key}.", status=409, kind=IDEMPOTENCY, code="idempotency_key_in_use")
        return kept

    def begin(self, key: str, *, path: str, parameters: str, request_id: str) -> None:
        """Note that the request with this key is under way."""
        self._kept[key] = Kept(path=path, parameters=parameters, at=self._now(), request_id=request_id)

    def keep(self, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer of the request under way."""
        begun = self._kept[key]
        self._kept[key] = Kept(
            path=begun.path,
            parameters=begun.parameters,
            at=begun.at,
            request_id=begun.request_id,
            status=status,
            body=body,
        )

    def drop(self, key: str) -> None:
        """Forget a request that never came to be executed."""
        self._kept.pop(key, None)
