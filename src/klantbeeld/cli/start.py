"""Where the command `klantbeeld` begins; imports nothing heavy, so that Ctrl-C finds it ready."""

import sys

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells count


def main() -> None:
    """Run the command; Ctrl-C leaves with 130 and without a word, from the first import on."""
    try:
        from klantbeeld.cli.commands import main as run  # noqa: PLC0415 - takes long enough to be interrupted

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
