"""The port of the gateway."""

import pytest

from klantbeeld.cli.listening import address_of, listen, port_of
from klantbeeld.errors import ConfigurationError


def test_port_0_takes_a_free_one() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert port_of(listener) > 0
        assert address_of(listener, "/graphql") == f"http://127.0.0.1:{port_of(listener)}/graphql"


def test_a_port_that_is_taken_is_refused_with_a_way_out() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigurationError, match=r"Address already in use.*--port"):
        listen("127.0.0.1", port_of(taken))


def test_who_listens_everywhere_is_asked_on_this_machine() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert address_of(listener) == f"http://127.0.0.1:{port_of(listener)}"
