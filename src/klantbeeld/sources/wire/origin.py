"""Origin: scheme, host and port of a source (RFC 9110, section 4.3.1)."""

from dataclasses import dataclass

import httpx

from klantbeeld.errors import ConfigurationError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source listens. `host` is an ASCII name or an address without brackets."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, address: str | httpx.URL) -> "Origin":
        """Take the origin out of an address; a path is left aside. Raise ConfigurationError if it is not HTTP."""
        try:
            url = httpx.URL(address)
            host, port = url.raw_host.decode("ascii"), url.port
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ConfigurationError(
                "base_url", "not an address", "Write https://host or https://host:port."
            ) from error
        if port is not None and not 0 < port <= _LAST_PORT:
            raise ConfigurationError("base_url", f"{port} is no port", f"Write a port from 1 to {_LAST_PORT}.")
        if url.scheme not in _DEFAULT_PORTS or not host or url.userinfo:
            raise ConfigurationError(
                host or "base_url",
                "not an http or https address with a host and without credentials",
                "Write https://host or https://host:port; credentials have a place of their own.",
            )
        return cls(url.scheme, host, port or _DEFAULT_PORTS[url.scheme])

    @property
    def authority(self) -> str:
        """Value of the Host header: brackets around IPv6, no default port (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"
