"""What would be refused when the parts of the gateway are opened, found before and all at once."""

import os
from collections.abc import Callable, Iterator, Mapping

from klantbeeld.access.jwks import read_key_set
from klantbeeld.errors import ConfigurationError, IssuerError
from klantbeeld.gateway.documents import trusted_documents
from klantbeeld.registry import LoadedConnector
from klantbeeld.settings import Settings, SourceSettings
from klantbeeld.settings_file import Finding
from klantbeeld.sources.tls import trust
from klantbeeld.store.address import address_of
from klantbeeld.writes.sagas.catalogue import built_in
from klantbeeld.writes.sagas.loading import load_sagas


def refusals_of(settings: Settings, loaded: Mapping[str, LoadedConnector]) -> Iterator[Finding]:
    """Find what would be refused; what the checks of the settings find as well is theirs. Asks nobody."""
    if settings.store.url.partition("://")[0] in {"sqlite", "postgresql", "postgres"}:
        yield from _refused("store.url", lambda: address_of(settings.store.url))
    yield from _documents(settings)
    yield from _refused("writes.sagas.declared", lambda: _sagas(settings))
    yield from _key_sets(settings)
    for name, source in settings.sources.items():
        yield from _certificates(f"sources.{name}", source)
        if source.connector in loaded:
            yield from _feed(f"sources.{name}.feed", source, loaded[source.connector])


def _refused(where: str, opening: Callable[[], object]) -> Iterator[Finding]:
    """Say why an opening is refused; `where` is the setting that asks for it."""
    try:
        opening()
    except ConfigurationError as error:
        problem = error.problem if error.where == where else f"{error.where}: {error.problem}"
        yield Finding(where, problem, error.mend)


def _sagas(settings: Settings) -> None:
    load_sagas(settings.writes.sagas, built_in(settings.writes.sagas.approval, settings.language))


def _documents(settings: Settings) -> Iterator[Finding]:
    folder = settings.gateway.trusted_documents
    if folder is not None and folder.is_dir():
        yield from _refused("gateway.trusted_documents", lambda: trusted_documents(settings.gateway))


def _key_sets(settings: Settings) -> Iterator[Finding]:
    for index, issuer in enumerate(settings.access.issuers):
        file = issuer.jwks_file
        if file is None or not (file.is_file() and os.access(file, os.R_OK)):
            continue
        try:
            read_key_set(file.read_bytes())
        except IssuerError as error:
            # The gateway starts all the same, and reads the file again while it runs.
            problem, mend = f"{file}: {error}", "Write the issuer's public keys there, as a JWK Set (RFC 7517)"
            yield Finding(f"access.issuers.{index}.jwks_file", problem, mend, stops=False)


def _certificates(where: str, source: SourceSettings) -> Iterator[Finding]:
    bundle, certificate = source.ca_bundle, source.client_certificate
    if bundle is not None and bundle.is_file():
        yield from _refused(f"{where}.ca_bundle", lambda: trust(bundle))
    if certificate is not None:
        opening = f"{where}.client_certificate"
        yield from _refused(opening, lambda: trust(certificate=certificate, key=source.client_key))


def _feed(where: str, source: SourceSettings, loaded: LoadedConnector) -> Iterator[Finding]:
    hook = loaded.make.hook
    takes = sorted(hook.takes) if hook else []
    for name in sorted(source.feed.secrets.keys() - set(takes)):
        mend = f"It takes: {', '.join(takes)}" if takes else "It takes none, so poll it: feed.poll_every"
        yield Finding(f"{where}.secrets.{name}", f"the connector `{source.connector}` does not take it", mend)
    if source.feed.poll_every is not None and "changes" not in loaded.make.readings():
        yield Finding(f"{where}.poll_every", "its connector cannot tell what changed", "Take the line away")
