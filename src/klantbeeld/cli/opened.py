"""The settings that a command works with."""

import os
from pathlib import Path

from klantbeeld.cli.terminal import remarks
from klantbeeld.settings import Settings
from klantbeeld.settings_file import PREFIX, load_settings

HERE = Path("klantbeeld.toml")


def file_of(config: Path | None) -> Path | None:
    """Return the settings file that was named, or the one that lies here; None if there is neither."""
    return config or (HERE if HERE.exists() else None)


def settings_of(config: Path | None) -> Settings:
    """Load the settings, and say so where there are none; raises ConfigurationError."""
    remark_if_there_are_none(config)
    return load_settings(file_of(config), os.environ)


def remark_if_there_are_none(config: Path | None) -> None:
    """Say where settings were looked for, if neither a file nor the environment sets anything: that is seldom meant."""
    if file_of(config) is None and not any(name.startswith(PREFIX) for name in os.environ):
        remarks().print(f"There is no {HERE} in this folder; name the settings file with --config.", markup=False)
