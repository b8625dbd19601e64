"""Who follows the page about adding a source has a connector that is found, keeps the conformance suite and serves."""

import subprocess
import sys
from pathlib import Path

import pytest

from klantbeeld.registry import load_connectors

from .pages import ROOT, fences_of

KLANTBEELD = Path(sys.executable).with_name("klantbeeld")
PAGE = ROOT / "docs" / "adding-a-source.md"
FILES = {
    "my-connectors/balie/connector.toml",
    "my-connectors/balie/records.py",
    "my-connectors/balie/mapping.py",
    "my-connectors/balie/connector.py",
    "my-connectors/balie/__init__.py",
    "my-connectors/balie/examples/complaints.json",
    "my-connectors/balie/examples/file_complaint.json",
    "my-connectors/test_balie.py",
    "klantbeeld.toml",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every file that the page shows."""
    made = tmp_path_factory.mktemp("followed")
    for fence in fences_of(PAGE):
        if fence.file:
            file = made / fence.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fence.text, encoding="utf-8")
    return made


def test_the_page_shows_every_file(folder: Path) -> None:
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == FILES


def test_the_loader_finds_the_connector(folder: Path) -> None:
    connectors = load_connectors([folder / "my-connectors"])
    assert connectors.load("balie").make.readings().keys() == {"complaints"}
    assert connectors.load("balie").make.doings().keys() == {"file_complaint"}


def test_the_connector_keeps_the_conformance_suite(folder: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", "--import-mode=importlib"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-W", "error", "my-connectors"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_commands_of_the_page_work_as_they_are_printed(folder: Path) -> None:
    lines = [line.partition("  #")[0].strip() for fence in fences_of(PAGE) for line in fence.text.splitlines()]
    check, settings, ask = (line for line in lines if line.startswith("klantbeeld "))
    done = run(folder, check)
    assert (done.returncode, done.stderr) == (0, "")
    done = run(folder, settings)
    assert done.returncode == 0, done.stdout
    assert "counter (balie)" in done.stdout
    done = run(folder, ask)
    assert (done.returncode, done.stderr) == (1, "counter.complaints: SOURCE_UNAVAILABLE: ConnectError\n")


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the page says, with the secrets that the settings name; nobody is asked outside."""
    secrets = dict.fromkeys(("KLANTBEELD_MATCH_KEY", "KLANTBEELD_TRAIL_KEY", "BALIE_TOKEN"), "A" * 44)
    nowhere = {"KLANTBEELD__SOURCES__COUNTER__BASE_URL": "http://127.0.0.1:9", "KLANTBEELD__GATEWAY__PORT": "0"}
    return subprocess.run(
        [KLANTBEELD, *command.split()[1:]],
        cwd=folder,
        env=secrets | nowhere,
        check=False,
        capture_output=True,
        text=True,
    )
