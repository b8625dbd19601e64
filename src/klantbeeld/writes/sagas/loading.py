"""Finding the sagas that a deployment declares, and holding them against the roles that they name."""

import importlib
from collections.abc import Iterable, Mapping

from klantbeeld.errors import ConfigurationError
from klantbeeld.sdk.sagas import Do, Engage, Saga
from klantbeeld.settings_saga import SagaSettings

WHERE = "writes.sagas.declared"


def load_sagas(settings: SagaSettings, built_in: Mapping[str, Saga]) -> dict[str, Saga]:
    """Return the sagas of a deployment by name, those that come with Klantbeeld first; raises ConfigurationError."""
    found = dict(built_in)
    for place in settings.declared:
        saga = _loaded(place)
        if saga.name in found:
            raise ConfigurationError(WHERE, f"{place}: there is a saga {saga.name!r} already", "Give it another name")
        _check(place, saga, settings.engines)
        found[saga.name] = saga
    return found


def _loaded(place: str) -> Saga:
    module, _, name = place.partition(":")
    try:
        saga = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(WHERE, f"{place} cannot be imported", "Install the package that has it") from error
    if not isinstance(saga, Saga):
        raise ConfigurationError(WHERE, f"{place} is no saga", "Name a value of klantbeeld.sdk.sagas.Saga")
    return saga


def _check(place: str, saga: Saga, engines: Iterable[str]) -> None:
    names = [step.name for step in saga.steps]
    if len(set(names)) < len(names):
        raise ConfigurationError(WHERE, f"{place}: two steps have one name", "Give each a name of its own")
    for step in saga.steps:
        if isinstance(step, Engage) and step.engine not in engines:
            mend = f"Describe it in writes.sagas.engines.{step.engine}"
            raise ConfigurationError(WHERE, f"{place}: there is no engine {step.engine!r}", mend)
        if isinstance(step, Do):
            acts = {step.act, *([step.undo.act] if step.undo else [])}
            if unknown := acts - set(step.role.acts):
                mend = "Name an act of the role (klantbeeld/sdk/roles.py)"
                raise ConfigurationError(WHERE, f"{place}: {step.role.name} has no act {min(unknown)!r}", mend)
