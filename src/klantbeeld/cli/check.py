"""`klantbeeld check`: all that is wrong with the configuration, with place and mend, before anything starts."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from rich.text import Text

from klantbeeld.access.defaults import SCOPES
from klantbeeld.cli.check_opening import refusals_of
from klantbeeld.cli.check_redis import persistence_of
from klantbeeld.cli.opened import file_of, remark_if_there_are_none
from klantbeeld.cli.terminal import remarks, results
from klantbeeld.errors import ConfigurationError
from klantbeeld.registry import LoadedConnector, load_connectors
from klantbeeld.sdk.roles import ROLES
from klantbeeld.settings import Settings
from klantbeeld.settings_check import ConnectorFacts
from klantbeeld.settings_check import check as check_settings
from klantbeeld.settings_file import Finding, as_error, closest, given_in
from klantbeeld.settings_part import settings_in_part
from klantbeeld.toml_lines import Key

NEARLY = 0.8  # of two names, how alike they are when one is taken for a mistyped other

# Acts on a record, which go to the source that has it.
OF_RECORDS = frozenset(
    {
        "comment_on_complaint",
        "credit_invoice",
        "hold_complaint",
        "reopen_complaint",
        "solve_complaint",
        "withdraw_credit",
    }
)


def check(config: Path | None) -> int:
    """Print what is found; 2 if the gateway would not start, 0 otherwise. Raises ConfigurationError."""
    settings, findings = _looked_at(config)
    console = results()
    for finding in findings:
        label, style = ("wrong", "bold red") if finding.stops else ("advice", "yellow")
        console.print(Text.assemble((f"{label:7}", style), (finding.where, "bold"), f": {finding.problem}. "), end="")
        console.print(finding.mend, markup=False)
    stopping = sum(finding.stops for finding in findings)
    if settings is None or stopping:
        remarks().print(f"{stopping} to mend; nothing starts until then.")
        return 2
    console.print(f"Ready to serve: {_summary(settings)}.")
    return 0


def sound_settings(
    config: Path | None, *, host: str | None = None, port: int | None = None
) -> tuple[Settings, Sequence[Finding]]:
    """Load settings that the gateway can start with, and what might be mended all the same.

    Host and port go before the file's; whether the port is free is seen by listening. Raises ConfigurationError, once,
    with everything that stops it.
    """
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings, findings = _looked_at(config, given, without=frozenset({"gateway.port"}))
    stopping = [finding for finding in findings if finding.stops]
    if settings is None or stopping:
        raise as_error(stopping, file=str(file_of(config) or "the environment"))
    return settings, findings


def _looked_at(
    config: Path | None, given: Mapping[str, object] | None = None, *, without: frozenset[str] = frozenset()
) -> tuple[Settings | None, list[Finding]]:
    """Find all that is wrong with settings: what does not fit the model, and as far as that lets see, all the rest."""
    remark_if_there_are_none(config)
    file = file_of(config)
    part = settings_in_part(file, os.environ)
    if part.settings is None:
        return None, part.findings
    gateway = part.settings.gateway.model_copy(update=given)
    settings = part.settings.model_copy(update={"gateway": gateway})
    found = (one for one in _findings_of(settings, os.environ) if one.where not in without)
    places = given_in(file, os.environ)
    rest = [
        replace(finding, where=places.place(key)) for finding in found if part.speaks_of(key := _key(finding.where))
    ]
    return settings, part.findings + rest


def _findings_of(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Find what is wrong with settings that fit the model; asks no source, only the cache's server if any."""
    loaded, broken = _connectors_of(settings)
    facts = {name: _facts(connector) for name, connector in loaded.items()}
    found = [
        *check_settings(settings, environ, connectors=facts),
        *_owners(settings, loaded),
        *_mistyped(settings, facts),
        *refusals_of(settings, loaded),
        *persistence_of(settings),
    ]
    return [broken.get(finding.where, finding) for finding in found]


def _connectors_of(settings: Settings) -> tuple[dict[str, LoadedConnector], dict[str, Finding]]:
    """Load the connectors in use, and say why one cannot be, by the setting that names it."""
    # A folder that is none is found by the other checks.
    connectors = load_connectors([folder for folder in settings.connector_folders if folder.is_dir()])
    loaded, broken = {}, {}
    for name, source in settings.sources.items():
        try:
            loaded[source.connector] = connectors.load(source.connector)
        except ConfigurationError as error:
            where = f"sources.{name}.connector"
            is_there = connectors.is_broken(source.connector)  # then the others can start without it
            aside = "; the source starts set aside" if is_there else ""
            broken[where] = Finding(where, f"{error.where}: {error.problem}{aside}", error.mend, stops=not is_there)
    return loaded, broken


def _facts(connector: LoadedConnector) -> ConnectorFacts:
    options = connector.manifest.options
    return ConnectorFacts(
        roles=frozenset(connector.manifest.roles),
        options=frozenset(options),
        needed_options=frozenset(name for name, option in options.items() if option.default is None),
        credentials=frozenset(connector.make.auth.needs),
        hosts=connector.manifest.hosts,
        per_second=connector.manifest.limits.requests_per_second,
        per_day=connector.manifest.limits.requests_per_day,
    )


def _mistyped(settings: Settings, facts: Mapping[str, ConnectorFacts]) -> Iterator[Finding]:
    """Find scopes and credentials that nothing asks for, and that are nearly the name of one that something does."""
    for kind, named in (("classes", settings.access.classes), ("purposes", settings.access.purposes)):
        for name, section in named.items():
            for scope in section.scopes:
                if mend := _nearly(scope, SCOPES):
                    where = f"access.{kind}.{name}.scopes"
                    yield Finding(where, f"no field asks for the scope `{scope}`", mend, stops=False)
    for name, source in settings.sources.items():
        needed = facts[source.connector].credentials if source.connector in facts else frozenset()
        for credential in source.credentials:
            if mend := _nearly(credential, needed):
                where = f"sources.{name}.credentials.{credential}"
                yield Finding(where, f"the connector `{source.connector}` takes no such credential", mend, stops=False)


def _nearly(name: str, known: Collection[str]) -> str | None:
    """Suggest the name that was probably meant; None for one that is known, or like none."""
    near = [] if name in known else get_close_matches(name, known, n=1, cutoff=NEARLY)
    return f"Did you mean `{near[0]}`?" if near else None


def _owners(settings: Settings, loaded: Mapping[str, LoadedConnector]) -> Iterator[Finding]:
    """Find acts that several sources of a role could do, and declared owners that cannot."""
    able = _able(settings, loaded)
    for act, owner in settings.writes.owners.items():
        where, could = f"writes.owners.{act}", able.get(act)
        if could is None:
            yield Finding(where, "there is no such act", closest(act, able))
        elif owner not in settings.sources:
            yield Finding(where, f"there is no source `{owner}`", closest(owner, settings.sources))
        elif owner not in {name for names in could.values() for name in names}:
            yield Finding(where, f"the source `{owner}` cannot do that", "Name another, or take the line away")
    for act in sorted(able.keys() - settings.writes.owners.keys() - OF_RECORDS):
        for role, names in able[act].items():
            if len(names) > 1:
                problem = f"{' and '.join(names)} could do it as {role}, so it would be refused (OWNER_AMBIGUOUS)"
                mend = f'Name the owner under [writes.owners]: {act} = "{names[0]}"'
                yield Finding(f"writes.owners.{act}", problem, mend, stops=False)


def _able(settings: Settings, loaded: Mapping[str, LoadedConnector]) -> dict[str, dict[str, list[str]]]:
    """Find the sources that can do each act, by act and role."""
    found: dict[str, dict[str, list[str]]] = {act: {} for role in ROLES.values() for act in role.acts}
    for name, source in settings.sources.items():
        if source.connector not in loaded:
            continue
        connector = loaded[source.connector]
        for role in source.roles or connector.manifest.roles:
            acts = ROLES[role].acts if role in ROLES else ()
            for act in acts & connector.make.doings().keys() if acts else ():
                found[act].setdefault(role, []).append(name)
    return found


def _key(where: str) -> Key:
    return tuple(int(part) if part.isdecimal() else part for part in where.split("."))


def _summary(settings: Settings) -> str:
    sources = ", ".join(f"{name} ({source.connector})" for name, source in settings.sources.items()) or "no sources"
    store, _, _ = settings.store.url.partition("://")
    return f"{sources}; store {store}; port {settings.gateway.port}"
