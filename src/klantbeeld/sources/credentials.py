"""Credentials upstream: the secrets of a source, and the tokens that are fetched with them.

A token is fetched when it is first needed and again before it expires; callers that need it at the same time wait for
one fetch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from klantbeeld.errors import SourceError, SourceInvalid, SourceRefused, SourceTimeout
from klantbeeld.sdk.auth import Auth, Basic, Bearer, ClientCredentials, NoAuth, TokenReply
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply

# A token is renewed this long before it expires, in seconds, so that none runs out on its way.
RENEW_BEFORE = 60.0

FetchToken = Callable[[Call[TokenReply], float], Awaitable[Reply]]
Close = Callable[[], Awaitable[None]]


async def nothing_to_close() -> None:
    """Do nothing; for credentials that need no connection."""


class Credentials:
    """The credentials of one source; lives as long as the source.

    `fetch_token` sends the call to the token endpoint, with an absolute deadline; `close` ends its connections. `clock`
    is monotonic, in seconds.
    """

    def __init__(
        self,
        auth: Auth,
        secrets: Mapping[str, str],
        *,
        fetch_token: FetchToken,
        clock: Callable[[], float],
        close: Close = nothing_to_close,
    ) -> None:
        self._auth = auth
        self._secrets = dict(secrets)
        self._fetch_token = fetch_token
        self.aclose = close
        self._clock = clock
        self._renew_at = float("-inf")
        self._renewing = asyncio.Lock()
        self._headers: tuple[tuple[bytes, bytes], ...] | None = None

    async def apply(self, call: Call[object], deadline: float) -> Call[object]:
        """Return the call with its proof; raises SourceError when no token can be had."""
        if isinstance(self._auth, ClientCredentials) and self._clock() >= self._renew_at:
            await self._renew(self._auth, deadline)
        return self._auth.apply(call, self._secrets)

    @property
    def are_in_headers(self) -> bool:
        """Whether the proof is nothing but header lines, the same for every call."""
        return isinstance(self._auth, NoAuth | Bearer | Basic | ClientCredentials)

    async def headers(self, deadline: float) -> tuple[tuple[bytes, bytes], ...]:
        """Return the header lines of the proof; made anew with each token."""
        if self._headers is None or (isinstance(self._auth, ClientCredentials) and self._clock() >= self._renew_at):
            proven = await self.apply(Call(path="", record=TokenReply), deadline)
            self._headers = tuple((name.encode(), value.encode()) for name, value in proven.headers)
        return self._headers

    def forget_token(self) -> None:
        """Fetch a new token for the next call: the source did not take the present one."""
        self._renew_at = float("-inf")
        self._headers = None

    async def _renew(self, auth: ClientCredentials, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline), self._renewing:
                await self._renew_once(auth, deadline)
        except TimeoutError as error:  # the wait may be for another's fetch, whose deadline is later
            raise SourceTimeout("token endpoint: no token in time", sent=False) from error
        except SourceError as problem:
            problem.sent = False  # the call that needs the token has not left
            raise

    async def _renew_once(self, auth: ClientCredentials, deadline: float) -> None:
        if self._clock() < self._renew_at:
            return
        token = _read_token(await self._fetch_token(self._token_call(auth), deadline))
        self._secrets["access_token"] = token.access_token
        self._renew_at = self._clock() + max(token.expires_in - RENEW_BEFORE, token.expires_in / 2)

    def _token_call(self, auth: ClientCredentials) -> Call[TokenReply]:
        form = [("grant_type", "client_credentials")]
        form += [(name, self._secrets[name]) for name in ("client_id", "client_secret")]
        if auth.scope:
            form.append(("scope", auth.scope))
        return Call(method="POST", path="", form=form, record=TokenReply)


def _read_token(reply: Reply) -> TokenReply:
    if reply.status != 200:  # noqa: PLR2004 - RFC 6749, section 5.1
        error: type[SourceError] = SourceRefused if reply.status in {400, 401, 403} else SourceInvalid
        raise error(f"token endpoint: status {reply.status}", sent=False)
    try:
        return msgspec.json.decode(reply.body, type=TokenReply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceInvalid("token endpoint: not a token", sent=False) from error
