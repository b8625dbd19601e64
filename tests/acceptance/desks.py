"""Desks: one small system behind eight connectors, each of which proves who we are in its own way."""

import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from joserfc.jwk import ECKey
from tests.sources.wire.authority import Authority, served

PROOFS = {
    "basic": 'Basic("user", "password")',
    "bearer": 'Bearer("token")',
    "hmac": 'HmacSigned("secret")',
    "jwt": 'JwtSigned("{base_url}", algorithm="ES256")',
    "secret": 'ClientCredentials("{base_url}/token/secret")',
    "assertion": 'ClientAssertion("{base_url}/token/assertion", algorithm="ES256")',
    "passed": "PassThrough()",
    "exchanged": 'TokenExchange("{base_url}/token/exchanged", audience="{base_url}")',
}
CREDENTIALS = {
    "user": "me",
    "password": "pass",
    "token": "fixed",
    "secret": "shared",
    "client_id": "klantbeeld",
    "client_secret": "client-secret",
}
MANIFEST = """
name = "desk_{0}"
title = "A desk"
roles = ["COMPLAINTS"]
docs = ["https://desk.example/docs"]
hosts = ["desk.example"]
categories = ["CUSTOM"]
"""
CODE = """
import msgspec

from klantbeeld.sdk import *
from klantbeeld.sdk import Connector as Base
from klantbeeld.sdk.records import Complaint


class Entry(msgspec.Struct):
    id: str
    visitor: str
    subject: str


COMPLAINT = Mapping(Complaint, Entry, {{"record_id": take("id"), "owner": take("visitor"), "subject": take("subject")}})


class Connector(Base):
    auth = {0}

    @reads(COMPLAINT)
    def complaints(self, ask: Ask) -> Call[Entry]:
        return Call(path=f"/{1}/{{segment(ask.key)}}", items=("entries",), record=Entry)
"""
SOURCE = """
[sources.desk_{name}]
connector = "desk_{name}"
base_url = "{url}"
importance = "optional"
risk_when_missing = {{ nl = "De balie ontbreekt.", en = "The desk is missing." }}
hosted_in = "NL"
processor = "Desk"
retention = "P1Y"
credentials = {{ {credentials} }}
"""


class Desk(ThreadingHTTPServer):
    """The system; keeps the headers of each request by path, and the forms that its token endpoints got."""

    request_queue_size = 64  # all desks are asked at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.key = ECKey.generate_key("P-256")
        self.headers: dict[str, list[dict[str, str]]] = {}
        self.forms: dict[str, list[dict[str, str]]] = {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self, folder: Path) -> str:
        """Write the connectors, and return the settings of a source of each."""
        secrets = CREDENTIALS | {"private_key": self.key.as_pem(private=True).decode()}
        for name, value in secrets.items():
            (folder.parent / f"desk_{name}").write_text(value, encoding="utf-8")
        given = ", ".join(f'{name} = {{ file = "{folder.parent}/desk_{name}" }}' for name in secrets)
        for name, auth in PROOFS.items():
            write_connector(folder, name, auth)
        return "".join(SOURCE.format(name=name, url=self.url, credentials=given) for name in PROOFS)

    def references(self, source: str, record_id: str) -> str:
        """Return lines for an import that link a customer, known by a record, to a visitor of every desk."""
        lines = [{"source": source, "record_id": record_id}]
        lines += [{"source": f"desk_{name}", "record_id": "V-1"} for name in (*PROOFS, "mtls")]
        return "".join(json.dumps({"customer": "visitor", **line}) + "\n" for line in lines)


class GuardedDesk(Desk):
    """The same over TLS, for whoever shows a certificate of the authority; keeps the names of those who did."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._authority = authority
        tls = served(authority.issue("localhost"), demands=authority.bundle)
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.server_port}"

    def settings(self, folder: Path) -> str:
        """Write the connector, and return the settings of its source."""
        write_connector(folder, "mtls", "NoAuth()")
        ours = self._authority.issue("klantbeeld")
        source = SOURCE.format(name="mtls", url=self.url, credentials="")
        return f'{source}ca_bundle = "{self._authority.bundle}"\nclient_certificate = "{ours}"\n'


def write_connector(folder: Path, name: str, auth: str) -> None:
    """Write a connector that proves who we are in one way."""
    place = folder / f"desk_{name}"
    place.mkdir(parents=True)
    (place / "connector.toml").write_text(MANIFEST.format(name), encoding="utf-8")
    (place / "__init__.py").write_text(CODE.format(auth, name), encoding="utf-8")


class Answering(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Desk

    def do_GET(self) -> None:
        _, name, visitor = self.path.split("/")
        headers = {key.lower(): value for key, value in self.headers.items()}
        if isinstance(self.server, GuardedDesk) and isinstance(self.connection, ssl.SSLSocket):
            shown: Any = self.connection.getpeercert() or {"subject": ()}
            self.server.seen += [value for pairs in shown["subject"] for _, value in pairs]
        self.server.headers.setdefault(name, []).append(headers)
        self._answer({"entries": [{"id": f"E-{name}", "visitor": visitor, "subject": name}]})

    def do_POST(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.rfile.read(int(self.headers["content-length"]))
        forms = self.server.forms.setdefault(name, [])
        forms.append(dict(parse_qsl(body.decode())))
        self._answer({"access_token": f"{name}-{len(forms)}", "token_type": "Bearer", "expires_in": 3600})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the class above
        """Say nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
