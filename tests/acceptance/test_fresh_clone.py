"""It is done when: a fresh clone, an empty pip cache and an unprivileged user do both commands.

Slow, since everything is installed anew from the package index; `.ci/run` runs it. The tests themselves are not run
again inside: `make test` does all checks and one file of tests.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from .printed import requests_in, send

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/bin:/usr/bin:/bin"
NOBODY = 65_534
WITH_VENV = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
SETUP_SECONDS = 900
PATIENCE = 600.0  # seconds for the demo to install itself and come up
LAST_LINE = "Ctrl-C"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout to clone"),
]


class Newcomer:
    """A user with nothing but a clone, an empty home and an empty pip cache; not root, whoever runs the tests."""

    def __init__(self, home: Path) -> None:
        self.clone = home / "klantbeeld"
        self.environ = {"PATH": PATH, "HOME": str(home), "PIP_CACHE_DIR": str(home / "cache"), "PYTHONUNBUFFERED": "1"}
        self.identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if os.geteuid() != 0:
            self.identity = {}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone until it ends."""
        return subprocess.run(
            words,
            cwd=self.clone,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=SETUP_SECONDS,
            **self.identity,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in the clone, in a group of processes of its own."""
        return subprocess.Popen(
            words,
            cwd=self.clone,
            env=self.environ,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self.identity,
        )


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    """Clone the repository into an empty directory, as somebody without rights."""
    # Not below pytest's own folder, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="kb-newcomer-") as home:
        newcomer = Newcomer(Path(home))
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, newcomer.clone], check=True)
        if newcomer.identity:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", home], check=True)
        if newcomer.run("python3", "-c", WITH_VENV).returncode != 0:
            pytest.skip("needs a python3 of 3.11 or later with venv that every user may run")
        yield newcomer


@pytest.mark.feature("2 done", "A fresh clone, an empty cache, an unprivileged user: the demo answers what it prints")
def test_a_fresh_clone_demonstrates(newcomer: Newcomer, http: httpx.Client) -> None:
    process = newcomer.start("make", "demo", "ARGS=--port 0 --size 8")
    patience = Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    patience.start()
    try:
        printed = ""
        while LAST_LINE not in printed and process.poll() is None:
            printed += process.stdout.readline() if process.stdout else ""
        answers = [send(words, http) for words in requests_in(printed)]
        assert len(answers) >= 3
        assert [answer.get("errors") for answer in answers] == [None] * len(answers)
    finally:
        patience.cancel()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.feature("2 done", "A fresh clone, an empty cache, an unprivileged user: the tests are set up and pass")
def test_a_fresh_clone_tests_itself(newcomer: Newcomer) -> None:
    ran = newcomer.run("make", "test", "ARGS=-p no:cacheprovider -k test_texts")
    sys.stdout.write(ran.stdout[-4000:] + ran.stderr[-4000:])
    assert ran.returncode == 0
    assert re.search(r"\d+ passed", ran.stdout)
