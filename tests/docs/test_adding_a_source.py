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
    "balie/connector.toml",
    "balie/records.py",
    "balie/mapping.py",
    "balie/connector.py",
    "balie/__init__.py",
    "balie/examples/complaints.json",
    "balie/examples/file_complaint.json",
    "test_balie.py",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every file that the page shows."""
    made = tmp_path_factory.mktemp("followed") / "my-connectors"
    for fence in fences_of(PAGE):
        if fence.file:
            file = made / fence.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fence.text, encoding="utf-8")
    return made


def test_the_page_shows_every_file(folder: Path) -> None:
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == FILES


def test_the_loader_finds_the_connector(folder: Path) -> None:
    connectors = load_connectors([folder])
    assert connectors.load("balie").make.readings().keys() == {"complaints"}
    assert connectors.load("balie").make.doings().keys() == {"file_complaint"}


def test_the_connector_keeps_the_conformance_suite(folder: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", "--import-mode=importlib"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-W", "error", "test_balie.py"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_command_line_holds_the_connector_against_its_examples(folder: Path) -> None:
    file = folder.parent / "klantbeeld.toml"
    file.write_text('connector_folders = ["my-connectors"]\n', encoding="utf-8")
    done = run(folder, "connector", "check", "balie")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_that_the_page_shows_are_ready_to_serve(folder: Path) -> None:
    (shown,) = [fence.text for fence in fences_of(PAGE) if "connector_folders" in fence.text]
    file = folder.parent / "klantbeeld.toml"
    file.write_text(f"{shown}\n[gateway]\nport = 0\n", encoding="utf-8")
    done = run(folder, "check")
    assert done.returncode == 0, done.stdout
    assert "counter (balie)" in done.stdout


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the settings lie, with the secrets that they name."""
    secrets = dict.fromkeys(("KLANTBEELD_MATCH_KEY", "KLANTBEELD_TRAIL_KEY", "BALIE_TOKEN"), "A" * 44)
    return subprocess.run(
        [KLANTBEELD, *words, "--config", "klantbeeld.toml"],
        cwd=folder.parent,
        env=secrets,
        check=False,
        capture_output=True,
        text=True,
    )
