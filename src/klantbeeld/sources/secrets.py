"""The secrets of a source, read again when their files change, so that rotating one needs no restart.

Files are looked at when a credential is used, and not more often than `every`; a secret in the environment is read
again with the whole configuration.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, SourceSettings
from klantbeeld.settings_file import read_secret

Read = Callable[[], Mapping[str, str]]
Seen = tuple[tuple[int, int, int] | None, ...]

log = structlog.get_logger(__name__)


def fixed(secrets: Mapping[str, str]) -> "Secrets":
    """Make secrets that never change."""
    return Secrets(lambda: secrets)


class Secrets:
    """What the settings name under `credentials`; lives as long as the source.

    `read` gives all of them and raises ConfigurationError; `clock` is monotonic, `every` in seconds.
    """

    def __init__(self, read: Read, *, files: tuple[Path, ...] = (), source: str = "", every: float = 5.0) -> None:
        self.values = dict(read())
        self.may_change = bool(files)
        self._read = read
        self._files = files
        self._source = source
        self._every = every
        self._look_at = float("-inf")
        self._seen = self._look()

    def refresh(self, now: float) -> bool:
        """Look whether a file changed, unless that was done a moment ago; say whether the secrets are new ones.

        A file that cannot be read now leaves the secrets as they were: whoever writes it may not be ready.
        """
        if now < self._look_at:
            return False
        self._look_at = now + self._every
        seen = self._look()
        if seen == self._seen:
            return False
        try:
            values = dict(self._read())
        except ConfigurationError as error:
            log.warning("credentials_not_read", source=self._source, error=error)
            return False
        self._seen = seen
        changed, self.values = values != self.values, values
        if changed:
            log.info("credentials_changed", source=self._source)
        return changed

    def look_soon(self) -> None:
        """Look at the next use, since the present ones were refused."""
        self._look_at = float("-inf")

    def _look(self) -> Seen:
        return tuple(_state(file) for file in self._files)


def secrets_of(name: str, source: SourceSettings, environ: Mapping[str, str]) -> Secrets:
    """Read the credentials of a source, to be read again when one of their files changes. Raises ConfigurationError."""

    def read() -> dict[str, str]:
        where = f"sources.{name}.credentials"
        return {
            credential: value
            if isinstance(value, str)
            else read_secret(value, environ, where=f"{where}.{credential}").get_secret_value()
            for credential, value in source.credentials.items()
        }

    files = (value.file for value in source.credentials.values() if isinstance(value, Secret))
    watched = tuple(file for file in files if file is not None)
    return Secrets(read, files=watched, source=name, every=source.credentials_checked_every)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
