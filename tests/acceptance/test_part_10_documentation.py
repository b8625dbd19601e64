"""Part 10. README and documentation: a screen to the first answer, and pages for everybody."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings
from klantbeeld.texts import error_codes

from .running import Ask

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SCREEN = 60  # lines


def fenced(language: str) -> str:
    """Give the README's first block of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(blocks[0])


@pytest.mark.feature("2.10", "README: one screen to the first answer")
def test_the_first_answer_is_within_a_screen() -> None:
    text = README.read_text(encoding="utf-8")
    assert text[: text.index("```graphql")].count("\n") < SCREEN / 2
    assert text[: text.index("```json")].count("\n") < SCREEN


@pytest.mark.feature("2.10", "README: its unified query is answered as printed, with fields from all four systems")
def test_the_readmes_query_is_answered_as_printed(ask: Ask, calls: Any) -> None:
    assert ask(fenced("graphql")).body == json.loads(fenced("json"))
    assert all(calls().values())


@pytest.mark.feature("2.10", "README: with one system stopped the other three are still answered")
def test_the_readmes_query_survives_a_stopped_system(ask: Ask, sandbox: Sandbox) -> None:
    sandbox.stop("zendesk")
    reply = ask(fenced("graphql"))
    customer = reply.part["identify"]["customer"]
    assert (customer["complaints"], {source for _, source in reply.errors.values()}) == (None, {"zendesk"})
    assert all(customer[name] for name in ("party", "orders", "invoices", "consents"))


@pytest.mark.feature("2.10", "README: a picture of the request path in the words of the folders, and what it is not")
def test_the_picture_uses_the_words_of_the_folders() -> None:
    text = README.read_text(encoding="utf-8")
    rooms = ("gateway/", "access/", "engine/", "graph/", "identity/", "writes/", "sources/", "connectors/")
    assert [room for room in rooms if room not in fenced("text")] == []
    assert re.search(r"^## What it is not$", text, re.MULTILINE)


@pytest.mark.feature("2.10", "docs/nl: a start page linked from the README's first lines, and pages for three readers")
def test_the_dutch_pages_are_there() -> None:
    first = "".join(README.read_text(encoding="utf-8").splitlines(keepends=True)[:5])
    assert "docs/nl/README.md" in first
    start = (ROOT / "docs" / "nl" / "README.md").read_text(encoding="utf-8")
    linked = {link for link in re.findall(r"\]\(([^)#:]+\.md)\)", start) if (ROOT / "docs" / "nl" / link).is_file()}
    assert len({link for link in linked if not link.startswith("..")}) >= 3
    assert all(word in start.lower() for word in ("medewerker", "gegevensbeheerder", "privacy"))


@pytest.mark.feature("2.10", "docs: concepts, schema, running, configuration, errors, adding a source")
@pytest.mark.parametrize(
    "page", ["concepts.md", "schema.md", "running.md", "configuration.md", "errors.md", "adding-a-source.md"]
)
def test_the_pages_are_there(page: str) -> None:
    assert len((ROOT / "docs" / page).read_text(encoding="utf-8")) > 1000


@pytest.mark.feature("2.10", "Every setting, error code and connector is documented")
def test_whatever_exists_is_documented() -> None:
    errors = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [code for code in error_codes() if f"\n## {code}\n" not in errors] == []
    configuration = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if not re.search(rf"`\[*{name}[.`\]]", configuration)] == []
    table = (ROOT / "connectors" / "README.md").read_text(encoding="utf-8")
    folders = {file.parent.name for file in (ROOT / "connectors").glob("*/connector.toml")}
    assert [name for name in folders if f"`{name}`" not in table] == []
