"""The wheel holds the product and nothing else, and is all that is needed to run it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import httpx
import pytest

PLAIN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
PATIENCE = 120.0  # seconds for the demo to come up
SHIPPED = ("src", "connectors", "docs/views", "pyproject.toml", "README.md", "LICENSE", "NOTICE", ".gitignore")


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of what is shipped, with secrets and litter lying about in it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SHIPPED:
        path = root / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / name)
    for litter in ("connectors/dataverse/.env", "src/klantbeeld/.env", "connectors/dataverse/__pycache__/records.pyc"):
        (folder / litter).parent.mkdir(exist_ok=True)
        (folder / litter).write_text("SECRET=canary", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(checkout)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def in_wheel(dist: Path) -> set[str]:
    """Give the names of the files in the wheel."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_every_file_of_the_package_is_in_the_wheel(in_wheel: set[str], root: Path) -> None:
    assert set(_files(root / "src")) - in_wheel == set()


def test_the_connectors_are_in_the_wheel_with_their_facts_and_examples(in_wheel: set[str], root: Path) -> None:
    shipped = {f"klantbeeld/_connectors/{name}" for name in _files(root / "connectors")}
    assert any(name.endswith("/connector.toml") for name in shipped)
    assert shipped - in_wheel == set()


def test_the_views_are_in_the_wheel(in_wheel: set[str], root: Path) -> None:
    shipped = {f"klantbeeld/_views/{name.name}" for name in (root / "docs" / "views").glob("*.graphql")}
    assert shipped
    assert shipped - in_wheel == set()


def test_the_wheel_holds_nothing_else(in_wheel: set[str]) -> None:
    assert {name.split("/")[0].partition("-")[0] for name in in_wheel} == {"klantbeeld"}


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_what_git_ignores_is_not_shipped(dist: Path, kind: str) -> None:
    path = next(dist.glob(kind))
    if kind == "*.whl":
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
    assert [name for name in names if name.endswith((".env", ".pyc"))] == []


def test_the_licence_is_in_the_wheel(in_wheel: set[str]) -> None:
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in in_wheel if ".dist-info/licenses/" in name}


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of an empty virtual environment into which a wheelhouse was installed, without an index."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    house, there = folder / "house", folder / "there"
    subprocess.run(
        [root / "scripts" / "wheelhouse", house], check=True, env=PLAIN | {"PYTHON": sys.executable} | _of_pip()
    )
    venv.create(there, with_pip=True)
    install: list[str | Path] = [there / "bin" / "pip", "install", "--quiet", "--no-index", "--find-links", house]
    subprocess.run([*install, "klantbeeld[postgresql,redis]"], check=True, env=PLAIN | {"PIP_CONFIG_FILE": "/dev/null"})
    return there / "bin"


@pytest.mark.slow
def test_a_wheelhouse_installs_without_an_index_and_brings_every_connector(
    installed: Path, root: Path, tmp_path: Path
) -> None:
    found = "from klantbeeld.registry import load_connectors; print(*sorted(load_connectors(()).manifests))"
    listed = subprocess.run(
        [installed / "python", "-c", found], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert set(listed.stdout.split()) == {path.parent.name for path in (root / "connectors").glob("*/connector.toml")}


@pytest.mark.slow
def test_the_wheel_alone_runs_the_demo_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        installed / "klantbeeld",
        "demo",
        "--port",
        "0",
        "--size",
        "50",
        "--folder",
        tmp_path / "demo",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, env=PLAIN, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    watchdog = Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"the demo ended: {printed}"
            printed += line
        address = re.search(r"(http://127\.0\.0\.1:\d+)/graphql", printed)
        assert address is not None
        assert httpx.get(f"{address[1]}/ready").json()["ready"] is True
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts) and path.name != ".env":
            yield path.relative_to(folder).as_posix()


def _of_pip() -> dict[str, str]:
    """Give what this machine tells pip and its connections."""
    return {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.upper().endswith("_PROXY")
    }
