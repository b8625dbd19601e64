"""Prepares the comparison in a folder: tools, what the upstreams answer, their certificates, the Node peers.

What is there already is left as it is, so the second run begins at once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.benchmarks.upstream.bodies import write_bodies

HERE = Path(__file__).resolve().parent
MODULES = Path("/usr/lib/nginx/modules")
PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "taskset": "util-linux"}
ECHO = "libnginx-mod-http-echo"
UPSTREAMS = {
    "at once": "http://127.0.0.1:910",
    "20 ms": "http://127.0.0.1:920",
    "TLS": "https://127.0.0.1:930",
}
"""Addresses of the four systems without their last digit, by how they answer."""


class Unprepared(Exception):
    """Something is missing that cannot be installed from here; the text says what, and how to get it."""


def prepare(folder: Path) -> None:
    """Prepare everything; raises Unprepared."""
    _tools()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "bodies").exists():
        write_bodies(folder / "bodies")
    if not (folder / "server.pem").exists():
        _certify(folder)
    _configure_nginx(folder)
    _node_peers(folder)


def supergraph(upstreams: str) -> str:
    """Return the file name of the supergraph that Hive Gateway serves over these upstreams."""
    return f"supergraph-{upstreams.replace(' ', '-')}.graphql"


def has_node() -> bool:
    """Say whether the Node peers can run."""
    return shutil.which("npm") is not None


def _tools() -> None:
    missing = list(_missing_packages())
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unprepared(f"The comparison needs wrk, nginx with its echo module, and taskset. On Debian: {command}")
    _say(f"Installing {', '.join(missing)}…")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", "-qq", *words], check=True, env=environ, stdout=subprocess.DEVNULL)


def _missing_packages() -> Iterator[str]:
    for command, package in PACKAGES.items():
        if shutil.which(command) is None:
            yield package
    if not (MODULES / "ngx_http_echo_module.so").exists():
        yield ECHO


def _certify(folder: Path) -> None:
    """Make a certificate for 127.0.0.1 that is its own authority, for TLS upstreams."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "server.key").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem))


def _configure_nginx(folder: Path) -> None:
    template = (HERE / "upstream/nginx.conf.in").read_text(encoding="utf-8")
    filled = template.replace("@ROOT@", str(folder)).replace("@MODULES@", str(MODULES))
    (folder / "nginx.conf").write_text(filled, encoding="utf-8")


def _node_peers(folder: Path) -> None:
    if not has_node():
        _say("Without npm there is nobody to compare with but the floor: install Node.js 20 or later.")
        return
    for name in ("yoga", "hive"):
        peer = folder / name
        shutil.copytree(HERE / "peers" / name, peer, dirs_exist_ok=True)
        if not (peer / "node_modules").exists():
            _say(f"Installing {name} from npm…")
            _run(["npm", "install", "--no-audit", "--no-fund", "--silent"], peer)
    for upstreams, address in UPSTREAMS.items():
        if not (folder / "hive" / supergraph(upstreams)).exists():
            _run(["npx", "mesh-compose", "-o", supergraph(upstreams)], folder / "hive", UPSTREAMS=address)


def _run(command: list[str], folder: Path, **environ: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unprepared(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
