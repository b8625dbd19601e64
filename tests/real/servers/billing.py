"""Run localstripe, Stripe's API as its authors wrote it again, in the virtual environment that `install` made for it.

On a free port of 127.0.0.1, said on standard output, until standard input closes; localstripe's own command listens on
every address.
"""

import json
import os
import signal
import socket
import sys
import threading

from aiohttp import web  # type: ignore[import-not-found]  # in a venv of its own
from localstripe import server  # type: ignore[import-not-found]  # in a venv of its own
from localstripe.resources import Store  # type: ignore[import-not-found]  # in a venv of its own


def main() -> None:
    Store.dump_to_disk = lambda _: None  # it would share one file with every other run on the machine
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    web.run_app(server.app, sock=listener, access_log=None, print=None)


def stop_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
