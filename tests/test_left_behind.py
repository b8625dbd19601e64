"""What tests start goes with them, even where nobody can tell them to end properly."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A server that is independent of whoever starts it, as those of tests are.
SERVER = """
import os, sys, time
from pathlib import Path
file = Path(sys.argv[1])
file.write_text(f"{os.getpid()}\\n")
print("serving", flush=True)
try:
    time.sleep(600)
finally:
    file.unlink()
"""

TEST = """
import signal, subprocess, sys, time
from pathlib import Path
from tests.left_behind import watched
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where a shell runs the tests in the background
with watched(Path(sys.argv[1])) as folder:
    (folder / "data").mkdir()
    subprocess.Popen([sys.executable, "-c", sys.argv[2], folder / "data" / "server.pid"], start_new_session=True)
    input()
"""


@pytest.mark.parametrize("by", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_goes_with_the_process_of_the_test(tmp_path: Path, by: signal.Signals | None) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", TEST, folder, SERVER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        if by is not None:
            process.send_signal(by)
        process.communicate("\n")  # the output ends with the last process that has it, and so with the server
    assert (process.returncode == 0) is (by is None)
    assert not folder.exists()
