"""Tokens of the demo's own issuer."""

import sys
import time
from datetime import date
from pathlib import Path

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_people import PARTNER
from klantbeeld.cli.demo_settings import demo_settings
from klantbeeld.errors import ConfigurationError
from klantbeeld.sandbox.cast import make_cast
from klantbeeld.settings import Settings
from klantbeeld.settings_file import closest


def token_for(who: str, issuer: DemoIssuer, settings: Settings, *, minutes: int) -> str:
    """Make a token for `agent`, for `partner`, or for the app of the customer with this key."""
    caller_class = who if who in {"agent", "partner"} else "app"
    names = {"agent": ("agent-1", "agent-desktop"), "partner": (PARTNER, PARTNER), "app": (who, "mijn-app")}
    subject, client = names[caller_class]
    scopes = settings.access.classes[caller_class].scopes
    return issuer.token(subject, client, caller_class=caller_class, scopes=scopes, lifetime=minutes * 60)


def print_token(who: str, folder: Path, *, minutes: int) -> None:
    """Print a token; raises ConfigurationError for somebody unknown, or if no demo was started with this folder."""
    known = {"agent", "partner", *(member.key for member in make_cast(date.today()))}  # noqa: DTZ011 - any day has them
    if who not in known:
        raise ConfigurationError(who, "is nobody whom the demo knows", closest(who, known))
    try:
        issuer = DemoIssuer.load(folder / "issuer.json", clock=time.time)
    except (OSError, ValueError) as error:
        mend = "Start it with: klantbeeld demo --folder FOLDER"
        raise ConfigurationError(str(folder), "holds no demo", mend) from error
    sys.stdout.write(token_for(who, issuer, demo_settings(folder / "klantbeeld.toml"), minutes=minutes) + "\n")
