"""Credentials upstream: fetched once for all who need them, renewed in time, and never shown."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from klantbeeld.errors import SourceError, SourceInvalid, SourceRefused, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.auth import Basic, Bearer, ClientCredentials, FormMembers, NoAuth
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.signing import HmacSigned, PassThrough, TokenExchange
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.secrets import Secrets

RENEW_BEFORE = 60.0

SECRETS = {"client_id": "me", "client_secret": "s&cret", "token": "t0p", "user": "u", "password": "p"}
CALL: Call[object] = Call(path="/x", record=object, form=(("a", "1"),))
FAR = 1e9

pytestmark = pytest.mark.asyncio


class TokenEndpoint:
    """Gives tokens of a lifetime, and keeps what it was asked; waits at its gate where there is one."""

    def __init__(self, expires_in: int | None = 3600) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.deadlines: list[float] = []
        self.expires_in = expires_in
        self.gate: asyncio.Event | None = None
        self.reply: Callable[[], Reply] | None = None

    async def __call__(self, call: Call[Any], deadline: float) -> Reply:
        self.asked.append(parse_qs(call.content()[0].decode()))
        self.deadlines.append(deadline)
        if self.gate:
            await self.gate.wait()
        if self.reply:
            return self.reply()
        body: dict[str, Any] = {"access_token": f"token {len(self.asked)}", "token_type": "Bearer"}
        if self.expires_in is not None:
            body["expires_in"] = self.expires_in
        return Reply(200, (), msgspec.json.encode(body))


ANNA = CallContext(deadline=FAR, token="annas")
BRAM = CallContext(deadline=FAR, token="brams")


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def fetching(endpoint: TokenEndpoint, clock: Clock, scope: str | None = None) -> Credentials:
    auth = ClientCredentials("https://login.example/token", scope=scope)
    return Credentials(auth, SECRETS, fetch_token=endpoint, clock=clock)


async def proof(credentials: Credentials, deadline: float = FAR) -> str:
    ((_, value),) = await credentials.headers(deadline)
    return value.decode()


async def test_a_token_is_fetched_when_it_is_first_needed() -> None:
    endpoint = TokenEndpoint()
    credentials = fetching(endpoint, Clock(), scope="all.default")
    assert endpoint.asked == []

    assert await proof(credentials, 77) == "Bearer token 1"
    assert endpoint.asked == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["me"],
            "client_secret": ["s&cret"],
            "scope": ["all.default"],
        }
    ]
    assert endpoint.deadlines == [77]


async def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    endpoint, clock = TokenEndpoint(expires_in=3600), Clock()
    credentials = fetching(endpoint, clock)
    await proof(credentials)

    clock.now = 3600 - RENEW_BEFORE - 1
    assert await proof(credentials) == "Bearer token 1"
    clock.now = 3600 - RENEW_BEFORE
    assert await proof(credentials) == "Bearer token 2"
    assert await proof(credentials) == "Bearer token 2"


async def test_a_token_of_a_short_life_is_used_for_half_of_it() -> None:
    endpoint, clock = TokenEndpoint(expires_in=20), Clock()
    credentials = fetching(endpoint, clock)
    await proof(credentials)

    clock.now = 9
    assert await proof(credentials) == "Bearer token 1"
    clock.now = 10
    assert await proof(credentials) == "Bearer token 2"


async def test_a_token_without_a_lifetime_is_used_for_some_minutes() -> None:
    endpoint, clock = TokenEndpoint(expires_in=None), Clock()
    credentials = fetching(endpoint, clock)
    await proof(credentials)

    clock.now = 239
    assert await proof(credentials) == "Bearer token 1"
    clock.now = 240
    assert await proof(credentials) == "Bearer token 2"


async def test_whoever_needs_a_token_at_the_same_time_waits_for_one_fetch() -> None:
    endpoint = TokenEndpoint()
    endpoint.gate = asyncio.Event()
    credentials = fetching(endpoint, Clock())
    asking = [asyncio.ensure_future(proof(credentials)) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    endpoint.gate.set()

    assert set(await asyncio.gather(*asking)) == {"Bearer token 1"}
    assert len(endpoint.asked) == 1


async def test_a_fetch_that_fails_is_tried_again_by_the_next() -> None:
    endpoint = TokenEndpoint()
    endpoint.reply = lambda: Reply(503, (), b"")
    credentials = fetching(endpoint, Clock())
    with pytest.raises(SourceUnavailable):
        await proof(credentials)

    endpoint.reply = None
    assert await proof(credentials) == "Bearer token 2"


async def test_a_token_that_was_refused_is_forgotten() -> None:
    endpoint = TokenEndpoint()
    credentials = fetching(endpoint, Clock())
    await proof(credentials)
    credentials.forget_token()

    assert await proof(credentials) == "Bearer token 2"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(400, (), b'{"error": "invalid_client"}'), SourceRefused),
        (Reply(401, (), b""), SourceRefused),
        (Reply(403, (), b""), SourceRefused),
        (Reply(500, (), b""), SourceUnavailable),
        (Reply(302, (), b""), SourceInvalid),
        (Reply(200, (), b"<html>"), SourceInvalid),
        (Reply(200, (), b"{}"), SourceInvalid),
        (Reply(200, (), b'{"access_token": "t", "expires_in": "soon"}'), SourceInvalid),
        (Reply(200, (), b'{"access_token": "\xff"}'), SourceInvalid),
    ],
)
async def test_an_endpoint_that_gives_no_token_is_a_problem_before_anything_is_sent(
    reply: Reply, problem: type[SourceError]
) -> None:
    endpoint = TokenEndpoint()
    endpoint.reply = lambda: reply

    with pytest.raises(SourceError) as raised:
        await proof(fetching(endpoint, Clock()))
    assert type(raised.value) is problem
    assert not raised.value.sent
    assert "s&cret" not in str(raised.value)


async def test_whoever_waits_for_anothers_fetch_keeps_its_own_deadline() -> None:
    endpoint = TokenEndpoint()
    endpoint.gate = asyncio.Event()
    credentials = fetching(endpoint, Clock())
    patient = asyncio.ensure_future(proof(credentials))
    await asyncio.sleep(0)

    with pytest.raises(SourceTimeout) as raised:
        async with asyncio.timeout(5):
            await proof(credentials, asyncio.get_running_loop().time() + 0.01)
    assert not raised.value.sent

    endpoint.gate.set()
    assert await patient == "Bearer token 1"


async def test_whoever_goes_away_while_fetching_does_not_take_the_token_from_others() -> None:
    endpoint = TokenEndpoint()
    endpoint.gate = asyncio.Event()
    credentials = fetching(endpoint, Clock())
    first, second = (asyncio.ensure_future(proof(credentials)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    endpoint.gate.set()

    assert await second == "Bearer token 2"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_fixed_proofs_are_added_as_the_product_has_them() -> None:
    async def applied(auth: Any) -> Call[object]:
        return await Credentials(auth, SECRETS, fetch_token=TokenEndpoint(), clock=Clock()).apply(CALL, FAR)

    assert (await applied(NoAuth())) == CALL
    assert (await applied(Bearer("token"))).headers == (("authorization", "Bearer t0p"),)
    assert (await applied(Basic("user", "password"))).headers == (("authorization", "Basic dTpw"),)
    form = (await applied(FormMembers((("apiKey", "token"), ("secret", "client_secret"))))).form
    assert form == (("a", "1"), ("apiKey", "t0p"), ("secret", "s&cret"))


async def test_only_a_proof_in_headers_is_the_same_for_every_call() -> None:
    def are_in_headers(auth: Any) -> bool:
        return Credentials(auth, SECRETS, fetch_token=TokenEndpoint(), clock=Clock()).are_in_headers

    assert all(are_in_headers(auth) for auth in (NoAuth(), Bearer("token"), Basic("user", "password")))
    assert not are_in_headers(FormMembers((("apiKey", "token"),)))
    assert not are_in_headers(HmacSigned("token"))


async def test_each_caller_has_a_token_of_its_own_which_is_exchanged_once() -> None:
    endpoint = TokenEndpoint()
    auth = TokenExchange("https://login.example/token")
    credentials = Credentials(auth, SECRETS, fetch_token=endpoint, clock=Clock())
    got = [await credentials.headers(FAR, caller) for caller in (ANNA, BRAM, ANNA, BRAM)]
    assert [value for ((_, value),) in got] == [b"Bearer token 1", b"Bearer token 2"] * 2
    assert [asked["subject_token"] for asked in endpoint.asked] == [["annas"], ["brams"]]


async def test_of_callers_tokens_so_many_are_kept_as_the_settings_say() -> None:
    endpoint = TokenEndpoint()
    auth = TokenExchange("https://login.example/token")
    credentials = Credentials(auth, SECRETS, fetch_token=endpoint, clock=Clock(), most_tokens=1)
    for caller in (ANNA, BRAM, ANNA):
        await credentials.headers(FAR, caller)
    assert len(endpoint.asked) == 3


async def test_a_callers_token_that_is_refused_is_forgotten_and_no_other() -> None:
    endpoint = TokenEndpoint()
    auth = TokenExchange("https://login.example/token")
    credentials = Credentials(auth, SECRETS, fetch_token=endpoint, clock=Clock())
    for caller in (ANNA, BRAM):
        await credentials.headers(FAR, caller)
    credentials.forget_token(ANNA)
    for caller in (ANNA, BRAM):
        await credentials.headers(FAR, caller)
    assert [asked["subject_token"] for asked in endpoint.asked] == [["annas"], ["brams"], ["annas"]]


async def test_what_goes_upstream_is_told_apart_by_caller_only_where_it_is_the_callers() -> None:
    def identity(auth: Any, caller: CallContext) -> str:
        return Credentials(auth, SECRETS, fetch_token=TokenEndpoint(), clock=Clock()).identity(caller)

    assert identity(Bearer("token"), ANNA) == identity(Bearer("token"), BRAM) == ""
    for auth in (PassThrough(), TokenExchange("https://login.example/token")):
        assert identity(auth, ANNA) != identity(auth, BRAM)
        assert "annas" not in identity(auth, ANNA)


async def test_nobody_is_refused_where_a_caller_is_needed() -> None:
    credentials = Credentials(PassThrough(), {}, fetch_token=TokenEndpoint(), clock=Clock())
    with pytest.raises(SourceRefused) as raised:
        await credentials.headers(FAR, CallContext(deadline=FAR))
    assert not raised.value.sent


async def test_a_context_does_not_show_the_callers_token() -> None:
    assert "annas" not in repr(ANNA)


async def test_new_secrets_are_used_from_the_next_call_and_fetch_a_new_token() -> None:
    kept, changed = dict(SECRETS), [False]

    class Watched(Secrets):
        def refresh(self, now: float) -> bool:
            if changed[0]:
                self.values = dict(kept)
            return changed[0]

    secrets = Watched(lambda: kept)
    secrets.may_change = True
    endpoint = TokenEndpoint()
    auth = ClientCredentials("https://login.example/token")
    credentials = Credentials(auth, secrets, fetch_token=endpoint, clock=Clock())
    assert await proof(credentials) == "Bearer token 1"
    kept["client_secret"], changed[0] = "rotated", True
    assert await proof(credentials) == "Bearer token 2"
    assert [asked["client_secret"] for asked in endpoint.asked] == [["s&cret"], ["rotated"]]
