"""Part 4. Four connectors: all that the products' APIs offer, examples of every call, and one conformance suite."""

import ast
from pathlib import Path

import pytest

from klantbeeld.cli.connectors import check_connector
from klantbeeld.registry import load_connectors
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sdk.examples import load_examples

from .running import Ask, Deployment, command

ROOT = Path(__file__).resolve().parents[2]
EVERYONE_CAN = {"party", "find", "search", "everyone", "changes", "contact_media"}
CONNECTORS = sorted(load_connectors().manifests)


@pytest.mark.feature("2.4", "Each connector reads by id, finds, searches, lists all and lists changes since")
def test_each_connector_offers_the_reads(ask: Ask) -> None:
    found = ask("{ sources { name capabilities { reads writes } } }").data["sources"]
    assert {one["name"] for one in found} == set(SYSTEMS)
    assert [one["name"] for one in found if not set(one["capabilities"]["reads"]) >= EVERYONE_CAN] == []
    assert [one["name"] for one in found if not one["capabilities"]["writes"]] == []


@pytest.mark.feature("2.4", "Recorded examples of every call, each naming its origin")
@pytest.mark.parametrize("name", CONNECTORS)
def test_each_call_has_an_example_that_names_its_origin(name: str) -> None:
    connectors = load_connectors()
    loaded = connectors.load(name)
    examples = load_examples(connectors.manifests[name])
    offered = {*loaded.make.readings(), *loaded.make.doings()}
    assert offered - {example.capability for example in examples} == set()
    assert [example.name for example in examples if not example.origin] == []


@pytest.mark.feature("2.4", "A connector does no I/O, and imports the sdk alone")
@pytest.mark.parametrize("name", CONNECTORS)
def test_a_connector_imports_the_sdk_alone(name: str) -> None:
    forbidden = {"asyncio", "httpx", "socket", "urllib.request", "aiohttp", "requests"}
    for file in (ROOT / "connectors" / name).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = {node.module or ""}
            ours = {module for module in modules if module.startswith("klantbeeld")}
            assert not modules & forbidden, file
            assert {module for module in ours if not module.startswith("klantbeeld.sdk")} == set(), file


@pytest.mark.feature("2.4", "The conformance suite holds each connector against its examples")
@pytest.mark.parametrize("name", CONNECTORS)
def test_each_connector_passes_its_check(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_connector(None, name, live=False) == 0
    count, _, of = capsys.readouterr().out.splitlines()[-1].partition(" of ")
    assert of.startswith(count)


@pytest.mark.feature("2 done", "The conformance suite passes for all four connectors against the sandbox")
@pytest.mark.parametrize("name", SYSTEMS)
def test_each_connector_passes_against_its_running_system(name: str, ask: Ask, deployment: Deployment) -> None:
    ran = command("connector", "run", name, "everyone", "--first", "3", "--config", deployment.file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout
