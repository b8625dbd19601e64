"""The demo's own issuer."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.access.admission import make_admission
from klantbeeld.access.defaults import SCOPES, default_access
from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.settings import IssuerSettings


async def no_address(url: str) -> bytes:
    raise AssertionError(url)


@pytest.mark.asyncio
async def test_a_gateway_that_has_its_key_file_lets_its_tokens_in(demo: DemoIssuer, tmp_path: Path, clock: Any) -> None:
    (tmp_path / "jwks.json").write_bytes(demo.jwks())
    issuer = IssuerSettings(
        issuer=demo.issuer, audience=demo.audience, jwks_file=tmp_path / "jwks.json", classes=("agent", "partner")
    )
    admission = make_admission(default_access(issuer), get=no_address, clock=clock)
    token = demo.token("shop-1", "shop", caller_class="partner", scopes=SCOPES, purposes=["offers"])
    caller = await admission(f"Bearer {token}", {})
    assert (caller.subject, caller.client_id, caller.rows, caller.rights.purpose) == (
        "shop-1",
        "shop",
        "granted",
        "offers",
    )
    assert caller.expires_at == clock() + 3600


def test_the_key_set_holds_no_private_key(demo: DemoIssuer) -> None:
    [key] = json.loads(demo.jwks())["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_two_issuers_have_two_keys(clock: Any) -> None:
    assert DemoIssuer.new(clock=clock).jwks() != DemoIssuer.new(clock=clock).jwks()


def test_a_saved_issuer_is_the_same_and_its_file_is_its_owners_alone(
    demo: DemoIssuer, tmp_path: Path, clock: Any
) -> None:
    path = tmp_path / "issuer.json"
    path.write_text("older")
    path.chmod(0o644)
    demo.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert DemoIssuer.load(path, clock=clock).jwks() == demo.jwks()


def test_the_request_path_does_not_import_it() -> None:
    program = "import sys, klantbeeld.access.admission; print('klantbeeld.access.issuer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
