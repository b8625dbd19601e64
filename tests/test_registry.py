"""Connectors are found in three ways, loaded when asked for, and set aside when broken."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from klantbeeld import registry
from klantbeeld.errors import ConfigurationError
from klantbeeld.registry import Connectors, load_connectors, read_manifest
from klantbeeld.sdk import Ask

FACTS = """
name = "{name}"
title = "Example"
roles = ["BILLING"]
docs = ["https://example.com/docs"]
hosts = ["api.example.com"]
categories = ["CUSTOM"]
"""
CODE = """
import msgspec
from klantbeeld.sdk import Ask, Call, Connector, Mapping, WriteSafety, does, reads, take
from klantbeeld.sdk import acts, records
from .wire import Item

ITEM = Mapping(records.Invoice, Item, {"record_id": take("id")})

class Example(Connector):
    @reads(ITEM)
    def invoices(self, ask: Ask) -> Call[Item]:
        return Call(path="/items", record=Item, items=("data",))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("klantbeeld._connectors.made_")]:
        del sys.modules[name]


def write_connector(folder: Path, name: str, *, facts: str = FACTS, code: str = CODE) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "connector.toml").write_text(facts.format(name=name))
    (made / "wire.py").write_text("import msgspec\n\nclass Item(msgspec.Struct):\n    id: str\n")
    (made / "connector.py").write_text(code)
    (made / "__init__.py").write_text("from .connector import Example as Connector\n")
    return made


def reason(found: Connectors, folder: Path) -> str:
    return str(found.quarantined[folder])


def test_a_folder_of_the_operator_is_found_and_its_code_runs_only_when_asked_for(folder: Path) -> None:
    write_connector(folder, "made_lazy")
    found = load_connectors([folder])
    assert found.manifests["made_lazy"].title == "Example"
    assert "klantbeeld._connectors.made_lazy" not in sys.modules
    loaded = found.load("made_lazy")
    assert sys.modules["klantbeeld._connectors.made_lazy.connector"].__name__ == loaded.make.__module__
    call = loaded.make({}).invoices(Ask(keys=("1",), select=frozenset(), arguments={}))  # type: ignore[attr-defined]  # made above
    assert call.path == "/items"


def test_a_folder_stripe_does_not_become_a_module_stripe(folder: Path) -> None:
    write_connector(folder, "made_stripe")
    load_connectors([folder]).load("made_stripe")
    assert "made_stripe" not in sys.modules


def test_a_connector_is_loaded_once(folder: Path) -> None:
    write_connector(folder, "made_once")
    found = load_connectors([folder])
    assert found.load("made_once") is found.load("made_once")


def test_the_same_name_from_another_folder_brings_its_own_code(folder: Path) -> None:
    write_connector(folder / "a", "made_twice")
    write_connector(folder / "b", "made_twice", code=CODE.replace("/items", "/others"))
    first = Connectors([folder / "a" / "made_twice"]).load("made_twice").make
    second = Connectors([folder / "b" / "made_twice"]).load("made_twice").make
    assert first is not second
    assert second({}).invoices(Ask(keys=("1",), select=frozenset(), arguments={})).path == "/others"  # type: ignore[attr-defined]  # made above


def test_the_second_of_one_name_is_set_aside(folder: Path) -> None:
    first = write_connector(folder / "a", "made_double")
    second = write_connector(folder / "b", "made_double")
    found = load_connectors([folder / "a", folder / "b"])
    assert found.manifests["made_double"].folder == first
    assert str(first) in reason(found, second)


def test_an_installed_package_is_found_by_its_entry_point_without_importing_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_connector(folder, "made_installed")
    monkeypatch.syspath_prepend(str(folder))
    point = EntryPoint("made_installed", "made_installed", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    found = load_connectors()
    assert found.load("made_installed").manifest.name == "made_installed"
    assert "made_installed" not in sys.modules


def test_an_entry_point_that_leads_nowhere_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("made_gone", "made_gone.connector", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(ConfigurationError, match=r"made_gone/connector\.toml: there is no such file"):
        load_connectors().load("made_gone")


def test_a_folder_that_is_none_stops_everything(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="connector_folders"):
        load_connectors([folder / "absent"])


def test_an_unknown_name_gets_the_closest_one(folder: Path) -> None:
    write_connector(folder, "made_alike")
    with pytest.raises(ConfigurationError, match="Did you mean `made_alike`"):
        load_connectors([folder]).load("made_alik")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS + "colour = 1\n", "line 8, colour: Extra inputs"),
        (FACTS.replace('title = "Example"\n', ""), "title: Field required"),
        (FACTS.replace('"BILLING"', '"BILING"'), "roles: unknown: BILING"),
        (FACTS.replace('"{name}"', '"other"'), "name: the connector is called `other`"),
        (FACTS.replace('"api.example.com"', '"https://api.example.com"'), "line 6, hosts.0: String should match"),
        ("name = ", "is not TOML"),
    ],
)
def test_wrong_facts_are_told_with_file_and_key(folder: Path, facts: str, expected: str) -> None:
    made = write_connector(folder, "made_wrong", facts=facts)
    with pytest.raises(ConfigurationError) as caught:
        read_manifest(made)
    assert expected in str(caught.value)
    assert str(made / "connector.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import absent_module_of_nobody\n", "cannot be imported: ModuleNotFoundError"),
        ("Example = 1\n", "does not hand on a class `Connector`"),
        (CODE.replace("def invoices", "def invoicess"), "invoicess: is no capability of BILLING"),
        (CODE.replace("records.Invoice", "records.Order"), "invoices: gives Order"),
        (CODE.replace("@reads(ITEM)", "@reads()"), "invoices: gives nothing"),
        (
            CODE
            + "\n    @does(WriteSafety.NONE, ITEM)\n    def shout(self, act: acts.CreditInvoice) -> Call[Item]: ...\n",
            "shout: is no capability of BILLING",
        ),
        (
            CODE.replace("@reads(ITEM)", "@does(WriteSafety.IDEMPOTENCY_KEY, ITEM)").replace(
                "invoices", "credit_invoice"
            ),
            "does not say how long the owner remembers it",
        ),
    ],
)
def test_broken_code_is_set_aside_and_the_rest_loads(folder: Path, code: str, expected: str) -> None:
    broken = write_connector(folder, "made_broken", code=code)
    write_connector(folder, "made_whole")
    found = load_connectors([folder])
    assert "made_whole" in [loaded.manifest.name for loaded in found.load_all()]
    assert expected in reason(found, broken)
    assert "made_broken" not in found.manifests
    with pytest.raises(ConfigurationError):
        found.load("made_broken")


def test_a_folder_of_code_without_facts_is_set_aside(folder: Path) -> None:
    made = write_connector(folder, "made_bare")
    (made / "connector.toml").unlink()
    assert "there is no such file" in reason(load_connectors([folder]), made)


def test_in_a_wheel_the_packaged_connectors_are_our_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = write_connector(folder / "klantbeeld" / "_connectors", "made_packaged")
    monkeypatch.setattr(registry, "HERE", folder / "klantbeeld")
    assert load_connectors().manifests["made_packaged"].folder == packaged


def test_what_comes_with_klantbeeld_is_whole() -> None:
    found = load_connectors()
    assert len(list(found.load_all())) == len(found.manifests)
    assert not found.quarantined
