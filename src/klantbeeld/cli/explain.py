"""`klantbeeld explain`: the plan of an operation under a configuration, for a caller class and a purpose.

Nothing is opened: connectors are loaded for what they can do, no credential is read and no source asked.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphql import GraphQLField, GraphQLSchema
from rich.text import Text
from rich.tree import Tree

from klantbeeld.access.policy import Policy
from klantbeeld.access.rights import Rights
from klantbeeld.access.tokens import AccessToken
from klantbeeld.cli.opened import settings_of
from klantbeeld.cli.query import document_in
from klantbeeld.cli.terminal import remarks, results
from klantbeeld.engine.deferral import deferral_of
from klantbeeld.engine.documents import Document, Documents, Invalid
from klantbeeld.engine.plan import compile_plan
from klantbeeld.engine.plan_tree import Branch, Capable, Mark, Scene, plan_tree
from klantbeeld.engine.share import Share
from klantbeeld.errors import ConfigurationError, Forbidden, RequestError
from klantbeeld.gateway.limits import parser
from klantbeeld.graph.schema import build_schema
from klantbeeld.registry import load_connectors
from klantbeeld.settings import Settings
from klantbeeld.settings_file import closest

STYLES: Mapping[Mark, str] = {"plain": "", "heading": "bold", "note": "dim", "missing": "yellow", "wrong": "bold red"}


def explain(config: Path | None, operation: Path, *, name: str | None, caller_class: str, purpose: str | None) -> int:
    """Print the plan; 1 for a document that would be refused, else 0. Raises ConfigurationError."""
    settings = settings_of(config)
    text = document_in(operation)
    rights = rights_of(settings, caller_class, purpose)
    sources = capable_sources(settings)
    schema = build_schema()._schema  # noqa: SLF001 - strawberry hands its graphql-core schema to nobody
    try:
        document = asyncio.run(_documents(schema, settings).read(text)).document
        chosen = _operation(document, name)
        deferral = deferral_of(document.whole, chosen, {}, most=settings.gateway.max_deferred)
    except Invalid as invalid:
        for error in invalid.errors:
            place = ", ".join(f"line {at.line}, column {at.column}" for at in error.locations or ())
            remarks().print(f"{operation}, {place or 'the document'}: {error.message}", markup=False)
        return 1
    except RequestError as error:
        remarks().print(f"{operation}: {error.reason}: {error}", markup=False)
        return 1
    plan = compile_plan(schema, document.operation(chosen), document.selections, rights, _as_written)
    scene = Scene(
        schema=schema,
        sources=sources,
        owners=settings.writes.owners,
        rights=rights,
        whose=f"{caller_class}, for {rights.purpose}",
        cache=settings.cache,
        deferral=deferral,
    )
    results().print(_drawn(plan_tree(plan, scene)))
    return 0


def _drawn(branch: Branch) -> Tree:
    """Draw a tree as a terminal shows it."""
    tree = Tree(Text(branch.text, STYLES[branch.mark]))
    for below in branch.below:
        tree.add(_drawn(below))
    return tree


def rights_of(settings: Settings, caller_class: str, purpose: str | None) -> Rights:
    """Return the most that a token of a class can carry, for a purpose; raises ConfigurationError."""
    classes = settings.access.classes
    if caller_class not in classes:
        mend = closest(caller_class, classes, none="None is configured under [access.classes]")
        raise ConfigurationError("--as", f"there is no caller class `{caller_class}`", mend)
    scopes = frozenset(classes[caller_class].scopes)
    token = AccessToken("", "", "", "", "", scopes, None, caller_class, 0.0)
    try:
        return Policy(settings.access).caller(token, purpose=purpose).rights
    except Forbidden as error:
        problem = f"callers of the class `{caller_class}` have no purpose `{purpose}`"
        raise ConfigurationError("--purpose", problem, closest(str(purpose), classes[caller_class].purposes)) from error


def capable_sources(settings: Settings) -> list[Capable]:
    """Return what each configured source can do; raises ConfigurationError for a connector that cannot be loaded."""
    connectors = load_connectors(settings.connector_folders)
    found = []
    for name, source in sorted(settings.sources.items()):
        loaded = connectors.load(source.connector)
        roles = frozenset(source.roles if source.roles is not None else loaded.manifest.roles)
        found.append(Capable(name, roles, loaded.make.readings(), loaded.make.doings()))
    return found


def _documents(schema: GraphQLSchema, settings: Settings) -> Documents:
    limits = settings.documents
    share = Share(share=limits.new_share, burst=limits.new_burst, most_waiting=limits.new_waiting)
    most_tokens = settings.gateway.max_tokens
    return Documents(schema, parser(settings.gateway), limits, share=share, most_tokens=most_tokens)


def _operation(document: Document, name: str | None) -> str | None:
    if name is None and len(document.operations) > 1:
        names = ", ".join(sorted(document.operations))
        raise ConfigurationError(
            "--name", f"the document has {len(document.operations)} operations", f"Name one of {names}"
        )
    if name is not None and name not in document.operations:
        problem = f"the document has no operation `{name}`"
        raise ConfigurationError("--name", problem, closest(name, [each for each in document.operations if each]))
    document.operation(name)
    return name


def _as_written(_definition: GraphQLField, values: dict[str, Any]) -> Mapping[str, Any]:
    """Leave arguments as they are: nothing is asked with them here."""
    return values
