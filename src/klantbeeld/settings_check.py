"""What is wrong with settings that are well formed: found before anything starts, each with the way to mend it.

Looks at this machine only (environment, files, the port), and asks no source.
"""

import base64
import errno
import ipaddress
import os
import re
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, Settings, SourceSettings
from klantbeeld.settings_file import Finding, closest, read_secret

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ConnectorFacts:
    """What a source's settings are held against; made of what the registry knows."""

    roles: frozenset[str]
    options: frozenset[str] = frozenset()
    needed_options: frozenset[str] = frozenset()  # those without a default
    credentials: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()  # of the product; `*` for a label or a part of one
    per_second: float | None = None  # calls that the product allows, as its maker documents it
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks look at."""

    settings: Settings
    environ: Mapping[str, str]
    connectors: Mapping[str, ConnectorFacts]


def check(
    settings: Settings, environ: Mapping[str, str], *, connectors: Mapping[str, ConnectorFacts]
) -> tuple[Finding, ...]:
    """Find all that is wrong; a finding that does not `stops` is advice."""
    checked = Checked(settings, environ, connectors)
    return tuple(finding for find in CHECKS for finding in find(checked))


def _keys(checked: Checked) -> Iterator[Finding]:
    """Keys of ours have to be there and long enough to be no guess."""
    identity, trail, writes = checked.settings.identity, checked.settings.access.trail, checked.settings.writes
    named = {
        "identity.match_key": identity.match_key,
        "identity.previous_match_key": identity.previous_match_key,
        "access.trail.key": trail.key,
        "writes.events.secret": writes.events.secret if writes.events else None,
        **{f"writes.sagas.engines.{name}.secret": engine.secret for name, engine in writes.sagas.engines.items()},
    }
    for where, secret in named.items():
        if secret is not None:
            yield from _key(secret, checked.environ, where)
    if identity.previous_match_key is not None and _same(
        identity.match_key, identity.previous_match_key, checked.environ
    ):
        where, mend = "identity.previous_match_key", "Remove it, or put the older key here"
        yield Finding(where, "is the same key as identity.match_key", mend)


def _same(one: Secret, other: Secret, environ: Mapping[str, str]) -> bool:
    """Say whether two secrets that can be read are one."""
    try:
        values = [read_secret(secret, environ, where="").get_secret_value() for secret in (one, other)]
    except ConfigurationError:  # which is found for itself
        return False
    return values[0] == values[1]


def _key(secret: Secret, environ: Mapping[str, str], where: str) -> Iterator[Finding]:
    try:
        value = read_secret(secret, environ, where=where).get_secret_value()
    except ConfigurationError as error:
        yield Finding(where, error.problem, f"{error.mend}; make one with: openssl rand -base64 {KEY_BYTES}")
        return
    try:
        long_enough = len(base64.b64decode(value, validate=True)) >= KEY_BYTES
    except ValueError:  # not base64, or not ASCII
        long_enough = False
    if not long_enough:
        mend = f"Make one with: openssl rand -base64 {KEY_BYTES}"
        yield Finding(where, f"is not {KEY_BYTES} bytes or more in base64", mend)


def _issuers(checked: Checked) -> Iterator[Finding]:
    access = checked.settings.access
    if not access.issuers:
        mend = "Add an authorization server under [[access.issuers]]"
        yield Finding("access.issuers", "no token would be accepted", mend, stops=False)
    for index, issuer in enumerate(access.issuers):
        if issuer.jwks_file is not None:
            yield from _readable(f"access.issuers.{index}.jwks_file", issuer.jwks_file)


def _deadlines(checked: Checked) -> Iterator[Finding]:
    """See that no class may take longer than any request may."""
    most = checked.settings.gateway.max_deadline
    for name, client in checked.settings.access.classes.items():
        if client.deadline > most:
            mend = "Shorten it, or raise the other"
            yield Finding(f"access.classes.{name}.deadline", f"is above gateway.max_deadline, {most:g} s", mend)


def _sources(checked: Checked) -> Iterator[Finding]:
    if not checked.settings.sources:
        mend = "Add the first system under [sources.NAME]"
        yield Finding("sources", "there is none, so every field would be NOT_CONFIGURED", mend, stops=False)
    for name, source in checked.settings.sources.items():
        where = f"sources.{name}"
        facts = checked.connectors.get(source.connector)
        yield from _address(where, source, facts.hosts if facts else ())
        yield from _credentials(where, source, checked.environ)
        if source.ca_bundle is not None:
            yield from _readable(f"{where}.ca_bundle", source.ca_bundle)
        if facts is None:
            problem = f"there is no connector `{source.connector}`"
            yield Finding(f"{where}.connector", problem, closest(source.connector, checked.connectors))
        else:
            yield from _fits(where, source, facts)


def _address(where: str, source: SourceSettings, hosts: Collection[str]) -> Iterator[Finding]:
    """See that it is the address of a server, and one of the product's: whoever answers there gets its credentials."""
    where = f"{where}.base_url"
    try:
        address = urlsplit(source.base_url)
        port_is_valid = address.port != 0
    except ValueError:
        yield Finding(where, "is not a URL", "Write https://HOST")
        return
    if address.scheme not in {"http", "https"} or not address.hostname or not port_is_valid:
        yield Finding(where, "is not the address of an HTTP server", "Write https://HOST")
    elif address.username is not None or address.password is not None:
        yield Finding(where, "holds credentials", "Put them into the source's `credentials`, and write https://HOST")
    elif address.path not in {"", "/"} or address.query or address.fragment:
        yield Finding(
            where, "has more than a host", "Take away the path and what follows it: the connector knows its own"
        )
    elif address.scheme == "http" and not _is_loopback(address):
        problem = "personal data and credentials would cross the network in plain text"
        yield Finding(where, problem, "Write https; plain http is for this machine only")
    elif hosts and not (_is_loopback(address) or any(_fits_host(each, address.hostname) for each in hosts)):
        problem = f"`{address.hostname}` is no host of the connector `{source.connector}` ({', '.join(hosts)})"
        mend = "Correct it, or keep it if it is yours and leads there: credentials and personal data go to it"
        yield Finding(where, problem, mend, stops=False)


def _is_loopback(address: SplitResult) -> bool:
    host = address.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fits_host(pattern: str, host: str) -> bool:
    return re.fullmatch("[^.]*".join(map(re.escape, pattern.split("*"))), host) is not None


def _credentials(where: str, source: SourceSettings, environ: Mapping[str, str]) -> Iterator[Finding]:
    secrets = {f"credentials.{name}": credential for name, credential in source.credentials.items()}
    secrets |= {f"feed.secrets.{name}": secret for name, secret in source.feed.secrets.items()}
    yield from _readable_secrets(where, secrets, environ)


def _traces(checked: Checked) -> Iterator[Finding]:
    """Headers for the collector of traces have to be there, where a collector is named."""
    traces = checked.settings.traces
    if traces.endpoint is not None:
        yield from _readable_secrets("traces.headers", traces.headers, checked.environ)


def _readable_secrets(where: str, named: Mapping[str, Secret | str], environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, credential in named.items():
        if isinstance(credential, Secret):
            place = f"{where}.{name}"
            try:
                read_secret(credential, environ, where=place)
            except ConfigurationError as error:
                yield Finding(place, error.problem, error.mend)


def _fits(where: str, source: SourceSettings, facts: ConnectorFacts) -> Iterator[Finding]:
    """Hold a source's settings against what its connector declares."""
    for role in source.roles or ():
        if role not in facts.roles:
            problem = f"the connector `{source.connector}` cannot fill the role {role}"
            yield Finding(f"{where}.roles", problem, closest(role, facts.roles))
    for option in source.options.keys() - facts.options:
        yield Finding(f"{where}.options.{option}", "unknown option", closest(option, facts.options))
    for option in sorted(facts.needed_options - source.options.keys()):
        problem = f"the connector `{source.connector}` needs this option"
        yield Finding(f"{where}.options.{option}", problem, "Add it; connectors/README.md says what it is for")
    for credential in sorted(facts.credentials - source.credentials.keys()):
        problem = f"the connector `{source.connector}` needs this credential"
        mend = 'Add it as { env = "NAME" } or { file = "PATH" }'
        yield Finding(f"{where}.credentials.{credential}", problem, mend)
    for name, ours, theirs in (
        ("per_second", source.quota.per_second, facts.per_second),
        ("per_day", source.quota.per_day, facts.per_day),
    ):
        if ours is not None and theirs is not None and ours > theirs:
            mend = "Keep it if your contract says more"
            yield Finding(f"{where}.quota.{name}", f"is more than the product allows, {theirs:g}", mend, stops=False)


def _files(checked: Checked) -> Iterator[Finding]:
    gateway = checked.settings.gateway
    for index, folder in enumerate(checked.settings.connector_folders):
        yield from _folder(f"connector_folders.{index}", folder)
    if gateway.trusted_documents is not None:
        yield from _folder("gateway.trusted_documents", gateway.trusted_documents)
    elif gateway.only_trusted_documents:
        problem = "no document is trusted, so nothing would be answered"
        yield Finding("gateway.only_trusted_documents", problem, "Name their folder in gateway.trusted_documents")


def _store(checked: Checked) -> Iterator[Finding]:
    scheme, _, rest = checked.settings.store.url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and "?" not in rest:  # otherwise it names no file at all
        yield from _writable("store.url", Path(rest.removeprefix("/")))
    elif scheme not in {"sqlite", "postgresql", "postgres"}:
        yield Finding("store.url", f"`{scheme}` is no store", "Write sqlite:///PATH or postgresql://HOST/DATABASE")
    elif scheme != "sqlite" and find_spec("asyncpg") is None:
        mend = "Install it with: pip install 'klantbeeld[postgresql]'"
        yield Finding("store.url", "the driver of PostgreSQL is not installed", mend)


def _shared(checked: Checked) -> Iterator[Finding]:
    """See that what replicas share in Redis has a server, its client, and a key."""
    settings = checked.settings
    asking = {"cache.backend": settings.cache.backend == "redis", "changes.log": settings.changes.log == "redis"}
    for where in (where for where, asks in asking.items() if asks):
        if settings.redis is None:
            yield Finding(where, "there is no section `redis`", 'Name the server: redis.url = "redis://HOST:6379/0"')
        if find_spec("redis") is None:
            mend = "Install it with: pip install 'klantbeeld[redis]'"
            yield Finding(where, "the client of Redis is not installed", mend)
    if settings.cache.backend == "redis" and settings.cache.is_on:
        yield from _key(settings.cache.key, checked.environ, "cache.key")


def _port(checked: Checked) -> Iterator[Finding]:
    gateway = checked.settings.gateway
    family = socket.AF_INET6 if ":" in gateway.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((gateway.host, gateway.port))
        except OSError as error:
            problem = f"{gateway.host}:{gateway.port} cannot be listened on ({os.strerror(error.errno or 0)})"
            mend = "End what listens there, or choose another port; 0 takes a free one"
            is_taken = error.errno == errno.EADDRINUSE
            if is_taken:
                mend = f"It may be the gateway that these settings are for. Otherwise: {mend[0].lower()}{mend[1:]}"
            yield Finding("gateway.port", problem, mend, stops=not is_taken)


def _time_zone(checked: Checked) -> Iterator[Finding]:
    name = checked.settings.time_zone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a path, a folder, or none of the names
        near = get_close_matches(name, available_timezones(), n=1)
        mend = f"Did you mean `{near[0]}`?" if near else "Name one as in Europe/Amsterdam; without any, install tzdata"
        yield Finding("time_zone", f"there is no time zone `{name}`", mend)


def _readable(where: str, path: Path) -> Iterator[Finding]:
    if not (path.is_file() and os.access(path, os.R_OK)):
        yield Finding(
            where, f"the file {path} cannot be read", "Make it readable for the user that the gateway runs as"
        )


def _folder(where: str, path: Path) -> Iterator[Finding]:
    if not (path.is_dir() and os.access(path, os.R_OK | os.X_OK)):
        yield Finding(where, f"the folder {path} cannot be read", "Make it, or make it readable for the gateway's user")


def _writable(where: str, path: Path) -> Iterator[Finding]:
    """Find a file that is not there and cannot be made, or is there and cannot be changed."""
    nearest = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if nearest.is_dir() == path.exists() or not os.access(nearest, os.W_OK):
        yield Finding(
            where, f"{path} cannot be written", "Name a file in a folder that the gateway's user may write to"
        )


CHECKS: tuple[Callable[[Checked], Iterator[Finding]], ...] = (
    _keys,
    _issuers,
    _deadlines,
    _sources,
    _traces,
    _files,
    _store,
    _shared,
    _port,
    _time_zone,
)
