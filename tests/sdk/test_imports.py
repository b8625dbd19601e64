"""What a connector imports of ours is the sdk, and otherwise it is named."""

from pathlib import Path

import pytest

from klantbeeld.sdk.imports import forbidden_imports


def found(folder: Path, code: str, *, file: str = "connector.py") -> list[str]:
    place = folder / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(code, encoding="utf-8")
    return [each.removeprefix(f"{place}, ") for each in forbidden_imports(folder)]


@pytest.mark.parametrize(
    "code",
    [
        "import klantbeeld.sdk",
        "from klantbeeld import sdk",
        "from klantbeeld.sdk.words import Channel",
        "import httpx, klantbeelden",
        "from . import mapping",
        "from .mapping import COMPLAINT",
    ],
)
def test_the_sdk_itself_and_what_is_not_ours_may_be_imported(code: str, tmp_path: Path) -> None:
    assert found(tmp_path, code) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import klantbeeld", "line 1: imports klantbeeld;"),
        ("\nimport json, klantbeeld.engine", "line 2: imports klantbeeld.engine;"),
        ("from klantbeeld import sdk, registry", "line 1: imports klantbeeld.registry;"),
        ("from klantbeeld.sdkx import Call", "line 1: imports klantbeeld.sdkx.Call;"),
        ("def f():\n    from klantbeeld.store import Store", "line 2: imports klantbeeld.store.Store;"),
        ("from klantbeeld._connectors.acme import x", "line 1: imports klantbeeld._connectors.acme.x;"),
        ("from ..stripe import mapping", "line 1: imports ..stripe, which is outside"),
        ("from ... import engine", "line 1: imports ..., which is outside"),
        ("\ndef f(:", "line 2: is not Python"),
    ],
)
def test_all_else_of_ours_is_named_with_its_line(code: str, said: str, tmp_path: Path) -> None:
    (wrong,) = found(tmp_path, code)
    assert wrong.startswith(said)


def test_a_folder_below_may_import_what_lies_above_it_in_the_connector(tmp_path: Path) -> None:
    assert found(tmp_path, "from .. import mapping", file="wire/reading.py") == []
    assert len(found(tmp_path, "from ... import stripe", file="wire/reading.py")) == 1
