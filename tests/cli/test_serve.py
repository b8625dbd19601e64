"""`klantbeeld serve` as a process of its own: ready, drained, refused."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from klantbeeld.cli.listening import listen, port_of

from .conftest import Klantbeeld

KLANTBEELD = Path(sys.executable).with_name("klantbeeld")
STOP_SECONDS = 20


@contextmanager
def serving(file: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the gateway on a free port; give the process and the first line that it said, once it is up."""
    command: list[str | Path] = [KLANTBEELD, "serve", "-c", file, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline()
        finally:
            process.kill()


def test_it_says_where_it_answers_and_sigterm_ends_it_with_0_and_without_a_word(file: Path) -> None:
    with serving(file) as (process, first):
        assert first.startswith("Klantbeeld answers at http://127.0.0.1:")
        address = first.split()[-1].removesuffix("/graphql")
        assert httpx.get(f"{address}/ready").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=STOP_SECONDS)
    assert (process.returncode, said) == (0, "")


def test_ctrl_c_ends_it_with_0(file: Path) -> None:
    with serving(file) as (process, _):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=STOP_SECONDS)
    assert (process.returncode, said) == (0, "")


def by_http(url: str, query: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(url, json={"query": query}, headers=headers, timeout=STOP_SECONDS).json()


def by_socket(url: str, query: str, token: str) -> Any:
    subprotocol, headers = Subprotocol("graphql-transport-ws"), {"Authorization": f"Bearer {token}"}
    with connect(url.replace("http", "ws", 1), subprotocols=[subprotocol], additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        told = [json.loads(message) for message in socket]
    assert [one["type"] for one in told] == ["connection_ack", "next", "complete"]
    assert socket.close_code == 1001
    return told[1]["payload"]


@pytest.mark.parametrize("ask", [by_http, by_socket])
def test_what_is_under_way_is_finished_after_sigterm(
    klantbeeld: Klantbeeld,
    file: Path,
    tmp_path: Path,
    change: Callable[[str, str], None],
    ask: Callable[[str, str, str], Any],
) -> None:
    known = tmp_path / "known.jsonl"
    known.write_text('{"source": "stripe", "record_id": "cus_1"}', encoding="utf-8")
    klantbeeld("identity", "import", known, "--decided-by", "me", "-c", file)
    token = klantbeeld("token", "agent", "--folder", file.parent).out.strip()
    with listen("127.0.0.1", 0) as slow, ThreadPoolExecutor() as pool:
        change('"stripe"\nbase_url = "http://127.0.0.1:9"', f'"stripe"\nbase_url = "http://127.0.0.1:{port_of(slow)}"')
        with serving(file) as (process, said):
            query = '{ customerByReference(source: "stripe", recordId: "cus_1") { balances { amount } } }'
            asking = pool.submit(ask, said.split()[-1], query, token)
            asked, _ = slow.accept()  # the request is under way, and its source says nothing
            process.send_signal(signal.SIGTERM)
            answer = asking.result()
            asked.close()
            process.communicate(timeout=STOP_SECONDS)
    assert answer["data"] == {"customerByReference": {"balances": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SOURCE_TIMEOUT"]
    assert process.returncode == 0


def test_bad_configuration_starts_nothing(klantbeeld: Klantbeeld, file: Path) -> None:
    (file.parent / "secrets" / "trail_key").unlink()
    (file.parent / "klantbeeld.sqlite").unlink()
    done = klantbeeld("serve", "-c", file)
    assert (done.code, done.out) == (2, "")
    assert f"{file}, line " in done.err
    assert "access.trail.key" in done.err
    assert not (file.parent / "klantbeeld.sqlite").exists()


def test_a_port_that_is_taken_leaves_with_2(klantbeeld: Klantbeeld, file: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        done = klantbeeld("serve", "-c", file, "--port", port_of(taken))
    assert done.code == 2
    assert "gateway.port" in done.err
    assert "Address already in use" in done.err
