"""The command line: every command is a module of its own, imported when it is called."""

from klantbeeld.cli.start import main

__all__ = ["main"]
