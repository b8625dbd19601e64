"""`klantbeeld serve` as a process of its own: ready, drained, refused."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

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


def test_what_is_under_way_is_finished_after_sigterm(
    klantbeeld: Klantbeeld, file: Path, tmp_path: Path, change: Callable[[str, str], None]
) -> None:
    known = tmp_path / "known.jsonl"
    known.write_text('{"source": "stripe", "record_id": "cus_1"}', encoding="utf-8")
    klantbeeld("identity", "import", known, "--decided-by", "me", "-c", file)
    token = klantbeeld("token", "agent", "--folder", file.parent).out.strip()
    with listen("127.0.0.1", 0) as slow, ThreadPoolExecutor() as pool:
        change('"stripe"\nbase_url = "http://127.0.0.1:9"', f'"stripe"\nbase_url = "http://127.0.0.1:{port_of(slow)}"')
        with serving(file) as (process, said):
            asking = pool.submit(
                httpx.post,
                said.split()[-1],
                json={"query": '{ customerByReference(source: "stripe", recordId: "cus_1") { balances { amount } } }'},
                headers={"Authorization": f"Bearer {token}"},
                timeout=STOP_SECONDS,
            )
            asked, _ = slow.accept()  # the request is under way, and its source says nothing
            process.send_signal(signal.SIGTERM)
            answer = asking.result().json()
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
