"""The gateway behind an authorization server that others wrote: oidc-provider, by the address of its keys."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from tests.acceptance.running import ANSWER_SECONDS, Gateway, free_port
from tests.acceptance.running import running as serving

from .processes import NODE, POLL_SECONDS, SERVERS, Server, needs_install, running, wait_until

pytestmark = [pytest.mark.real, needs_install]

AUDIENCE, ANOTHER = "https://gateway.example/graphql", "https://another.example"
LIFETIME = 3  # seconds that tokens of the client `hasty` are good
KEYS_MAX_AGE = 1.0
WITHIN = 15.0
SECRET = "not-much-of-a-secret"
CLIENTS: Mapping[str, Mapping[str, Any]] = {
    "agent-desktop": {"secret": SECRET, "scope": "customer:read sources:read"},
    "hasty": {"secret": SECRET, "scope": "customer:read sources:read", "lifetime": LIFETIME},
    "narrow": {"secret": SECRET, "scope": "customer:read"},
}
SETTINGS = """
[gateway]
port = {port}

[store]
url = "sqlite:///{folder}/klantbeeld.sqlite"

[identity]
match_key = {{ file = "{folder}/key" }}

[access.trail]
key = {{ file = "{folder}/key" }}

[[access.issuers]]
issuer = "{issuer}"
audience = "{audience}"
jwks_uri = "{issuer}/jwks"
keys_max_age = {keys_max_age}
leeway = 0
classes = ["agent"]

[access.classes.agent]
scopes = ["customer:read", "sources:read"]
rows = "all"
purposes = ["service"]
deadline = 5.0

[access.purposes.service]
title = {{ nl = "Klantenservice", en = "Customer service" }}
scopes = ["customer:read", "sources:read"]
"""


Asking = Callable[[str], httpx.Response]


@dataclass(frozen=True, slots=True)
class Issuer:
    """The folder that an issuer is started from; it signs with the first of its keys, and publishes all."""

    folder: Path
    log: Path

    def started(self, *keys: RSAKey, port: int = 0) -> AbstractContextManager[Server]:
        """Run it with these keys as long as the block."""
        private = {"keys": [key.as_dict(private=True) for key in keys]}
        (self.folder / "keys.json").write_text(json.dumps(private), encoding="utf-8")
        (self.folder / "clients.json").write_text(json.dumps(CLIENTS), encoding="utf-8")
        files = ("--clients", self.folder / "clients.json", "--keys", self.folder / "keys.json")
        ports = ("--port", str(port), "--resources", f"{AUDIENCE} {ANOTHER}")
        return running([NODE or "node", SERVERS / "issuer.mjs", *files, *ports], self.log)


def new_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


def token_of(server: Server, client: str = "agent-desktop", *, audience: str = AUDIENCE) -> str:
    """Get a token as a client does (RFC 6749, section 4.4; RFC 8707)."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": SECRET}
    asked = {"scope": CLIENTS[client]["scope"], "resource": audience}
    response = httpx.post(f"{server.address}/token", data=form | asked)
    assert response.status_code == httpx.codes.OK, response.text
    token: str = response.json()["access_token"]
    return token


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory, logs: Path) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"), logs / "issuer.log")


@contextmanager
def trusting(server: Server, folder: Path) -> Iterator[Asking]:
    """Serve a gateway that trusts an issuer, as long as the block; gives what asks it with a token."""
    (folder / "key").write_text(base64.b64encode(secrets.token_bytes(32)).decode(), encoding="utf-8")
    values: dict[str, Any] = {"issuer": server.address, "audience": AUDIENCE, "keys_max_age": KEYS_MAX_AGE}
    file = folder / "klantbeeld.toml"
    port = free_port()
    file.write_text(SETTINGS.format(folder=folder, port=port, **values), encoding="utf-8")
    with serving(Gateway(file, port)) as gateway, httpx.Client(timeout=ANSWER_SECONDS) as client:

        def ask(token: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return client.post(f"{gateway.address}/graphql", json={"query": "{ sources { name } }"}, headers=headers)

        yield ask


@pytest.fixture(scope="module")
def server(issuer: Issuer) -> Iterator[Server]:
    with issuer.started(new_key("only")) as server:
        yield server


@pytest.fixture(scope="module")
def ask(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with trusting(server, tmp_path_factory.mktemp("gateway")) as ask:
        yield ask


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", ())]


@pytest.mark.feature("2 real", "Tokens of oidc-provider are accepted by the keys at its address")
def test_a_token_is_accepted_by_the_keys_at_the_issuers_address(ask: Asking, server: Server) -> None:
    response = ask(token_of(server))
    assert (response.status_code, response.json()) == (200, {"data": {"sources": []}})


def test_a_token_carries_its_own_scopes_and_no_more(ask: Asking, server: Server) -> None:
    response = ask(token_of(server, "narrow"))
    assert response.status_code == 200
    assert codes(response) == ["SCOPE_MISSING"]


@pytest.mark.feature("2 real", "A token of oidc-provider for another audience is refused")
def test_a_token_for_another_audience_is_refused(ask: Asking, server: Server) -> None:
    response = ask(token_of(server, audience=ANOTHER))
    assert (response.status_code, codes(response)) == (401, ["TOKEN_INVALID"])
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.feature("2 real", "A token of oidc-provider is refused when it has expired")
def test_a_token_is_refused_when_it_has_expired(ask: Asking, server: Server) -> None:
    token = token_of(server, "hasty")
    assert ask(token).status_code == 200
    wait_until(lambda: ask(token).status_code == 401, WITHIN)
    assert codes(ask(token)) == ["TOKEN_EXPIRED"]


@pytest.mark.feature("2 real", "The gateway lives through a rotation of an issuer's keys")
def test_the_gateway_lives_through_a_rotation_of_keys(issuer: Issuer, tmp_path: Path) -> None:
    """The new key signs while the old one is still published; then that is withdrawn; then the issuer is away."""
    old, new = new_key("old"), new_key("new")
    with ExitStack() as stack:
        with issuer.started(old) as server:
            ask = stack.enter_context(trusting(server, tmp_path))
            before = token_of(server)
            assert ask(before).status_code == 200
        with issuer.started(new, old, port=server.port):
            after = token_of(server)
            wait_until(lambda: ask(after).status_code == 200, WITHIN)
            assert ask(before).status_code == 200
        with issuer.started(new, port=server.port):
            wait_until(lambda: ask(before).status_code == 401, WITHIN)
            assert ask(after).status_code == 200
            unused = token_of(server)
        away_since = time.monotonic()
        while time.monotonic() < away_since + 2 * KEYS_MAX_AGE:
            assert ask(unused).status_code == 200
            time.sleep(POLL_SECONDS)
