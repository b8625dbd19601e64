"""The settings that a command works with."""

import os
from pathlib import Path

from klantbeeld.settings import Settings
from klantbeeld.settings_file import load_settings

HERE = Path("klantbeeld.toml")


def file_of(config: Path | None) -> Path | None:
    """Return the settings file that was named, or the one that lies here; None if there is neither."""
    return config or (HERE if HERE.exists() else None)


def settings_of(config: Path | None) -> Settings:
    """Load the settings; raises ConfigurationError."""
    return load_settings(file_of(config), os.environ)
