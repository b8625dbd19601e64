"""An origin is scheme, host and port."""

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.sources.wire import Origin


@pytest.mark.parametrize(
    ("address", "authority"),
    [
        ("https://crm.example", "crm.example"),
        ("https://crm.example:443/api/v2", "crm.example"),
        ("http://crm.example:8080", "crm.example:8080"),
        ("http://[::1]:80/", "[::1]"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("HTTPS://CRM.Example", "crm.example"),
    ],
)
def test_the_host_header_has_no_default_port(address: str, authority: str) -> None:
    assert Origin.of(address).authority == authority


def test_an_ipv6_host_has_no_brackets() -> None:
    assert Origin.of("http://[::1]:8080") == Origin("http", "::1", 8080)


@pytest.mark.parametrize(
    "address",
    [
        "crm.example",
        "ftp://crm.example",
        "https://",
        "https://crm.example:port",
        "http://crm.example:0",
        "http://crm.example:65536",
        "",
    ],
)
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        Origin.of(address)


@pytest.mark.parametrize("address", ["https://user:hunter2@crm.example", "https://user:hunter2@crm.example:port"])
def test_credentials_in_an_address_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Origin.of(address)
    assert "hunter2" not in str(raised.value)
