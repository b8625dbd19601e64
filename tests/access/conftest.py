"""An issuer with a clock that stands still, and a verifier that believes it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import Key

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.access.keys import IssuerKeys
from klantbeeld.access.tokens import TokenVerifier, TrustedIssuer
from klantbeeld.errors import IssuerError

NOW = 1_800_000_000.0


@dataclass
class FakeClock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class FakeKeySource:
    """Answers with a key set, or does not; counts how often it was asked."""

    body: bytes
    is_down: bool = False
    asked: int = 0

    async def __call__(self) -> bytes:
        self.asked += 1
        if self.is_down:
            raise IssuerError("no answer")
        return self.body


@dataclass
class Mint:
    """Makes tokens, right ones unless told otherwise."""

    key: Key
    issuer: str
    audience: str
    clock: FakeClock
    header: dict[str, Any] = field(default_factory=dict)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Give good claims with changes; a change to None leaves the claim out."""
        now = int(self.clock())
        good = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "agent-7",
            "client_id": "desktop",
            "jti": "1",
            "iat": now,
            "exp": now + 300,
            "scope": "customer:read crm:read",
            "caller_class": "agent",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign claims; a member of the header that is None is left out."""
        whole = {"typ": "at+jwt", "alg": "ES256", "kid": self.key.kid} | (header or {})
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            self.claims(**changes),
            self.key,
            algorithms=["ES256", "HS256"],
            default_type=None,
        )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def demo(clock: FakeClock) -> DemoIssuer:
    return DemoIssuer.new(clock=clock)


@pytest.fixture
def mint(demo: DemoIssuer, clock: FakeClock) -> Mint:
    return Mint(demo._key, demo.issuer, demo.audience, clock)


@pytest.fixture
def key_source(demo: DemoIssuer) -> FakeKeySource:
    return FakeKeySource(demo.jwks())


@pytest_asyncio.fixture
async def trusted(demo: DemoIssuer, key_source: FakeKeySource, clock: FakeClock) -> AsyncIterator[TrustedIssuer]:
    keys = IssuerKeys(demo.issuer, key_source, clock=clock)
    algorithms = frozenset({"RS256", "ES256", "PS256", "EdDSA"})
    yield TrustedIssuer(demo.issuer, demo.audience, algorithms, ("agent", "app"), 30, keys)
    await keys.close()


@pytest_asyncio.fixture
async def verifier(trusted: TrustedIssuer, clock: FakeClock) -> AsyncIterator[TokenVerifier]:
    made = TokenVerifier([trusted], clock=clock, cached_tokens=3)
    yield made
    await made.close()
