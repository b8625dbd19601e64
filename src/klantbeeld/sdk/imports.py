"""What a connector's files import, held against what they may: the sdk and each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

OURS = "klantbeeld"
SDK = f"{OURS}.sdk"


def forbidden_imports(folder: Path) -> list[str]:
    """Name every import that a connector must not have, with file and line; a file that cannot be parsed too.

    Wherever it stands, in a function or for types alone. No code of the connector runs.
    """
    files = sorted(folder.rglob("*.py"))
    return [f"{file}, line {line}: {problem}" for file in files for line, problem in _problems(file, folder)]


def _problems(file: Path, folder: Path) -> Iterator[tuple[int, str]]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:  # ValueError: it holds a null byte
        yield getattr(error, "lineno", None) or 1, "is not Python"
        return
    deepest = len(file.relative_to(folder).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, _forbidden(alias.name)) for alias in node.names if not _is_allowed(alias.name))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((node.lineno, _forbidden(name)) for name in names if not _is_allowed(name))
        elif isinstance(node, ast.ImportFrom) and node.level > deepest:
            yield node.lineno, f"imports {'.' * node.level}{node.module or ''}, which is outside the connector's folder"


def _is_allowed(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] != OURS or f"{name}.".startswith(f"{SDK}.")


def _forbidden(name: str) -> str:
    return f"imports {name}; of {OURS} a connector imports {SDK} alone, and its own modules relatively"
