"""Run one server of the sandbox: ``python -m klantbeeld.sandbox zendesk --port 9003``."""

import argparse
from datetime import date
from os import _exit

from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.server import run_server


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m klantbeeld.sandbox", description="Run one simulated source system."
    )
    parser.add_argument("name", choices=SYSTEMS, help="which product to simulate")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=7, help="seed of the population")
    parser.add_argument("--size", type=int, default=1000, help="people beside the cast")
    parser.add_argument("--today", type=date.fromisoformat, default=None, help="the day the facts are told on (UTC)")
    parser.add_argument("--requests-per-minute", type=int, default=None, help="switch the product's rate limit on")
    parser.add_argument("--attended", action="store_true", help="stop when standard input is closed")
    given = parser.parse_args()
    try:
        run_server(
            given.name,
            given.port,
            seed=given.seed,
            size=given.size,
            today=given.today,
            requests_per_minute=given.requests_per_minute,
            attended=given.attended,
        )
    except BrokenPipeError:
        _exit(1)  # whoever started us is gone before it could read the port; there is nobody to tell
    except OSError as error:
        parser.exit(1, f"{given.name} cannot listen on port {given.port}: {error.strerror}. Choose another --port.\n")


if __name__ == "__main__":
    main()
