"""Carries out the Dockerfile's own steps in a clean root, and serves from it, where no container engine is at hand.

    python scripts/verify_dockerfile.py [--base FOLDER]

Needs root, debootstrap, and Debian's and Python's package indexes. FOLDER keeps the clean root for the next time. The
stand-in for the base image is a minimal Debian with its own Python of the same version.

It proves that every step runs in a clean system with nothing but the files that the Dockerfile copies; that the final
root holds no compiler; and that with a read-only root and no capabilities `serve` starts as the Dockerfile's user and
as any other, answers its HEALTHCHECK, can write to its volume only, and ends when it is told to.

It does not prove what only an engine can: that the base image's own files and its Python 3.11.x behave like Debian's,
that the layers are made and cached, that the engine's seccomp and network rules let it work, and that .dockerignore is
read as it is meant.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
PACKAGES = "ca-certificates,python3,python3-venv"
BASE_IMAGE = "python:3.11-slim-bookworm"
HANDED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_INDEX_URL")
COMPILERS = ("c++", "cc", "clang", "g++", "gcc", "ld", "make", "rustc")
SOMEBODY = "54321:54321"
PATIENCE = 60.0  # seconds for the server to start
MOUNTED = """
mount --bind "$0" "$0"
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
"""
READ_ONLY = """
mount -o remount,bind,ro "$0"
mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"
"""
AS_USER = "exec setpriv --reuid {} --regid {} --clear-groups --no-new-privs --bounding-set=-all -- "


@dataclass
class Image:
    """What a stage has come to: its root, and what its instructions said about running it."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    workdir: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def main() -> int:
    """Build, look, and serve; says on the way what holds."""
    parser = argparse.ArgumentParser(description="Carries out the Dockerfile's steps without a container engine.")
    parser.add_argument("--base", type=Path, help="folder that keeps the clean root for the next time")
    base = parser.parse_args().base
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.stderr.write("This needs root and debootstrap (apt-get install debootstrap).\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="klantbeeld-image-") as folder:
        clean = clean_root(base or Path(folder) / "base")
        image = build(instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")), clean, Path(folder))
        say(f"the steps run in a clean root; the image adds {_size(image.root / 'opt')} MB")
        look_for_compilers(image)
        for user in (image.user, SOMEBODY):
            serve(image, user)
    return 0


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Give each instruction's word and its rest, continued lines joined, comments left out."""
    lines = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def clean_root(folder: Path) -> Path:
    """Make a minimal system with Python under the name that the base image gives it, unless it is there."""
    if not (folder / "usr/local/bin/python").is_symlink():
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder), MIRROR]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        authorities = Path("etc/ssl/certs/ca-certificates.crt")
        shutil.copy("/" / authorities, folder / authorities)
        (folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    return folder


def build(steps: Iterator[tuple[str, str]], clean: Path, folder: Path) -> Image:
    """Carry out all instructions; gives the last stage."""
    stages: dict[str, Image] = {}
    image: Image | None = None
    for word, rest in steps:
        if word == "FROM":
            source, _, name = rest.partition(" AS ")
            if source != BASE_IMAGE:
                raise SystemExit(f"FROM {source}: the clean root stands in for {BASE_IMAGE} only")
            image = Image(folder / f"stage-{len(stages)}")
            stages[name or "final"] = image
            subprocess.run(["cp", "--archive", "--reflink=auto", str(clean), str(image.root)], check=True)
        elif image is None:
            raise SystemExit(f"{word} before FROM")
        else:
            apply(image, word, rest, stages)
    if image is None:
        raise SystemExit("no FROM")
    return image


def apply(image: Image, word: str, rest: str, stages: Mapping[str, Image]) -> None:
    """Carry out one instruction in a stage."""
    if word == "RUN":
        run(image, rest)
    elif word == "COPY":
        copy(image, shlex.split(rest), stages)
    elif word == "WORKDIR":
        image.workdir = rest
        (image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    else:
        describe(image, word, rest)


def describe(image: Image, word: str, rest: str) -> None:
    """Note what an instruction says about running the image."""
    if word == "ENV":
        image.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
    elif word == "USER":
        image.user = rest if ":" in rest else f"{rest}:{rest}"
    elif word == "VOLUME":
        image.volumes.append(rest)
    elif word == "ENTRYPOINT":
        image.entrypoint = _list(rest)
    elif word == "CMD":
        image.command = _list(rest)
    elif word == "HEALTHCHECK":
        image.health = _list(rest[rest.index("CMD") + len("CMD") :])
    elif word != "EXPOSE":
        raise SystemExit(f"{word}: an instruction that this script does not know")


def run(image: Image, command: str) -> None:
    """Run a command of the Dockerfile in the stage's root."""
    say(f"RUN {command[:100]}")
    env = image.env | {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    inner = f"cd {shlex.quote(image.workdir)} && {command}"
    script = f'set -e\n{MOUNTED}\nexec /usr/sbin/chroot "$0" /bin/sh -c {shlex.quote(inner)}'
    subprocess.run([*_apart(script), str(image.root)], check=True, env=env, stdout=subprocess.DEVNULL)


def copy(image: Image, words: list[str], stages: Mapping[str, Image]) -> None:
    """Copy from the checkout, or from another stage."""
    source = ROOT
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *names, target = words
    to = image.root / (Path(image.workdir) / target).as_posix().lstrip("/")
    for name in names:
        path = source / name.lstrip("/")
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".env") if source == ROOT else None
        if path.is_dir():
            shutil.copytree(path, to, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)


def look_for_compilers(image: Image) -> None:
    """Fail if the final root can compile."""
    folders = image.env["PATH"].split(":")
    found = [
        f"{folder}/{name}" for folder in folders for name in COMPILERS if (image.root / folder[1:] / name).exists()
    ]
    if found:
        raise SystemExit(f"the final root holds {', '.join(found)}")
    say("the final root holds no compiler")


def serve(image: Image, user: str) -> None:
    """Start what the image starts, as `user` on a read-only root, and look at it from outside and inside."""
    settings = image.root / "etc/klantbeeld/klantbeeld.toml"
    settings.write_text('language = "nl"\n', encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    env = image.env | {
        "KLANTBEELD_MATCH_KEY": key,
        "KLANTBEELD_TRAIL_KEY": key,
        "KLANTBEELD__GATEWAY__HOST": "127.0.0.1",
        "KLANTBEELD__GATEWAY__PORT": str(port),
    }
    with _started(image, user, env) as process:
        _wait_until_live(process, port)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        uid = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
        if uid is None or uid[1] != user.partition(":")[0]:
            raise SystemExit(f"it runs as {uid and uid[1]}, not as {user}")
        _enter(process, env, user, image.health, expect=True)
        _enter(process, env, user, ["touch", f"{image.volumes[0]}/probe"], expect=True)
        for place in ("/probe", "/opt/klantbeeld/probe", "/etc/klantbeeld/probe"):
            _enter(process, env, "0:0", ["touch", place], expect=False)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)
        if code not in {0, -signal.SIGTERM}:
            raise SystemExit(f"it ended with {code} when it was told to end")
    say(f"serve ran as {user} on a read-only root, was healthy, and ended when it was told to")


@contextmanager
def _started(image: Image, user: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    volumes = "".join(f'mount -t tmpfs -o mode=1777 tmpfs "$0{volume}"\n' for volume in image.volumes)
    inner = f"cd {image.workdir} && {AS_USER.format(*user.split(':'))}{shlex.join(image.entrypoint + image.command)}"
    script = f'set -e\n{MOUNTED}{READ_ONLY}{volumes}exec /usr/sbin/chroot "$0" /bin/sh -c {shlex.quote(inner)}'
    process = subprocess.Popen([*_apart(script), str(image.root)], env=dict(env), stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_live(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise SystemExit(f"it ended with {process.returncode} instead of serving")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"it was not live after {PATIENCE:.0f} seconds")


def _enter(
    process: subprocess.Popen[bytes], env: Mapping[str, str], user: str, command: list[str], *, expect: bool
) -> None:
    """Run a command beside the server, in its root and its mounts, which succeeds or fails as expected."""
    user_id, group_id = user.split(":")
    entering = ["nsenter", f"--target={process.pid}", "--mount", f"--root=/proc/{process.pid}/root"]
    changing = ["setpriv", f"--reuid={user_id}", f"--regid={group_id}", "--clear-groups", "--"]
    done = subprocess.run([*entering, *changing, *command], check=False, env=dict(env), capture_output=True, text=True)
    if (done.returncode == 0) is not expect:
        raise SystemExit(f"{shlex.join(command)} as {user} left with {done.returncode}: {done.stderr.strip()}")


def _apart(script: str) -> list[str]:
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script]


def _list(text: str) -> list[str]:
    words: list[str] = json.loads(text)
    return words


def _size(folder: Path) -> int:
    return (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) // 1_000_000
    )


def say(text: str) -> None:
    """Tell what was done."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
