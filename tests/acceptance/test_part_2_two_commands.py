"""Part 2. Two commands: `make demo` and `make test`."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from .printed import requests_in, send
from .running import KLANTBEELD

ROOT = Path(__file__).resolve().parents[2]
LAST_LINE = "Ctrl-C"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs, and all that it printed."""

    process: subprocess.Popen[str]
    printed: str

    @property
    def address(self) -> str:
        """Where GraphiQL is."""
        return str(re.findall(r"GraphiQL.*?(http://\S+)", self.printed)[0])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo as a newcomer does, on a free port and with a small crowd."""
    folder = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [KLANTBEELD, "demo", "--port", "0", "--size", "8", "--folder", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if LAST_LINE in line:
            break
    try:
        yield Demo(process, "".join(lines))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(15)
        process.stdout.close()


@pytest.mark.feature("2.2", "make demo prints the ids of the cast")
def test_the_demo_prints_the_ids_of_the_cast(demo: Demo) -> None:
    found = re.findall(r"^\s*([a-z-]+)\s+([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", demo.printed, re.MULTILINE)
    assert len(dict(found)) == len({customer_id for _, customer_id in found}) == 12


@pytest.mark.feature("2.2", "The demo answers the printed requests of an agent, an app and a partner")
def test_the_demo_answers_what_it_prints(demo: Demo, http: httpx.Client) -> None:
    answers = [send(words, http) for words in requests_in(demo.printed)]
    assert len(answers) >= 3
    assert [answer.get("errors") for answer in answers] == [None] * len(answers)
    assert all(root is not None for answer in answers for root in answer["data"].values())
    whole = json.dumps(answers, ensure_ascii=False)
    assert all(name in whole for name in ("Fatima El Amrani", "Mila Hendriks", "Sanne de Wit"))


@pytest.mark.feature("2.2", "GraphiQL is bundled, without any CDN, with example queries in its tabs")
def test_graphiql_is_served_from_here_with_examples(demo: Demo, http: httpx.Client) -> None:
    page = http.get(demo.address, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//[^\"]+", page.text) == []
    assert "default-src" in page.headers["Content-Security-Policy"]
    assert all(operation in page.text for operation in ("ServiceCall", "SelfService", "Partner"))
    for asset in re.findall(r"(?:src|href)=\"(/[^\"]+)", page.text):
        assert http.get(httpx.URL(demo.address).join(asset)).status_code == 200


@pytest.mark.feature("2.2", "make demo and make test set everything up: neither needs root, an account or a service")
def test_both_commands_are_there_and_install_from_the_lock() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:", recipe, re.MULTILINE)
    assert re.search(r"^test:", recipe, re.MULTILINE)
    assert "--require-hashes" in recipe
    assert "sudo" not in recipe


@pytest.mark.feature("2.2", "The demo ends whole at Ctrl-C: no process of it is left")
def test_the_demo_leaves_nothing_running(demo: Demo, http: httpx.Client) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(15) == 0
    addresses = set(re.findall(r"http://127\.0\.0\.1:\d+", demo.printed))
    assert len(addresses) >= 1 + 4  # the gateway, and each system
    for address in addresses:
        with pytest.raises(httpx.ConnectError):
            http.get(address)
