"""The door: headers in, a caller or a refusal out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from klantbeeld.access.admission import Admission, make_admission, trusted_issuer
from klantbeeld.access.defaults import default_access
from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.errors import Forbidden, Overloaded, Unauthenticated
from klantbeeld.settings import IssuerSettings

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def admission(demo: DemoIssuer, key_source: Any, clock: Any) -> AsyncIterator[Admission]:
    async def get(url: str) -> bytes:
        assert url == "https://keys.invalid/jwks"
        return bytes(await key_source())

    issuer = IssuerSettings(
        issuer=demo.issuer, audience=demo.audience, jwks_uri="https://keys.invalid/jwks", classes=("agent", "app")
    )
    made = make_admission(default_access(issuer), get=get, clock=clock)
    yield made
    await made.close()


async def test_a_good_token_lets_its_caller_in(admission: Admission, mint: Any) -> None:
    caller = await admission(f"Bearer {mint.token()}", {})
    assert (caller.caller_class, caller.rows, caller.rights.purpose) == ("agent", "all", "service")


async def test_the_header_names_the_purpose(admission: Admission, mint: Any) -> None:
    caller = await admission(f"Bearer {mint.token()}", {b"klantbeeld-purpose": b"advice"})
    assert caller.rights.purpose == "advice"


@pytest.mark.parametrize("purpose", [b"offers", b"\xff", b""])
async def test_a_purpose_that_is_not_allowed_is_refused(admission: Admission, mint: Any, purpose: bytes) -> None:
    with pytest.raises(Forbidden) as caught:
        await admission(f"Bearer {mint.token()}", {b"klantbeeld-purpose": purpose})
    assert caught.value.reason == "PURPOSE_NOT_ALLOWED"


async def test_no_token_is_answered_with_the_realm_alone(admission: Admission) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await admission(None, {})
    assert (caught.value.reason, caught.value.status) == ("TOKEN_MISSING", 401)
    assert caught.value.challenge == 'Bearer realm="klantbeeld"'


async def test_a_forged_token_is_answered_with_invalid_token(admission: Admission, mint: Any) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await admission(f"Bearer {mint.token()[:-4]}AAAA", {})
    assert caught.value.challenge is not None
    assert 'error="invalid_token"' in caught.value.challenge


async def test_a_class_of_another_issuer_is_refused(admission: Admission, mint: Any) -> None:
    with pytest.raises(Forbidden) as caught:
        await admission(f"Bearer {mint.token(caller_class='partner')}", {})
    assert caught.value.reason == "CALLER_CLASS_UNKNOWN"


async def test_an_issuer_that_is_down_is_not_the_callers_fault(
    admission: Admission, mint: Any, key_source: Any
) -> None:
    key_source.is_down = True
    with pytest.raises(Overloaded) as caught:
        await admission(f"Bearer {mint.token()}", {})
    assert caught.value.reason == "ISSUER_UNAVAILABLE"
    assert caught.value.retryable


async def test_either_name_of_ed25519_in_the_settings_means_both(demo: DemoIssuer, clock: Any) -> None:

    async def get(url: str) -> bytes:
        return demo.jwks()

    settings = IssuerSettings(
        issuer="i", audience="a", jwks_uri="https://i.invalid", classes=("agent",), algorithms=("Ed25519",)
    )
    assert trusted_issuer(settings, get=get, clock=clock).algorithms == {"EdDSA", "Ed25519"}
