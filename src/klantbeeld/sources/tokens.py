"""Tokens from a token endpoint: one fetch for all who wait for it, and a new one before the old one ends."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from klantbeeld.errors import SourceError, SourceInvalid, SourceRefused, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.auth import TokenReply
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply

FetchToken = Callable[[Call[TokenReply], float], Awaitable[Reply]]
Close = Callable[[], Awaitable[None]]


async def nothing_to_close() -> None:
    """Do nothing; for credentials that need no connection."""


@dataclass(slots=True)
class _Kept:
    """One token; `renew_at` is in the clock's seconds."""

    token: str = field(default="", repr=False)
    renew_at: float = float("-inf")
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """The tokens of one source, by whose they are: ours under the empty name. Lives as long as the source.

    Of callers' tokens at most `most` are kept, those used last. Each is kept under the token that it was exchanged for,
    so it cannot be reached once that is no longer accepted.
    """

    def __init__(
        self, fetch: FetchToken, *, clock: Callable[[], float], renew_before: float = 60.0, most: int = 1_024
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._renew_before = renew_before
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def is_fresh(self, key: str) -> bool:
        """Say whether there is a token that need not be renewed yet."""
        kept = self._kept.get(key)
        return kept is not None and self._clock() < kept.renew_at

    async def get(self, key: str, make_call: Callable[[], Call[TokenReply]], deadline: float) -> str:
        """Give a token, fetched if need be; raises SourceError, not sent, when none can be had by the deadline."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        if self._clock() >= kept.renew_at:
            await self._renew(kept, make_call, deadline)
        return kept.token

    def forget(self, key: str) -> None:
        """Fetch this one anew when it is next needed."""
        if key in self._kept:
            self._kept[key].renew_at = float("-inf")

    def forget_all(self) -> None:
        """Fetch every token anew: what they were fetched with is another."""
        self._kept.clear()

    async def _renew(self, kept: _Kept, make_call: Callable[[], Call[TokenReply]], deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline), kept.turn:
                if self._clock() < kept.renew_at:
                    return  # another did it meanwhile
                token = _read_token(await self._fetch(make_call(), deadline))
        except TimeoutError as error:  # the wait may be for another's fetch, whose deadline is later
            raise SourceTimeout("token endpoint: no token in time", sent=False) from error
        except ValueError as error:
            raise SourceInvalid(str(error), sent=False) from error
        except SourceError as problem:
            problem.sent = False  # the call that needs the token has not left
            raise
        kept.token = token.access_token
        kept.renew_at = self._clock() + max(token.expires_in - self._renew_before, token.expires_in / 2)


def _read_token(reply: Reply) -> TokenReply:
    if reply.status != 200:  # noqa: PLR2004 - RFC 6749, section 5.1
        kind: type[SourceError] = SourceRefused if reply.status in {400, 401, 403} else SourceInvalid
        if reply.status >= 500:  # noqa: PLR2004 - the range of server errors
            kind = SourceUnavailable
        problem = kind(f"token endpoint: status {reply.status}", sent=False)
        problem.status = reply.status
        raise problem
    try:
        return msgspec.json.decode(reply.body, type=TokenReply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceInvalid("token endpoint: not a token", sent=False) from error
