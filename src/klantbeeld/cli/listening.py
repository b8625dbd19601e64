"""The port of the gateway, bound before anything else is started, so that a port that is taken costs nothing."""

import os
import socket

from klantbeeld.errors import ConfigurationError

# Connections that wait to be accepted; the system's own bound is mostly lower.
BACKLOG = 2_048


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; port 0 takes a free one. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        problem = f"{host}:{port} cannot be listened on ({os.strerror(error.errno or 0)})"
        mend = "End what listens there, or choose another with --port; 0 takes a free one"
        raise ConfigurationError("gateway.port", problem, mend) from error
    # Connections inherit it; asyncio leaves it off for a listener made so, and each answer would wait 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port that is listened on."""
    port: int = listener.getsockname()[1]
    return port


def address_of(listener: socket.socket, path: str = "") -> str:
    """Return the address under which somebody on this machine asks."""
    host: str = listener.getsockname()[0]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what is listened on is shown
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port_of(listener)}{path}"
