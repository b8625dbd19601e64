"""What every command has in common."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from .conftest import Klantbeeld

# Ctrl-C while the module that is named first is imported; heard also where a shell runs this in the background.
INTERRUPTED = """
import signal, sys
from klantbeeld.cli import main

class Interrupting:
    name = sys.argv.pop(1)

    def find_spec(self, name, *_):
        if name == self.name:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
main()
"""
HEAVY = {"alembic", "graphql", "httpx", "pydantic", "sqlalchemy", "strawberry", "uvicorn"}


def test_the_command_line_imports_nothing_heavy_before_it_knows_what_to_do() -> None:
    code = f"import sys, klantbeeld.cli.commands; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["klantbeeld.cli.commands", "typer", "strawberry"])
def test_ctrl_c_while_modules_are_imported_leaves_with_130_and_without_a_word(name: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, name, "schema"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_names_every_command_and_the_exit_codes(klantbeeld: Klantbeeld) -> None:
    done = klantbeeld("--help")
    assert done.code == 0
    for word in ("demo", "serve", "check", "schema", "explain", "query", "token", "identity", "connector", "2 when"):
        assert word in done.out


def test_the_version_is_the_packages(klantbeeld: Klantbeeld) -> None:
    assert klantbeeld("--version").out == f"klantbeeld {version('klantbeeld')}\n"


def test_the_schema_is_the_published_one(klantbeeld: Klantbeeld) -> None:
    assert "marketingEligibility" in klantbeeld("schema").out


def test_an_unknown_option_leaves_with_2(klantbeeld: Klantbeeld) -> None:
    assert klantbeeld("serve", "--prot", "1").code == 2


def test_bad_configuration_is_one_message_on_standard_error_and_leaves_with_2(
    klantbeeld: Klantbeeld, tmp_path: Path
) -> None:
    (tmp_path / "klantbeeld.toml").write_text("[gateway]\nporrt = 1\n", encoding="utf-8")
    done = klantbeeld("operations", "list")
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: klantbeeld.toml, line 2, gateway.porrt: unknown key. Did you mean `port`?\n"


def test_a_token_needs_the_folder_of_a_demo(klantbeeld: Klantbeeld, tmp_path: Path) -> None:
    done = klantbeeld("token", "agent", "--folder", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "holds no demo" in done.err


def test_a_token_is_for_somebody_whom_the_demo_knows(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("token", "mila-hendrik", "--folder", file.parent)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("is nobody whom the demo knows. Did you mean `mila-hendriks`?\n")


@pytest.mark.parametrize("who", ["agent", "partner", "mila-hendriks"])
def test_a_token_is_printed_alone(klantbeeld: Klantbeeld, file: Path, who: str) -> None:
    done = klantbeeld("token", who, "--folder", file.parent)
    assert done.code == 0
    assert len(done.out.split(".")) == 3
    assert done.out.count("\n") == 1
