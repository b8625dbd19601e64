"""Finds connectors, and loads those that are asked for.

A connector is a folder with a `connector.toml` and a package whose `__init__.py` hands on one class, `Connector`. It
is found in the wheel (`klantbeeld/_connectors`) or beside the checkout's `src` (`connectors`), in folders that the
operator names, and behind entry points of the group `klantbeeld.connectors`. In all three cases its package is loaded
as `klantbeeld._connectors.NAME`, so a folder `stripe` never becomes a module `stripe`. One that is broken is set aside
with its reason, and the rest serve.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import invalidate_caches
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import ValidationError

from klantbeeld.errors import ConfigurationError
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.fitting import misfits
from klantbeeld.sdk.manifest import Manifest
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.roles import ROLES, Role
from klantbeeld.sdk.words import WriteSafety
from klantbeeld.toml_lines import lines_of

PACKAGE = "klantbeeld._connectors"
GROUP = "klantbeeld.connectors"
FACTS = "connector.toml"
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class LoadedConnector:
    """A connector whose code is there: its facts, and the class that a source makes its connector of."""

    manifest: Manifest
    make: type[Connector]


class Connectors:
    """What was found. Imports a connector when it is first asked for; lives as long as the process.

    `manifests` are the facts of those that may be asked for, by name. `quarantined` says why a folder was set aside; a
    connector whose code turns out to be broken moves there.
    """

    def __init__(self, folders: Iterable[Path], *, roles: Mapping[str, Role] = ROLES) -> None:
        self._roles = roles
        self._manifests: dict[str, Manifest] = {}
        self._quarantined: dict[Path, ConfigurationError] = {}
        self._loaded: dict[str, LoadedConnector] = {}
        self._broken: dict[str, Manifest] = {}
        for folder in folders:
            self._find(folder)

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """The facts of those that may be asked for, by name."""
        return MappingProxyType(self._manifests)

    @property
    def quarantined(self) -> Mapping[Path, ConfigurationError]:
        """Why a folder was set aside, by folder."""
        return MappingProxyType(self._quarantined)

    def load(self, name: str) -> LoadedConnector:
        """Return the connector; raise ConfigurationError if there is none of that name, or it is broken."""
        if name not in self._loaded:
            manifest = self._manifests.get(name)
            if manifest is None:
                raise self._missing(name)
            try:
                self._loaded[name] = _load(manifest, self._roles)
            except ConfigurationError as error:
                self._broken[name] = self._manifests.pop(name)
                self._quarantined[_folder(manifest)] = error
                raise
        return self._loaded[name]

    def is_broken(self, name: str) -> bool:
        """Say whether there is a connector of that name, which cannot be used."""
        return any(folder.name == name for folder in self._quarantined) and name not in self._manifests

    def facts_of_broken(self, name: str) -> Manifest | None:
        """Give the facts of a connector whose code is broken; None where the facts are."""
        return self._broken.get(name)

    def load_all(self) -> Iterator[LoadedConnector]:
        """Load every connector; those that are broken are in `quarantined` afterwards."""
        for name in sorted(self._manifests):
            try:
                yield self.load(name)
            except ConfigurationError:
                continue

    def _find(self, folder: Path) -> None:
        try:
            manifest = read_manifest(folder, self._roles)
        except ConfigurationError as error:
            self._quarantined[folder] = error
            return
        first = self._manifests.setdefault(manifest.name, manifest)
        if first is not manifest:
            problem = f"there is a connector `{manifest.name}` already, in {first.folder}"
            self._quarantined[folder] = ConfigurationError(str(folder), problem, "Give one of them another name")

    def _missing(self, name: str) -> ConfigurationError:
        for folder, error in self._quarantined.items():
            if folder.name == name:
                return error
        near = get_close_matches(name, self._manifests, n=1)
        known = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(self._manifests)) or 'none'}"
        return ConfigurationError(f"connector `{name}`", "there is no such connector", known)


def load_connectors(folders: Sequence[Path] = (), *, roles: Mapping[str, Role] = ROLES) -> Connectors:
    """Find every connector: our own first, then those in `folders`, then those of installed packages.

    Of two with one name the first counts and the second is set aside. Raises ConfigurationError if one of `folders`
    is none. No code of a connector runs here.
    """
    for folder in folders:
        if not folder.is_dir():
            mend = "Name a folder that holds one folder for each connector"
            raise ConfigurationError("connector_folders", f"{folder} is not a folder", mend)
    inside = [found for folder in (own_folder(), *folders) for found in _connectors_in(folder)]
    installed = [folder for point in entry_points(group=GROUP) for folder in _folder_of(point)]
    return Connectors(dict.fromkeys((*inside, *installed)), roles=roles)


@contextmanager
def reloading() -> Iterator[None]:
    """Have connectors imported anew within the block; whatever it raises, those before are back afterwards."""
    before = {name: module for name, module in sys.modules.items() if name.startswith(f"{PACKAGE}.")}
    for name in before:
        del sys.modules[name]
    invalidate_caches()
    try:
        yield
    except BaseException:
        for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def own_folder() -> Path:
    """Return the folder with the connectors that come with Klantbeeld: in the wheel, else in the checkout."""
    packaged = HERE / "_connectors"
    return packaged if packaged.is_dir() else HERE.parents[1] / "connectors"


def read_manifest(folder: Path, roles: Mapping[str, Role] = ROLES) -> Manifest:
    """Read a connector's facts; ConfigurationError names the file, the line and the key of what is wrong."""
    file = folder / FACTS
    try:
        text = file.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigurationError(str(file), "there is no such file", "Write the connector's facts there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(file), f"cannot be read ({type(error).__name__})", "Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(file), f"is not TOML: {error}", "Mend the syntax (https://toml.io)") from error
    try:
        manifest = Manifest.model_validate(tree | {"folder": folder})
    except ValidationError as error:
        raise _explain(error, file, text) from error
    _check_facts(manifest, file, roles)
    return manifest


def _explain(error: ValidationError, file: Path, text: str) -> ConfigurationError:
    lines = lines_of(text)
    problems = []
    for detail in error.errors(include_url=False):
        key = detail["loc"]
        line = next((lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), None)
        place = f"line {line}, " if line else ""
        problems.append(f"{place}{'.'.join(map(str, key))}: {detail['msg']}")
    return ConfigurationError(str(file), "; ".join(problems), "connectors/README.md says what belongs there")


def _check_facts(manifest: Manifest, file: Path, roles: Mapping[str, Role]) -> None:
    folder = _folder(manifest)
    if manifest.name != folder.name:
        problem = f"the connector is called `{manifest.name}` and its folder `{folder.name}`"
        raise ConfigurationError(f"{file}, name", problem, "Give both the same name")
    if unknown := sorted(set(manifest.roles) - set(roles)):
        raise ConfigurationError(f"{file}, roles", f"unknown: {', '.join(unknown)}", f"Roles are {', '.join(roles)}")


def _connectors_in(folder: Path) -> list[Path]:
    """Return the folders that hold, or mean to hold, a connector, by name."""
    marks = (FACTS, "__init__.py", "connector.py")
    return [each for each in sorted(folder.iterdir()) if any((each / mark).is_file() for mark in marks)]


def _folder_of(point: EntryPoint) -> Iterator[Path]:
    """Give the folder of an installed package, without importing it."""
    try:
        spec = find_spec(point.value)
    except Exception:  # noqa: BLE001 - looking below a package imports it, and its code is not ours
        spec = None
    if spec is None or not spec.submodule_search_locations:
        yield Path(point.name)  # has no facts, so it is set aside under the entry point's name
    else:
        yield Path(next(iter(spec.submodule_search_locations)))


def _load(manifest: Manifest, roles: Mapping[str, Role]) -> LoadedConnector:
    folder = _folder(manifest)
    try:
        module = _import(manifest.name, folder)
    except Exception as error:  # the code is not ours: whatever it raises, the other connectors serve
        _forget(f"{PACKAGE}.{manifest.name}")
        problem = f"cannot be imported: {type(error).__name__}: {error}"
        raise ConfigurationError(str(folder), problem, "Mend its code") from error
    make = getattr(module, "Connector", None)
    if not (isinstance(make, type) and issubclass(make, Connector) and make is not Connector):
        problem = "does not hand on a class `Connector`"
        mend = "Write `from .connector import YourClass as Connector` there"
        raise ConfigurationError(str(folder / "__init__.py"), problem, mend)
    check_capabilities(manifest, make, roles)
    return LoadedConnector(manifest, make)


def _import(name: str, folder: Path) -> ModuleType:
    """Import the package in `folder` as `klantbeeld._connectors.NAME`, once for each folder."""
    full = f"{PACKAGE}.{name}"
    file = folder / "__init__.py"
    known = sys.modules.get(full)
    if known is not None and known.__file__ == str(file):
        return known
    _forget(full)
    spec = spec_from_file_location(full, file, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        message = f"{file} is not a Python file"
        raise ImportError(message)
    module = module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


def _forget(full: str) -> None:
    for name in [name for name in sys.modules if name == full or name.startswith(f"{full}.")]:
        del sys.modules[name]


def check_capabilities(manifest: Manifest, make: type[Connector], roles: Mapping[str, Role] = ROLES) -> None:
    """Hold the capabilities against the roles, and their mappings against the records.

    Raises ConfigurationError for a capability that no role asks for, and for a mapping of wrong types.
    """
    filled = [roles[name] for name in manifest.roles]
    reads = {name: record for role in filled for name, record in role.reads.items()}
    acts = {name for role in filled for name in role.acts}
    where = f"{manifest.folder}, {make.__name__}"
    for reading in make.readings().values():
        if reading.name not in reads:
            raise _unasked(f"{where}.{reading.name}", manifest, reads)
        wrong = {mapping.record.__name__ for mapping in reading.mappings if mapping.record is not reads[reading.name]}
        if wrong or not reading.mappings:
            problem = f"gives {', '.join(sorted(wrong)) or 'nothing'}"
            mend = f"Its mappings make records.{reads[reading.name].__name__}"
            raise ConfigurationError(f"{where}.{reading.name}", problem, mend)
        _check_types(f"{where}.{reading.name}", reading.mappings)
    for doing in make.doings().values():
        if doing.name not in acts:
            raise _unasked(f"{where}.{doing.name}", manifest, acts)
        _check_types(f"{where}.{doing.name}", [doing.mapping])
        if doing.safety is WriteSafety.IDEMPOTENCY_KEY and manifest.remembers.idempotency_key_hours is None:
            problem = f"promises an idempotency key, and {FACTS} does not say how long the owner remembers it"
            raise ConfigurationError(f"{where}.{doing.name}", problem, "Set remembers.idempotency_key_hours")


def _check_types(where: str, mappings: Iterable[RecordMapping[Any]]) -> None:
    for mapping in mappings:
        if wrong := misfits(mapping):
            mend = "Take members that the wire has, and annotate them and its functions as the record's members are"
            raise ConfigurationError(where, "; ".join(wrong), mend)


def _unasked(where: str, manifest: Manifest, known: Iterable[str]) -> ConfigurationError:
    problem = f"is no capability of {', '.join(manifest.roles)}"
    return ConfigurationError(where, problem, f"Their capabilities are {', '.join(sorted(known))}")


def _folder(manifest: Manifest) -> Path:
    if manifest.folder is None:
        message = f"the facts of {manifest.name} were not read from a folder"
        raise ValueError(message)
    return manifest.folder
