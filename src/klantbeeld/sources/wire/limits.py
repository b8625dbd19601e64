"""Limits: every number that bounds a pool of connections and what is read from them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one source. Times are in seconds, sizes in bytes.

    Time-outs of exchanges are watched by one timer a pool, so they may strike up to `resolution` late, never early, and
    `idle` and `age` a second late. Opening a connection has a timer of its own.
    """

    connect: float = 1.0
    """Longest that resolving a name, connecting and the TLS handshake may take together."""
    first_byte: float = 2.0
    """Longest between sending a request and the first byte of its answer."""
    whole: float = 5.0
    """Longest from being asked to the last byte, waiting for a connection included."""
    connections: int = 32
    """Most connections open or opening at once."""
    waiting: int = 1_024
    """Most calls that wait for a connection; the next one is refused."""
    idle: float = 30.0
    """A connection that is unused for so long is closed."""
    age: float = 300.0
    """A connection older than this takes no new request, so that changes of DNS are followed."""
    head: int = 65_536
    """Largest head of an answer, informational answers before it included; also the most of trailers and framing."""
    headers: int = 100
    """Most header lines of an answer."""
    interim: int = 8
    """Most informational answers (1xx) before the final one."""
    body: int = 4_194_304
    """Largest body as it is sent."""
    content: int = 4_194_304
    """Largest body after decompression."""
    resolution: float = 0.02
    """How often time-outs are looked at while calls are under way."""
