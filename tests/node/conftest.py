"""The demo's settings over the whole sandbox, served by `klantbeeld serve`, and scripts that ask it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.running import Deployment, Gateway, deploy, running

from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.sandbox.launcher import Sandbox

FOLDER = Path(__file__).parent
WITHIN = 90.0

# Debian's may be too old; then `install` took one from npm.
NODE = next((str(node) for node in FOLDER.glob("node_modules/node-linux-*/bin/node")), shutil.which("node"))

Run = Callable[..., Any]

needs_install = pytest.mark.skipif(
    NODE is None or not (FOLDER / "node_modules").is_dir(),
    reason="Node.js or the npm packages of these tests are not installed: tests/node/install",
)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(size=0) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def deployment(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return deploy(tmp_path_factory.mktemp("gateway"), sandbox)


@pytest.fixture(scope="session")
def agents_token(deployment: Deployment) -> str:
    """Make a token that may introspect, of an agent who may read every customer."""
    return token_for("agent", deployment.issuer, deployment.settings, minutes=10)


@pytest.fixture(scope="session")
def url(deployment: Deployment) -> Iterator[str]:
    """Serve; gives the address of the GraphQL endpoint."""
    settings = deployment.settings.gateway
    with running(Gateway(deployment.file, settings.port)) as gateway:
        yield f"{gateway.address}{settings.path}"


@pytest.fixture(scope="session")
def run() -> Run:
    """Give what runs a script of this folder with arguments; it returns what the script printed, as JSON."""

    def run_it(script: str, *arguments: str) -> Any:
        done = subprocess.run(
            [NODE or "node", FOLDER / script, *arguments], capture_output=True, timeout=WITHIN, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run_it
