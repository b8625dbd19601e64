"""Opening sources: from the settings to something that can be asked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from klantbeeld.errors import ConfigurationError
from klantbeeld.registry import LoadedConnector
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.tokens import Fetched
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.cached import Sharing
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.secrets import Secrets
from klantbeeld.sources.source import Count, Source, loop_clock, uncounted, utc_clock
from klantbeeld.sources.tokens import Close, FetchToken, nothing_to_close
from klantbeeld.sources.transport import Transport, open_transport

MakeTransport = Callable[[str, SourceSettings], Transport]


def open_source(
    name: str,
    settings: SourceSettings,
    loaded: LoadedConnector,
    secrets: Secrets | Mapping[str, str],
    *,
    make_transport: MakeTransport | None = None,
    now: Callable[[], datetime] = utc_clock,
    count: Count = uncounted,
    changes: Changes | None = None,
    sharing: Sharing | None = None,
) -> Source:
    """Make a source; nothing is sent before it is asked.

    `secrets` are the credentials that the settings name, read. Raises ConfigurationError for options and credentials
    that the connector does not know, or lacks. `changes` and `sharing` are what it has in common with other sources.
    """
    make = make_transport or make_transport_of
    connector = loaded.make(_options(name, settings, loaded))
    roles = frozenset(settings.roles if settings.roles is not None else loaded.manifest.roles)
    if strange := roles - set(loaded.manifest.roles):
        problem = f"connector {loaded.manifest.name} cannot fill {', '.join(sorted(strange))}"
        raise ConfigurationError(f"sources.{name}.roles", problem, f"It fills {', '.join(loaded.manifest.roles)}")
    told_in = settings.deadline_header or loaded.manifest.limits.deadline_header
    return Source(
        name,
        settings.model_copy(update={"deadline_header": told_in}),
        connector=connector,
        roles=roles,
        categories=loaded.manifest.categories,
        remembers=loaded.manifest.remembers,
        transport=make(settings.base_url, settings),
        credentials=_credentials_of(name, settings, connector, secrets, make=make, now=now),
        monotonic=loop_clock,
        now=now,
        count=count,
        changes=changes,
        sharing=sharing,
    )


def _credentials_of(
    name: str,
    settings: SourceSettings,
    connector: Connector,
    secrets: Secrets | Mapping[str, str],
    *,
    make: MakeTransport,
    now: Callable[[], datetime],
) -> Credentials:
    given = secrets.values if isinstance(secrets, Secrets) else secrets
    for need in connector.auth.needs:
        if need not in given:
            mend = f'Name where it stands: {need} = {{ env = "…" }}'
            raise ConfigurationError(f"sources.{name}.credentials", f"`{need}` is missing", mend)
    known = {**connector.options, "base_url": settings.base_url.rstrip("/")}
    fetch_token, close = _token_fetcher(connector.auth, known, settings, make)
    return Credentials(
        connector.auth,
        secrets,
        fetch_token=fetch_token,
        clock=loop_clock,
        now=lambda: now().timestamp(),
        known=known,
        close=close,
        renew_before=settings.renew_tokens_before,
        most_tokens=settings.most_callers_tokens,
    )


def make_transport_of(address: str, settings: SourceSettings) -> Transport:
    """Make the transport that the settings name, to the origin of an address."""
    return open_transport(settings, address=address)


def _options(name: str, settings: SourceSettings, loaded: LoadedConnector) -> Mapping[str, str]:
    declared = loaded.manifest.options
    for option in settings.options:
        if option not in declared:
            mend = f"It has: {', '.join(sorted(declared)) or 'none'}"
            raise ConfigurationError(f"sources.{name}.options.{option}", "the connector has no such option", mend)
    options = {option: facts.default for option, facts in declared.items()} | dict(settings.options)
    for option, value in options.items():
        if value is None:
            problem, mend = "this option must be set", declared[option].description
            raise ConfigurationError(f"sources.{name}.options.{option}", problem, mend)
    return {option: value for option, value in options.items() if value is not None}


def _token_fetcher(
    auth: Any, known: Mapping[str, str], settings: SourceSettings, make: MakeTransport
) -> tuple[FetchToken, Close]:
    if not isinstance(auth, Fetched):
        return _no_token, nothing_to_close
    address = auth.token_url.format(**known)
    transport = make(address, settings)
    parts = urlsplit(address)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    async def fetch(call: Call[Any], deadline: float) -> Reply:
        body, media_type = call.content()
        headers = [(b"content-type", (media_type or "").encode()), (b"accept", b"application/json")]
        return await transport.exchange("POST", target, headers, body, deadline=deadline)

    return fetch, transport.aclose


async def _no_token(_call: Call[Any], _deadline: float) -> Reply:
    raise AssertionError("this kind of authentication fetches no token")
