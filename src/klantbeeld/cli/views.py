"""The named operations of `docs/views`, which the demo trusts and shows."""

from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def views_folder() -> Path:
    """Return the folder with the named operations: in the wheel, else in the checkout."""
    packaged = HERE / "_views"
    return packaged if packaged.is_dir() else HERE.parents[1] / "docs" / "views"


def view(name: str) -> str:
    """Return the document of a view."""
    return (views_folder() / f"{name}.graphql").read_text(encoding="utf-8")
