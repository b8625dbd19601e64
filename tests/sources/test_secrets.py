"""Secrets that change while they are used."""

import os
from pathlib import Path

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.sources.secrets import Secrets, fixed


class Key:
    """A secret in a file, whose time of change is set."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "key"
        self.changes = 0
        self.write("old")
        self.secrets = Secrets(self.read, files=(self.file,), source="crm", every=5.0)

    def read(self) -> dict[str, str]:
        text = self.file.read_text(encoding="utf-8")
        if not text:
            raise ConfigurationError("sources.crm.credentials.key", "is empty", "Write it")
        return {"key": text}

    def write(self, text: str) -> None:
        self.changes += 1
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, ns=(self.changes, self.changes))


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return Key(tmp_path)


def test_a_file_that_changed_is_read_again_when_it_is_time_to_look(key: Key) -> None:
    assert not key.secrets.refresh(0.0)
    key.write("new")
    assert not key.secrets.refresh(4.9)
    assert key.secrets.values == {"key": "old"}
    assert key.secrets.refresh(5.0)
    assert key.secrets.values == {"key": "new"}
    assert not key.secrets.refresh(10.0)


def test_a_refusal_makes_it_look_at_once(key: Key) -> None:
    key.secrets.refresh(0.0)
    key.write("new")
    key.secrets.look_soon()
    assert key.secrets.refresh(0.1)


def test_a_file_that_is_half_written_leaves_the_secret_as_it_was(key: Key) -> None:
    key.write("")
    assert not key.secrets.refresh(0.0)
    assert key.secrets.values == {"key": "old"}
    key.write("new")
    assert key.secrets.refresh(5.0)


def test_a_file_that_was_touched_and_says_the_same_is_no_change(key: Key) -> None:
    key.write("old")
    assert not key.secrets.refresh(0.0)


def test_fixed_secrets_never_change() -> None:
    assert not fixed({"key": "k"}).may_change
