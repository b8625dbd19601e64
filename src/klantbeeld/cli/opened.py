"""The settings that a command works with."""

import os
from pathlib import Path

from klantbeeld.settings import Settings
from klantbeeld.settings_file import load_settings

HERE = Path("klantbeeld.toml")


def settings_of(config: Path | None) -> Settings:
    """Load the settings file that was named, or the one that lies here; raises ConfigurationError."""
    return load_settings(config or (HERE if HERE.exists() else None), os.environ)
