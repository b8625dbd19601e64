"""`klantbeeld demo` as a newcomer meets it: it comes up, answers what it prints, stops whole, and comes up again."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from klantbeeld.cli.demo import run_demo
from klantbeeld.cli.demo_lock import NAME, alone_in
from klantbeeld.cli.demo_settings import make_folder
from klantbeeld.cli.listening import listen, port_of
from klantbeeld.errors import ConfigurationError

from .conftest import Klantbeeld

KLANTBEELD = Path(sys.executable).with_name("klantbeeld")
LAST_LINE = "Stop everything with Ctrl-C.\n"
STOP_SECONDS = 30


@contextmanager
def demo(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a small demo on a free port; give the process and its page."""
    command = [KLANTBEELD, "demo", "--port", "0", "--size", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            page = ""
            for line in process.stdout:
                page += line
                if line == LAST_LINE:
                    break
            yield process, page
        finally:
            process.terminate()


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal; return the exit code and what was said."""
    process.send_signal(number)
    try:
        _, said = process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, said


def commands_in(page: str) -> list[list[str]]:
    """Return the printed requests, as a shell would split them."""
    joined = page.replace("\\\n", " ")
    return [shlex.split(line) for line in joined.splitlines() if line.startswith("curl ")]


def ids_in(page: str) -> dict[str, str]:
    """Return the printed customer ids, by the key of the cast."""
    return dict(re.findall(r"^([a-z-]+) +([0-9a-f]{8}-[0-9a-f-]{27}) ", page, re.MULTILINE))


def is_there(process_id: int) -> bool:
    """Say whether a process runs."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def posted(command: list[str]) -> httpx.Response:
    """Do what a printed command does."""
    _, _, url, *options = command
    headers = dict(value.split(": ", 1) for flag, value in pairwise(options) if flag == "-H")
    return httpx.post(url, content=options[options.index("-d") + 1], headers=headers, timeout=10)


@dataclass(frozen=True, slots=True)
class Ran:
    """A demo that came up in a folder, was asked all that it printed, and was stopped."""

    folder: Path
    page: str
    answers: list[httpx.Response]
    graphiql: httpx.Response
    token: str
    code: int
    said: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run one for all who look at what it left, in a folder whose name needs quotes."""
    folder = tmp_path_factory.mktemp("demo") / 'a "quoted" place'
    with demo("--folder", folder) as (process, page):
        answers = [posted(command) for command in commands_in(page)]
        graphiql = httpx.get(re.findall(r"GraphiQL.*: (http\S+)", page)[0], headers={"Accept": "text/html"})
        (printed,) = re.findall(r"^Another token: (.+)$", page, re.MULTILINE)
        token = subprocess.run(shlex.split(printed), capture_output=True, text=True, check=True).stdout
        code, said = stopped(process, signal.SIGTERM)
    return Ran(folder, page, answers, graphiql, token, code, said)


def test_the_printed_requests_are_answered_and_everything_stops(ran: Ran) -> None:
    servers = [int(number) for number in re.findall(r"kill (\d+)", ran.page)]
    assert [list(answer.json()) for answer in ran.answers] == [["data"]] * 4
    assert ran.graphiql.status_code == 200
    assert len(ids_in(ran.page)) == 12
    assert len(servers) == 4
    assert (ran.code, ran.said) == (0, "Everything is stopped.\n")
    assert [server for server in servers if is_there(server)] == []


def test_the_same_folder_gives_the_same_ids_and_its_tokens_stay_good(ran: Ran) -> None:
    with demo("--folder", ran.folder) as (process, second):
        old = commands_in(ran.page)[0]
        old[2] = commands_in(second)[0][2]
        answer = posted(old).json()
        code, _ = stopped(process, signal.SIGINT)
    assert code == 0
    assert ids_in(ran.page) == ids_in(second)
    assert answer["data"]["customer"]["id"] in ids_in(second).values()
    assert answer["data"]["customer"]["party"]["fullName"]


def test_the_printed_command_gives_another_token(ran: Ran) -> None:
    assert len(ran.token.split(".")) == 3


def test_the_settings_that_a_demo_leaves_are_sound(klantbeeld: Klantbeeld, ran: Ran) -> None:
    assert klantbeeld("check", "-c", ran.folder / "klantbeeld.toml").code == 0


def test_without_a_folder_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with demo() as (process, _):
        kept = list(tmp_path.glob("klantbeeld-demo-*"))
        code, _ = stopped(process, signal.SIGTERM)
    assert (len(kept), code) == (1, 0)
    assert list(tmp_path.glob("klantbeeld-demo-*")) == []


# As a shell starts what runs in the background: Ctrl-C is ignored.
IN_THE_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')


@pytest.mark.parametrize("before", [(), IN_THE_BACKGROUND], ids=["foreground", "background"])
def test_a_signal_before_it_is_up_stops_it_too(
    before: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command: list[str | Path] = [*before, KLANTBEELD, "demo", "--port", "0", "--size", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + STOP_SECONDS
        while not list(tmp_path.glob("klantbeeld-demo-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        code, said = stopped(process, signal.SIGTERM)
    assert (code, said) == (0, "Everything is stopped.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_folder_is_made_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def make_and_be_stopped(*arguments: str | None) -> str:
        folder = make(*arguments)
        signal.raise_signal(signal.SIGTERM)
        return folder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", make_and_be_stopped)
    run_demo(port=0, folder=None, size=0)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said_before_anything_starts(klantbeeld: Klantbeeld, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        done = klantbeeld("demo", "--port", port_of(taken), "--folder", tmp_path / "demo")
    assert (done.code, done.out) == (2, "")
    assert "choose another with --port" in done.err
    assert not (tmp_path / "demo").exists()


def test_a_place_that_can_be_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be used as a folder") as refused:
        make_folder(tmp_path / "file" / "demo")
    assert "--folder" in str(refused.value)


def test_a_second_demo_in_a_folder_is_told_which_one_runs_there(klantbeeld: Klantbeeld, tmp_path: Path) -> None:
    with alone_in(tmp_path, "http://127.0.0.1:8000"):
        done = klantbeeld("demo", "--port", "0", "--folder", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"{tmp_path}: a demo runs there already: process {os.getpid()}, http://127.0.0.1:8000. End it" in done.err
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_demo_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from klantbeeld.cli.demo_lock import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1]), 'http://127.0.0.1:1'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):  # and one after the other may have it
        with alone_in(tmp_path, "http://127.0.0.1:2"):
            assert (tmp_path / NAME).read_text(encoding="utf-8") == f"process {os.getpid()}, http://127.0.0.1:2"


def test_settings_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "klantbeeld.toml").write_text('language = "en"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is not a demo's settings file"):
        make_folder(tmp_path)
