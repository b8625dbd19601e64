"""Credentials upstream: the secrets of a source, and the proofs that are made of them.

A token is fetched when it is first needed and again before it expires; callers that need it at the same time wait for
one fetch. A token on behalf of a caller is that caller's alone.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from klantbeeld.errors import SourceInvalid, SourceRefused
from klantbeeld.sdk.auth import Auth, Basic, Bearer, ClientCredentials, NoAuth
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.signing import ClientAssertion, JwtSigned, Moment, PassThrough, Signing, TokenExchange
from klantbeeld.sdk.tokens import Fetched, token_call
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.secrets import Secrets, fixed
from klantbeeld.sources.tokens import Close, FetchToken, Tokens, nothing_to_close

NOBODY = CallContext(deadline=0.0)
OURS = ""  # whose a token is that was fetched for no caller

Headers = tuple[tuple[bytes, bytes], ...]


class Credentials:
    """The credentials of one source; lives as long as the source.

    `fetch_token` sends a call to the token endpoint, with an absolute deadline; `close` ends its connections. `clock`
    is monotonic, `now` gives seconds since 1970. `known` fills templates: the source's options and `base_url`.
    """

    def __init__(
        self,
        auth: Auth | Signing,
        secrets: Secrets | Mapping[str, str],
        *,
        fetch_token: FetchToken,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
        known: Mapping[str, str] | None = None,
        close: Close = nothing_to_close,
        renew_before: float = 60.0,
        most_tokens: int = 1_024,
    ) -> None:
        self.aclose = close
        self.wants_callers_token = isinstance(auth, PassThrough | TokenExchange)
        self.are_in_headers = self.wants_callers_token or isinstance(
            auth, NoAuth | Bearer | Basic | ClientCredentials | ClientAssertion
        )
        # What kind it is is asked once: with a protocol that takes longer than to sign.
        self._signing = auth if isinstance(auth, Signing) else None
        self._auth = NoAuth() if isinstance(auth, Signing) else auth
        self._fetched = auth if isinstance(auth, Fetched) else None
        self._secrets = secrets if isinstance(secrets, Secrets) else fixed(secrets)
        self._clock = clock
        self._now = now
        self._known = dict(known or {})
        self._headers: Headers | None = None
        self._never_ends = not isinstance(auth, ClientCredentials | ClientAssertion)
        self._tokens = Tokens(fetch_token, clock=clock, renew_before=renew_before, most=most_tokens)

    def identity(self, context: CallContext) -> str:
        """Name whose credentials go upstream: empty for ours, else a hash that two callers never share.

        What was answered to one is no answer to another, whatever their rights here. Raises SourceRefused, not sent,
        where a caller is needed and there is none.
        """
        return hashlib.sha256(_token_of(context).encode()).hexdigest() if self.wants_callers_token else OURS

    async def apply(self, call: Call[Any], deadline: float, context: CallContext = NOBODY) -> Call[Any]:
        """Return the call with its proof; raises SourceError, not sent, when none can be had."""
        self._look()
        if self._signing is not None:
            return self._signed(self._signing, call)
        auth = self._auth
        if isinstance(auth, PassThrough):
            return auth.apply(call, {"caller_token": _token_of(context)})
        if fetched := self._fetched:
            token = await self._tokens.get(self.identity(context), lambda: self._token_call(fetched, context), deadline)
            return fetched.apply(call, {"access_token": token})
        return auth.apply(call, self._secrets.values)

    def at_hand(self) -> Headers | None:
        """Return the header lines of the proof, where nothing has to be fetched or made for them."""
        self._look()
        if self._headers is not None and (self._never_ends or self._tokens.is_fresh(OURS)):
            return self._headers
        return None

    async def headers(self, deadline: float, context: CallContext = NOBODY) -> Headers:
        """Return the header lines of the proof; ours are made anew with each token, callers' for each call."""
        found = self.at_hand()
        if found is not None:
            return found
        proven = await self.apply(Call(path="", record=object), deadline, context)
        made = tuple((name.encode(), value.encode()) for name, value in proven.headers)
        if not self.wants_callers_token:
            self._headers = made
        return made

    def forget_token(self, context: CallContext = NOBODY) -> None:
        """Fetch a new token for the next call, since the source did not take the present one; look at the files too."""
        self._tokens.forget(self.identity(context))
        self._secrets.look_soon()
        self._headers = None

    def _look(self) -> None:
        if self._secrets.may_change and self._secrets.refresh(self._clock()):
            self._tokens.forget_all()
            self._headers = None

    def _signed(self, auth: Signing, call: Call[Any]) -> Call[Any]:
        secrets = self._secrets.values
        if isinstance(auth, JwtSigned):
            secrets = secrets | {"audience": auth.audience.format(**self._known)}
        try:
            return auth.sign(call, secrets, self._moment())
        except ValueError as error:
            raise SourceInvalid(str(error), sent=False) from error

    def _token_call(self, auth: Fetched, context: CallContext) -> Call[Any]:
        callers = _token_of(context) if self.wants_callers_token else ""
        return token_call(auth, self._secrets.values, self._known, self._moment(), callers)

    def _moment(self) -> Moment:
        return Moment(self._now(), uuid.uuid4().hex)


def _token_of(context: CallContext) -> str:
    """Give the caller's token; raises SourceRefused, not sent, for a call that no caller is behind."""
    if context.token is None:
        raise SourceRefused("the source is asked on behalf of callers, and nobody asks", sent=False)
    return context.token
