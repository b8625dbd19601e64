"""Loads the settings from `klantbeeld.toml` and the environment, or says all that is wrong with them at once.

A variable `KLANTBEELD__GATEWAY__PORT` stands above the key `port` of `[gateway]` in the file. Relative paths are
relative to the working directory. Values of the file are never repeated in a message: one of them may be a secret.
"""

import base64
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, Settings
from klantbeeld.settings_section import PASSWORD_IN_URL
from klantbeeld.toml_lines import Key, lines_of

PREFIX = "KLANTBEELD__"
SECRET_NAME = re.compile(r"secret|password|passwd|passphrase|token$|api_?key|private_?key|access_?key", re.IGNORECASE)

# What TOML has a type of its own for, and which of its types such a setting takes; variables have text alone.
PLAIN: Final[Mapping[type, str]] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
TAKES: Final[Mapping[type, frozenset[type]]] = {
    bool: frozenset({bool}),
    int: frozenset({int}),
    float: frozenset({int, float}),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `where` names file, line and key, or the variable; `mend` the way out."""

    where: str
    problem: str
    mend: str
    stops: bool = True  # False: the gateway starts all the same

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.mend}"


@dataclass(frozen=True, slots=True)
class Given:
    """What file and environment say, as one tree, and where each part of it stands."""

    tree: dict[str, Any]
    places: Mapping[Key, str]
    file: str

    def place(self, key: Key) -> str:
        """Name the place of `key`, or of the innermost table around it, and the key itself."""
        dotted = ".".join(map(str, key))
        for end in range(len(key), 0, -1):
            if key[:end] in self.places:
                return f"{self.places[key[:end]]}, {dotted}"
        return f"{self.file}, {dotted}" if dotted else self.file


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Give the settings of `path` (None: no file) with what `environ` says above it.

    Raises ConfigurationError, once, with every problem found.
    """
    given, findings = read(path, environ)
    try:
        settings = Settings.model_validate(given.tree)
    except ValidationError as error:
        told = {finding.where for finding in findings}
        findings += [finding for finding in explain(error, given).values() if finding.where not in told]
    else:
        if not findings:
            return settings
    raise as_error(findings, file=given.file)


def given_in(path: Path | None, environ: Mapping[str, str]) -> Given:
    """Say what file and environment give and where, for whoever found something wrong with settings that load."""
    return read(path, environ)[0]


def read_secret(secret: Secret, environ: Mapping[str, str], *, where: str) -> SecretStr:
    """Read a secret from where it stands; `where` is the setting's name for the ConfigurationError if it is absent."""
    if secret.env is not None:
        value = environ.get(secret.env, "").strip()
        if not value:
            raise ConfigurationError(where, f"the environment variable {secret.env} is not set", "Set it to the secret")
        return SecretStr(value)
    try:
        value = Path(str(secret.file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            where,
            f"the file {secret.file} cannot be read ({type(error).__name__})",
            "Make it readable for the user that the gateway runs as",
        ) from error
    if not value:
        raise ConfigurationError(where, f"the file {secret.file} is empty", "Write the secret into it")
    return SecretStr(value)


def read_key(secret: Secret, environ: Mapping[str, str], *, where: str) -> bytes:
    """Read a key, which is kept as base64; raises ConfigurationError as `read_secret`, and for what is no base64."""
    try:
        return base64.b64decode(read_secret(secret, environ, where=where).get_secret_value(), validate=True)
    except ValueError as error:
        raise ConfigurationError(where, "is not base64", "Make one with: openssl rand -base64 32") from error


def as_error(findings: Iterable[Finding], *, file: str) -> ConfigurationError:
    """Make one exception of all findings; a single one keeps its own place."""
    found = tuple(findings)
    if len(found) == 1:
        return ConfigurationError(found[0].where, found[0].problem, found[0].mend)
    listed = "".join(f"\n  {finding}" for finding in found)
    return ConfigurationError(file, f"{len(found)} settings are wrong", f"Nothing starts until all are mended:{listed}")


def closest(name: str, known: Iterable[str], *, none: str = "Nothing is known here; remove it") -> str:
    """Suggest what was probably meant by `name`, or list what there is; `none` is said where there is nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known here: {', '.join(names)}" if names else none


def read(path: Path | None, environ: Mapping[str, str]) -> tuple[Given, list[Finding]]:
    """Read file and environment, with what is wrong before anybody knows what the settings mean.

    Raises ConfigurationError for a file that cannot be read or is not TOML.
    """
    tree: dict[str, Any] = {}
    places: dict[Key, str] = {}
    file = "the environment" if path is None else str(path)
    if path is not None:
        text = _text_of(path)
        tree = _parse(text, path)
        places = {key: f"{path}, line {line}" for key, line in lines_of(text).items()}
    given = Given(tree, places, file)
    findings = [*_secrets_in(tree, given), *_of_other_types(tree, given)]
    findings += _overlay(given.tree, places, environ)
    return given, findings


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        mend = "Name the settings file with --config, or begin with deploy/klantbeeld.example.toml"
        raise ConfigurationError(str(path), "there is no such file", mend) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(str(path), "is not UTF-8", "Save it as UTF-8") from error
    except OSError as error:
        mend = "Make it a file that the user of the gateway may read"
        raise ConfigurationError.unread(path, error, mend) from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            str(path), f"is not TOML: {error}", "Mend the syntax there (https://toml.io)"
        ) from error


def _secrets_in(tree: Mapping[str, Any], given: Given) -> Iterator[Finding]:
    """Find secrets that somebody wrote into the file itself."""
    for key, value in _leaves(tree):
        named = tuple(takewhile(lambda part: isinstance(part, str), key))  # a variable gives a list whole
        if isinstance(value, str) and PASSWORD_IN_URL.search(value):
            mend = f"Take it out, or set the whole value in the environment as {_variable(named)}"
            yield Finding(given.place(key), "an address in the file holds a password", mend)
        elif isinstance(value, str) and _holds_secret(key):
            mend = 'Write { env = "NAME" } or { file = "PATH" } instead, and change the secret: it was written down'
            yield Finding(given.place(key), "a secret stands in the file", mend)


def _of_other_types(tree: Mapping[str, Any], given: Given) -> Iterator[Finding]:
    """Find numbers and truths that the file gives as another type, which the model would take for what they look like.

    What it would refuse is left to it.
    """
    for key, value in _leaves(tree):
        kinds = [_plain(arm) for arm in _arms(_type_at(key)) if arm is not NoneType]
        if len(kinds) != 1 or kinds[0] not in TAKES or type(value) not in PLAIN.keys() - TAKES[kinds[0]]:
            continue
        try:
            TypeAdapter(kinds[0]).validate_python(value)
        except ValidationError:
            continue
        wanted = PLAIN[kinds[0]]
        mend = "Write it without quotes" if isinstance(value, str) else f"Write {wanted}"
        yield Finding(given.place(key), f"is {PLAIN[type(value)]}, and has to be {wanted}", mend)


def _leaves(branch: Any, above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Give every value of a tree that is neither a table nor a list, with its key."""
    if not isinstance(branch, dict | list):
        yield above, branch
        return
    for name, inner in branch.items() if isinstance(branch, dict) else enumerate(branch):
        yield from _leaves(inner, (*above, name))


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _holds_secret(key: Key) -> bool:
    kind = _type_at(key)
    if kind is Secret:
        return True
    return len(key) > 1 and key[-2] in {"credentials", "options"} and SECRET_NAME.search(str(key[-1])) is not None


def _overlay(tree: dict[str, Any], places: dict[Key, str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Lay the variables over the file's tree, in place."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        parts = variable.removeprefix(PREFIX).split("__")
        table, key = tree, cast("Key", ())
        for part in parts[:-1]:
            name = _existing(table, part)
            key = (*key, name)
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                inner = {}
                table[name] = inner
            table = inner
        name = _existing(table, parts[-1])
        key = (*key, name)
        places[key] = f"environment variable {variable}"
        if "" in parts:
            yield Finding(f"environment variable {variable}", "has an empty part", "Name it KLANTBEELD__SECTION__KEY")
            continue
        table[name] = _value(environ[variable], variable, key)


def _existing(table: Mapping[str, Any], part: str) -> str:
    """Give the name in the file that a variable's part means: variables have no lower case and no hyphens."""
    plain = part.lower()
    return next((name for name in table if name.lower().replace("-", "_") == plain), plain)


def _value(text: str, variable: str, key: Key) -> Any:
    if Secret in _arms(_type_at(key)):
        return {"env": variable}
    if text.startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text  # an IPv6 address begins like a list
    return text


def _variable(key: Key) -> str:
    return PREFIX + "__".join(str(part).upper().replace("-", "_") for part in key)


def explain(error: ValidationError, given: Given) -> dict[Key, Finding]:
    """Say what is wrong with settings that do not fit the model, by key."""
    located = [(_key_of(detail, given.tree), detail) for detail in error.errors(include_url=False)]
    keys = {key for key, _ in located}
    findings: dict[Key, Finding] = {}
    for key, detail in located:
        # Where two types are possible, pydantic reports each; the one that got further tells more.
        if not any(len(other) > len(key) and other[: len(key)] == key for other in keys):
            findings.setdefault(key, _finding(key, detail, given))
    return findings


def _key_of(detail: ErrorDetails, tree: Mapping[str, Any]) -> Key:
    """Drop from pydantic's location the names of types that it puts between the keys."""
    here: Any = tree
    key: list[str | int] = []
    for part in detail["loc"]:
        if part in here if isinstance(here, dict) else isinstance(here, list) and isinstance(part, int):
            here = here[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        key.append(part)
    return tuple(key)


def _finding(key: Key, detail: ErrorDetails, given: Given) -> Finding:
    where = given.place(key)
    if detail["type"] == "extra_forbidden":
        known = {name for arm in _arms(_type_at(key[:-1])) for name in getattr(arm, "model_fields", {})}
        return Finding(where, "unknown key", closest(str(key[-1]), known))
    what = _description(key)
    if detail["type"] == "missing":
        return Finding(where, "is missing", f"Add it: {what}" if what else "Add it")
    problem = detail["msg"].removeprefix("Value error, ")
    return Finding(where, problem[:1].lower() + problem[1:], f"It means: {what}" if what else "Change it")


def _description(key: Key) -> str:
    if not key:  # it is wrong between sections, and names them itself
        return ""
    field = field_at(key)
    return str(field.description or "") if field is not None else ""


def field_at(key: Key) -> FieldInfo | None:
    """Give the declaration of the setting `key`; None where there is none, as for an entry of a table of names."""
    fields = (getattr(arm, "model_fields", {}).get(key[-1]) for arm in _arms(_type_at(key[:-1])))
    return next((field for field in fields if field is not None), None)


def _type_at(key: Key) -> Any:
    """Give the declared type of the setting `key`, None where there is none."""
    kind: Any = Settings
    for part in key:
        kind = next((inner for arm in _arms(kind) if (inner := _inner(arm, part)) is not None), None)
    return kind


def _inner(kind: Any, part: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(part))
        return None if field is None else field.annotation
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if get_origin(kind) in {tuple, list}:
        return get_args(kind)[0]
    return None


def _arms(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
