"""What is handed to operators fits what the gateway takes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from klantbeeld.registry import load_connectors
from klantbeeld.settings_check import ConnectorFacts, check
from klantbeeld.settings_file import load_settings

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def test_the_example_settings_are_sound_once_the_secrets_are_there(root: Path, tmp_path: Path) -> None:
    example = root / "deploy" / "klantbeeld.example.toml"
    secrets = dict.fromkeys(re.findall(r'env = "(\w+)"', example.read_text(encoding="utf-8")), KEY)
    environ = secrets | {
        "KLANTBEELD__STORE__URL": f"sqlite:///{tmp_path}/klantbeeld.sqlite",
        "KLANTBEELD__GATEWAY__PORT": "0",
    }
    assert [str(finding) for finding in check(load_settings(example, environ), environ, connectors=_connectors())] == []


def test_the_example_names_every_connector_that_is_shipped(root: Path) -> None:
    settings = load_settings(root / "deploy" / "klantbeeld.example.toml", {})
    assert {source.connector for source in settings.sources.values()} >= set(_connectors())


def test_the_image_is_made_of_locked_packages_and_runs_as_nobody_in_particular(root: Path) -> None:
    dockerfile = (root / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install [^&\n]*", dockerfile)
    assert [line for line in installs if "--require-hashes" not in line and "--no-index" not in line] == []
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert "apt-get" not in dockerfile


def test_the_composition_runs_the_gateway_read_only_without_capabilities(root: Path) -> None:
    compose = (root / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    gateway = compose[compose.index("  gateway:\n") : compose.index("  postgresql:\n")]
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert line in gateway
    assert re.search(r"image: postgres:\d", compose)
    assert re.search(r"image: valkey/valkey:\d", compose)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a clean root and change into it")
@pytest.mark.skipif(shutil.which("debootstrap") is None, reason="needs debootstrap, which .ci/run installs")
def test_the_dockerfiles_own_steps_make_an_image_that_serves_read_only_as_anybody(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, root / "scripts" / "verify_dockerfile.py"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "serve ran as 10001:10001 on a read-only root" in done.stdout
    assert "serve ran as 54321:54321 on a read-only root" in done.stdout


def _connectors() -> dict[str, ConnectorFacts]:
    found = load_connectors()
    return {
        name: ConnectorFacts(
            roles=frozenset(manifest.roles),
            options=frozenset(manifest.options),
            needed_options=frozenset(option for option, about in manifest.options.items() if about.default is None),
            credentials=frozenset(found.load(name).make.auth.needs),
            hosts=manifest.hosts,
        )
        for name, manifest in found.manifests.items()
    }
