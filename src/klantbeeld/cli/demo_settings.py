"""The demo's configuration: written as files that a newcomer can read, check and copy.

Everything lies in one folder: `klantbeeld.toml`, the secrets each in a file of its own, the issuer's keys, the store.
"""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.views import views_folder
from klantbeeld.errors import ConfigurationError
from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings
from klantbeeld.settings_file import load_settings

TEMPLATE = Path(__file__).with_name("demo.toml")
NAME = "klantbeeld.toml"
MARK = b"# The demo:"  # how the template begins

# Credentials that are names, not secrets, and stand in the settings file.
PUBLIC: Mapping[System, frozenset[str]] = {
    "dataverse": frozenset({"client_id"}),
    "stripe": frozenset(),
    "zendesk": frozenset(),
    "sap_customer_data_cloud": frozenset(),
}


def write_settings(folder: Path, sandbox: Sandbox, issuer: DemoIssuer, *, port: int) -> Path:
    """Write all files of the demo's configuration; returns the settings file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    for name in ("match_key", "trail_key"):
        _write_secret(folder, name, base64.b64encode(secrets.token_bytes(32)).decode())
    for system in SYSTEMS:
        for credential, value in sandbox.credentials(system).items():
            if credential not in PUBLIC[system]:
                _write_secret(folder, f"{system}_{credential}", value)
    issuer.save(folder / "issuer.json")
    (folder / "jwks.json").write_bytes(issuer.jwks())
    file = folder / NAME
    file.write_text(_filled(folder, sandbox, issuer, port), encoding="utf-8")
    return file


def make_folder(folder: Path) -> None:
    """Make the folder where it is missing, with no settings in it but a demo's own; raises ConfigurationError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_settings_of_others(folder / NAME)
    except OSError as error:
        problem = f"cannot be used as a folder: {error.strerror}"
        raise ConfigurationError(str(folder), problem, "Name another folder with --folder") from error


def _refuse_settings_of_others(file: Path) -> None:
    if file.exists() and not file.read_bytes().startswith(MARK):
        raise ConfigurationError(str(file), "is not a demo's settings file", "Name another folder with --folder")


def demo_settings(file: Path) -> Settings:
    """Load the demo's settings; nothing of them comes from the environment."""
    return load_settings(file, {})


def _filled(folder: Path, sandbox: Sandbox, issuer: DemoIssuer, port: int) -> str:
    values = {
        "folder": folder.resolve().as_posix(),
        "views": views_folder().as_posix(),
        "issuer": issuer.issuer,
        "audience": issuer.audience,
    }
    values |= {"port": str(port), "tenant_id": sandbox.credentials("dataverse")["tenant_id"]}
    values |= {f"{system}_url": sandbox.base_url(system) for system in SYSTEMS}
    for system in SYSTEMS:
        for credential in PUBLIC[system]:
            values[f"{system}_{credential}"] = sandbox.credentials(system)[credential]
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value.replace("\\", "\\\\").replace('"', '\\"'))  # a folder may hold either
    return text


def _write_secret(folder: Path, name: str, value: str) -> None:
    file = folder / "secrets" / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(value, encoding="utf-8")
