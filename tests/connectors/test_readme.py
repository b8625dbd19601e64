"""The table of connectors says what the connectors say of themselves."""

from pathlib import Path

import pytest

from klantbeeld.registry import load_connectors, own_folder
from klantbeeld.sdk.words import WriteSafety

WORDS = {  # what the last column must name for each way of keeping writes apart
    WriteSafety.IDEMPOTENCY_KEY: "`Idempotency-Key`",
    WriteSafety.IF_MATCH: ("`If-Match`", "`updated_stamp`"),
    WriteSafety.UNIQUE_REFERENCE: "ids of our own",
    WriteSafety.NONE: "nothing",
}


def rows() -> dict[str, str]:
    lines = Path(own_folder() / "README.md").read_text(encoding="utf-8").splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("| `") and line.count("|") == 5}


def test_every_connector_has_a_row_and_every_row_a_connector() -> None:
    assert set(rows()) == set(load_connectors().manifests)


@pytest.mark.parametrize("name", load_connectors().manifests)
def test_a_row_names_title_roles_and_write_safety(name: str) -> None:
    loaded = load_connectors().load(name)
    row = rows()[name]
    assert loaded.manifest.title in row
    assert all(f" {role} " in row for role in loaded.manifest.roles)
    for doing in loaded.make.doings().values():
        words = WORDS[doing.safety]
        assert any(word in row for word in ((words,) if isinstance(words, str) else words)), doing.name
