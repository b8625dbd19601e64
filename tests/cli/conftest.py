"""The command line in this process, and a configuration whose systems are not there."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.commands import main
from klantbeeld.cli.demo_settings import write_settings
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

NOWHERE = 9


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Klantbeeld = Callable[..., Done]


@pytest.fixture
def klantbeeld(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, sqlite_template: Path
) -> Klantbeeld:
    """Give a function that runs `klantbeeld ARGUMENTS` in an empty folder, for somebody whose locale says nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["klantbeeld", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        spoken = capsys.readouterr()
        return Done(int(left.value.code or 0), spoken.out, spoken.err)

    return run


@pytest.fixture
def file(tmp_path: Path, sqlite_template: Path) -> Path:
    """Give a sound settings file, with its secrets and an empty store; nobody answers at its sources' addresses."""
    folder = tmp_path / "demo"
    sandbox = Sandbox(size=0, ports=dict.fromkeys(SYSTEMS, NOWHERE))
    written = write_settings(folder, sandbox, DemoIssuer.new(clock=time.time), port=0)
    (folder / "klantbeeld.sqlite").write_bytes(sqlite_template.read_bytes())
    return written


@pytest.fixture
def change(file: Path) -> Callable[[str, str], None]:
    """Give a function that replaces one piece of the settings file by another."""

    def replace(piece: str, other: str) -> None:
        text = file.read_text(encoding="utf-8")
        assert piece in text
        file.write_text(text.replace(piece, other), encoding="utf-8")

    return replace
