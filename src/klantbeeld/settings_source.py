"""The settings of one source: what the system is, and how it is called."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from klantbeeld.settings_section import Bilingual, Seconds, Secret, Section


class SourceSettings(Section):
    """One configured connection to one system."""

    connector: str
    """Name of the connector."""
    base_url: str
    """Address of the system, without a path of an API."""
    credentials: dict[str, Secret | str] = Field(default_factory=dict, repr=False)
    """What the connector's kind of authentication needs; secrets by environment or file."""
    options: dict[str, str] = Field(default_factory=dict)
    """Options that the connector declares."""
    roles: tuple[str, ...] | None = None
    """Roles that this source fills; without it, all that the connector has."""
    importance: Literal["essential", "important", "optional"]
    """What it means to be without it."""
    risk_when_missing: Bilingual
    """What a person should do or not do while this source is missing."""
    hosted_in: str
    """Country (ISO 3166-1 alpha-2) where the data is held."""
    processor: str
    """The company that runs the system for the organisation (GDPR Art. 28)."""
    retention: str
    """How long the system keeps what it has, as an ISO 8601 duration or in words."""
    timeout: Seconds = 2.0
    """Longest a single call may take, in seconds."""
    connect_timeout: Seconds = 1.0
    """Longest a connection may take to open, in seconds."""
    max_connections: int = Field(default=32, gt=0)
    """Most connections that are open at once."""
    max_body_bytes: int = Field(default=4_194_304, gt=0)
    """Largest answer that is read, in bytes, after decompression."""
    transport: Literal["wire", "httpx"] = "wire"
    """`wire` for the own HTTP/1.1 client, `httpx` for proxies and HTTP/2."""
    ca_bundle: Path | None = None
    """Certificates to trust instead of the system's."""
    client_certificate: Path | None = None
    """Our certificate for a source that demands one (mTLS): a PEM file with its chain and, mostly, its key."""
    client_key: Path | None = None
    """The unencrypted key of the client certificate, if it has a file of its own."""
