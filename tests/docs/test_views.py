"""Each view has a page, and the page says what its document asks and which scopes that takes."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, build_schema, parse, visit

from .pages import ROOT

FOLDER = ROOT / "docs" / "views"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.stem != "README")
NAMES = re.compile(r"`([\w:]+)`")
WORTH_A_WORD = 2


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Give the published contract."""
    return build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


class Reading(Visitor):
    """Notes what a document asks of a customer, and the scopes of all that it asks."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.depth = 0
        self.fields: set[str] = set()
        self.scopes: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Note a field, and what its directive says."""
        self.depth += 1
        if self.depth == WORTH_A_WORD and node.name.value != "id":
            self.fields.add(node.name.value)
        definition = self.types.get_field_def()
        assert definition is not None
        assert definition.ast_node is not None
        for directive in definition.ast_node.directives or ():
            for argument in directive.arguments or ():
                if argument.name.value == "scope":
                    self.scopes.add(str(argument.value.to_dict()["value"]))

    def leave_field(self, *_: Any) -> None:
        """Go up."""
        self.depth -= 1


def read(page: Path, schema: GraphQLSchema) -> Reading:
    types = TypeInfo(schema)
    reading = Reading(types)
    document = parse(page.with_suffix(".graphql").read_text(encoding="utf-8"))
    visit(document, TypeInfoVisitor(types, reading))
    return reading


def test_every_view_has_a_page_and_every_page_a_view() -> None:
    assert [page.stem for page in PAGES] == sorted(document.stem for document in FOLDER.glob("*.graphql"))


def test_every_view_is_in_the_list_of_views() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f"({page.name})" not in listed] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_names_the_scopes_that_its_document_takes(page: Path, schema: GraphQLSchema) -> None:
    (line,) = [line for line in page.read_text(encoding="utf-8").splitlines() if "**Scopes**" in line]
    assert set(NAMES.findall(line)) == read(page, schema).scopes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_explains_each_field_of_its_document(page: Path, schema: GraphQLSchema) -> None:
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in NAMES.findall(row.split("|")[1])}
    assert named == read(page, schema).fields
