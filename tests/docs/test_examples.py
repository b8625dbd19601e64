"""Every example in the pages is of something that exists."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import typer.main
from graphql import GraphQLSchema, build_schema, parse, validate
from pydantic import BaseModel

from klantbeeld.cli.commands import app
from klantbeeld.settings import Settings

from .pages import ROOT, Fence, fences, pages

LANGUAGES = ("csv", "graphql", "http", "json", "python", "sh", "text", "toml")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Give the published contract."""
    return build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fence", fences("graphql"), ids=str)
def test_an_operation_is_one_of_the_schema(fence: Fence, schema: GraphQLSchema) -> None:
    assert [error.message for error in validate(schema, parse(fence.text))] == []


@pytest.mark.parametrize("fence", fences("json"), ids=str)
def test_json_is_json(fence: Fence) -> None:
    json.loads(fence.text)


@pytest.mark.parametrize("fence", fences("python"), ids=str)
def test_python_is_python(fence: Fence) -> None:
    compile(fence.text, str(fence), "exec")


@pytest.mark.parametrize("fence", [fence for fence in fences("toml") if fence.file is None], ids=str)
def test_a_setting_is_one_of_ours(fence: Fence) -> None:
    unknown = [".".join(key) for key in keys_of(tomllib.loads(fence.text)) if not is_setting(Settings, key)]
    assert unknown == []


def test_every_example_is_fenced_in_a_language_that_is_checked() -> None:
    marks = sum(line.startswith("```") for page in pages() for line in page.read_text(encoding="utf-8").splitlines())
    assert len(fences(*LANGUAGES)) * 2 == marks


def test_every_command_that_is_named_exists() -> None:
    known = dict(options_of(typer.main.get_command(app)))
    wrong = [f"{place}: {line}" for place, line in said("klantbeeld") if not is_command(shlex.split(line), known)]
    assert wrong == []


def test_every_command_is_named_somewhere() -> None:
    known = [" ".join(path) for path, _ in options_of(typer.main.get_command(app)) if path]
    groups = ("identity", "connector")
    lines = [line for _, line in said("klantbeeld")]
    unnamed = [path for path in known if not any(line.startswith(f"klantbeeld {path}") for line in lines)]
    assert sorted(set(unnamed) - set(groups)) == []


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    wrong = [f"{place}: {line}" for place, line in said("make") if not set(shlex.split(line)[1:2]) <= targets]
    assert wrong == []


def said(word: str) -> Iterator[tuple[str, str]]:
    """Give each command line that begins with a word, in code of either kind, with its place."""
    begin = re.compile(rf"(?:^|[\s/]){word} (?=[a-z])")
    for page in pages():
        place = str(page.relative_to(ROOT))
        for span in SPAN.findall(page.read_text(encoding="utf-8")):
            if span.startswith(f"{word} "):
                yield place, span
    for fence in fences("sh"):
        for line in fence.text.replace("\\\n", " ").splitlines():
            command = line.partition("  #")[0].partition(" > ")[0]
            if (found := begin.search(command)) and not command.startswith("#"):
                yield str(fence), command[found.start() :].strip().removeprefix("/").partition(")")[0]


def options_of(command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Give the options of every command below a command, by its words."""
    for name, below in getattr(command, "commands", {}).items():
        yield from options_of(below, (*above, name))
    yield above, frozenset(option for parameter in command.params for option in parameter.opts)


def is_command(words: list[str], known: Mapping[tuple[str, ...], frozenset[str]]) -> bool:
    """Say whether the words are a command with options that it has."""
    path: tuple[str, ...] = ()
    for word in words[1:]:
        if (*path, word) not in known:
            break
        path = (*path, word)
    options = {word for word in words[1:] if word.startswith("-") and word != "-"}
    return path != () and options <= known[path] | {"--help"}


def keys_of(tree: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the keys of a tree down to its values, without the places in lists."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from keys_of(value, (*above, name))
    elif isinstance(tree, list) and tree and isinstance(tree[0], dict):
        for value in tree:
            yield from keys_of(value, above)
    else:
        yield above


def is_setting(kind: Any, key: tuple[str, ...]) -> bool:
    """Say whether a type of the settings has a key."""
    origin, inner = get_origin(kind), get_args(kind)
    if hasattr(kind, "__metadata__") or origin is tuple:
        return is_setting(inner[0], key)
    if origin in {Union, UnionType}:
        return any(is_setting(arm, key) for arm in inner)
    if key and origin is dict:
        return is_setting(inner[1], key[1:])
    if key and isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(key[0])
        return field is not None and is_setting(field.annotation, key[1:])
    return not key
