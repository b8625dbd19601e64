"""GraphiQL of `klantbeeld demo` in a browser: nothing from other hosts, and tabs whose queries give answers."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.acceptance.running import KLANTBEELD, START_SECONDS, STOP_SECONDS, free_port

from .conftest import Run, needs_install

CHROMIUM = shutil.which("chromium")
POLL_SECONDS = 0.05

pytestmark = [
    pytest.mark.node,
    needs_install,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the demo with its cast alone; gives the address that it prints for GraphiQL."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    command: list[str | Path] = [KLANTBEELD, "demo", "--port", str(port), "--folder", folder, "--size", "0"]
    printed = folder / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until_ready(process, port, printed)
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, printed: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            assert process.poll() is None, printed.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, "the demo did not become ready"
        time.sleep(POLL_SECONDS)


@pytest.fixture(scope="module")
def page(run: Run, demo: str) -> Any:
    """Open the page, run what stands in each of its tabs, and note every request."""
    assert CHROMIUM is not None
    return run("graphiql.mjs", demo, CHROMIUM)


@pytest.mark.feature("2.2", "GraphiQL asks no other host for anything, and the browser has nothing to complain of")
def test_the_page_asks_no_other_host_for_anything(page: Any, demo: str) -> None:
    assert {urlsplit(request).netloc for request in page["requests"]} == {urlsplit(demo).netloc}
    assert page["complaints"] == []


@pytest.mark.feature("2.2", "GraphiQL's tabs hold example queries that run as they stand")
def test_every_tab_holds_a_query_that_gives_an_answer(page: Any) -> None:
    answers = {answer["title"]: answer for answer in page["answers"]}
    assert list(answers) == ["ServiceCall", "SelfService", "Partner", "Marketing"]
    assert [answer.get("errors") for answer in page["answers"]] == [None] * 4
    assert answers["ServiceCall"]["data"]["customer"]["party"]["fullName"] == "Fatima El Amrani"
    assert answers["SelfService"]["data"]["me"]["party"]["fullName"] == "Mila Hendriks"
