"""TLS: whom we trust and who we say we are, the same for every transport."""

import ssl
from pathlib import Path

from klantbeeld.errors import ConfigurationError


def trust(ca_bundle: Path | None = None, *, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Make a context that checks the server's certificate and name, from TLS 1.2 upwards.

    `ca_bundle` holds the certificates to trust instead of the system's, in PEM. `certificate` is ours for servers that
    demand one, with the chain and, unless `key` names another file, the unencrypted key. Raise ConfigurationError.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            str(ca_bundle), "no certificates to trust could be read", "Name a readable PEM file."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        _present(context, certificate, key)
    return context


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(str(certificate), str(key) if key else None, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            str(certificate),
            "the client certificate could not be read",
            "Name a readable PEM file with the certificate and its unencrypted key, or the key's own file.",
        ) from error


def _no_password() -> str:
    """Answer OpenSSL's question for a password, which it would otherwise ask the terminal."""
    return ""
