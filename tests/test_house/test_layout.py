"""What lies where, and what the repository does not mention."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

TOP = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README.md",
    "SECURITY.md",
    "connectors",
    "deploy",
    "docs",
    "pyproject.toml",
    "schema.graphql",
    "scripts",
    "src",
    "tests",
}
# Written in pieces, so that this file does not mention them either.
FOREIGN = re.compile(
    "|".join(
        (r"(?<![\w.])/wo" + r"rk/", r"(?<![\w.])/tm" + r"p/\w", "/ro" + "ot/", r"\bClau" + r"de\b", "Anthr" + "opic")
    )
)
SHARED = "../sha" + "red"


@pytest.fixture(scope="module")
def committed(root: Path) -> list[Path]:
    """Give the files that git keeps."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout, so nothing tells its files from others")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def test_the_top_level_is_as_agreed(committed: list[Path], root: Path) -> None:
    names = {path.relative_to(root).parts[0] for path in committed}
    assert {name for name in names if not name.startswith(".")} == TOP


def test_no_file_mentions_a_machine_of_ours(committed: list[Path], root: Path) -> None:
    assert [f"{path.relative_to(root)}: {word}" for path in committed for word in FOREIGN.findall(_text(path))] == []


def test_only_marked_tests_look_beside_the_checkout(committed: list[Path], root: Path) -> None:
    wrong = []
    for path in committed:
        text = _text(path)
        if SHARED in text and not (path.is_relative_to(root / "tests") and "KLANTBEELD_SHARED" in text):
            wrong.append(str(path.relative_to(root)))
    assert wrong == []


def test_no_large_file_is_committed(committed: list[Path], root: Path) -> None:
    sizes = {str(path.relative_to(root)): path.stat().st_size for path in committed}
    assert {name: size for name, size in sizes.items() if size > 4_000_000} == {}


def test_the_changelog_tells_of_this_version(root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog
    assert f"## [{version}]" in changelog or version == "0.1.0"


def test_the_lock_files_hold_what_pyproject_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"]]
    wanted += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    assert _missing(wanted, root / "deploy" / "requirements.lock") == []
    assert _missing([*wanted, *project["dependency-groups"]["dev"]], root / "deploy" / "requirements-dev.lock") == []
    assert _missing(project["build-system"]["requires"], root / "deploy" / "requirements-build.lock") == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_comes_from_the_index(root: Path, name: str) -> None:
    entries = re.split(r"\n(?=\S)", (root / "deploy" / name).read_text(encoding="utf-8").strip())
    assert [entry.split(" ")[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


def test_make_help_says_what_every_target_is_for(root: Path) -> None:
    text = (root / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):.*  ## .", text, re.MULTILINE)) == set(targets.split())


def _missing(wanted: list[str], lock: Path) -> list[str]:
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    return [name for name in wanted if re.split(r"[^A-Za-z0-9_.-]", name)[0].lower().replace("_", "-") not in locked]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")
