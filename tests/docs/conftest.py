"""One demo for all pages."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_settings import demo_settings, write_settings
from klantbeeld.sandbox.launcher import Sandbox

from .demo import Demo

CROWD = 5


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start the four systems, and fill the map."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with Sandbox(size=CROWD) as sandbox:
        issuer = DemoIssuer.new(clock=time.time)
        settings = demo_settings(write_settings(folder, sandbox, issuer, port=0))
        yield Demo(sandbox, settings, issuer, uvloop.run(settle(settings, sandbox, issuer)))
