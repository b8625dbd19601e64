"""What is wrong with well-formed settings."""

import socket
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.settings import Settings
from klantbeeld.settings_check import ConnectorFacts, check
from klantbeeld.settings_file import Finding

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ENVIRON = {"KLANTBEELD_MATCH_KEY": KEY, "KLANTBEELD_TRAIL_KEY": KEY, "CRM_SECRET": "x"}
CONNECTORS = {
    "dataverse": ConnectorFacts(
        roles=frozenset({"CRM"}),
        options=frozenset({"tenant", "page"}),
        needed_options=frozenset({"tenant"}),
        credentials=frozenset({"client_id", "client_secret"}),
        hosts=("crm.example", "*.crm*.example"),
        per_second=20,
        per_day=100_000,
    )
}
SOURCE: dict[str, Any] = {
    "connector": "dataverse",
    "base_url": "https://crm.example",
    "credentials": {"client_id": "us", "client_secret": {"env": "CRM_SECRET"}},
    "options": {"tenant": "t"},
    "importance": "essential",
    "risk_when_missing": {"nl": "x", "en": "x"},
    "hosted_in": "NL",
    "processor": "Voorbeeld BV",
    "retention": "P2Y",
}


@pytest.fixture
def sound(tmp_path: Path) -> dict[str, Any]:
    """Settings with nothing to say about, but for who may ask."""
    return {
        "gateway": {"port": 0},
        "store": {"url": f"sqlite:///{tmp_path}/var/klantbeeld.sqlite"},
        "sources": {"crm": dict(SOURCE)},
    }


def test_sound_settings_give_only_advice(sound: dict[str, Any]) -> None:
    findings = check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS)
    assert [(finding.where, finding.stops) for finding in findings] == [("access.issuers", False)]


def test_settings_without_a_source_are_advised_to_add_one() -> None:
    finding = _only({"gateway": {"port": 0}}, "sources")
    assert not finding.stops


@pytest.mark.parametrize("name", ["KLANTBEELD_MATCH_KEY", "KLANTBEELD_TRAIL_KEY"])
def test_a_missing_key_says_how_to_make_one(sound: dict[str, Any], name: str) -> None:
    environ = {key: value for key, value in ENVIRON.items() if key != name}
    findings = [f for f in check(Settings.model_validate(sound), environ, connectors=CONNECTORS) if f.stops]
    assert len(findings) == 1
    assert f"{name} is not set" in findings[0].problem
    assert "openssl rand -base64 32" in findings[0].mend


@pytest.mark.parametrize("value", ["short", "bm90IGxvbmcgZW5vdWdo", "é"])
def test_a_short_or_garbled_key_is_refused_and_not_repeated(sound: dict[str, Any], value: str) -> None:
    environ = ENVIRON | {"KLANTBEELD_MATCH_KEY": value}
    findings = [f for f in check(Settings.model_validate(sound), environ, connectors=CONNECTORS) if f.stops]
    assert [finding.where for finding in findings] == ["identity.match_key"]
    assert value not in str(findings[0])


def test_a_missing_secret_of_a_source_is_named(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["credentials"] = {"client_id": "us", "client_secret": {"env": "ABSENT"}}
    finding = _only(sound, "sources.crm.credentials.client_secret")
    assert "ABSENT is not set" in finding.problem


def test_a_credential_that_the_connector_needs_is_named(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["credentials"] = {"client_id": "us"}
    assert "needs this credential" in _only(sound, "sources.crm.credentials.client_secret").problem


def test_a_header_for_the_collector_of_traces_that_cannot_be_read_is_named(sound: dict[str, Any]) -> None:
    sound["traces"] = {"headers": {"authorization": {"env": "NOWHERE"}}}
    sound["traces"]["endpoint"] = "http://127.0.0.1:4318/v1/traces"
    assert "NOWHERE" in _only(sound, "traces.headers.authorization").problem


def test_an_unknown_connector_gets_a_suggestion(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["connector"] = "dataverze"
    assert _only(sound, "sources.crm.connector").mend == "Did you mean `dataverse`?"


def test_a_role_that_the_connector_cannot_fill_is_refused(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["roles"] = ["BILLING"]
    assert "cannot fill the role BILLING" in _only(sound, "sources.crm.roles").problem


def test_an_unknown_option_gets_a_suggestion(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["options"] = {"tenant": "t", "pag": "1"}
    assert _only(sound, "sources.crm.options.pag").mend == "Did you mean `page`?"


def test_a_missing_option_is_named(sound: dict[str, Any]) -> None:
    sound["sources"]["crm"]["options"] = {}
    assert "needs this option" in _only(sound, "sources.crm.options.tenant").problem


@pytest.mark.parametrize(("name", "most"), [("per_second", 20), ("per_day", 100_000)])
def test_a_quota_above_the_products_own_is_advised_against(sound: dict[str, Any], name: str, most: int) -> None:
    sound["sources"]["crm"]["quota"] = {name: most + 1}
    finding = _only(sound, f"sources.crm.quota.{name}")
    assert not finding.stops
    assert f"{most:g}" in finding.problem
    sound["sources"]["crm"]["quota"] = {name: most}
    found = check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS)
    assert [one.where for one in found] == ["access.issuers"]


@pytest.mark.parametrize(
    "host", ["api.crm.example.net", "crm.example.net", "a.b.crm4.example", "crmxexample", "crm.example.b.example"]
)
def test_a_host_that_is_not_the_products_is_advised_against(sound: dict[str, Any], host: str) -> None:
    sound["sources"]["crm"]["base_url"] = f"https://{host}"
    finding = _only(sound, "sources.crm.base_url")
    assert not finding.stops
    assert f"`{host}` is no host of the connector `dataverse` (crm.example, *.crm*.example)" in finding.problem


@pytest.mark.parametrize(
    "base_url",
    ["https://CRM.example", "https://us.crm.example", "https://us.crm4.example:8443/", "http://127.0.0.1:8101"],
)
def test_a_host_of_the_product_and_this_machine_need_no_advice(sound: dict[str, Any], base_url: str) -> None:
    sound["sources"]["crm"]["base_url"] = base_url
    found = check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS)
    assert [one.where for one in found] == ["access.issuers"]


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("https://crm.example/api", "more than a host"),
        ("https://crm.example?a=b", "more than a host"),
        ("https://me:canary-secret@crm.example", "holds credentials"),
        ("https://canary-secret@crm.example", "holds credentials"),
    ],
)
def test_an_address_with_more_than_a_host_is_refused(sound: dict[str, Any], base_url: str, problem: str) -> None:
    sound["sources"]["crm"]["base_url"] = base_url
    finding = _only(sound, "sources.crm.base_url")
    assert finding.stops
    assert problem in finding.problem
    assert "canary" not in str(finding)


@pytest.mark.parametrize("base_url", ["http://crm.example", "http://10.0.0.1", "http://localhost.example"])
def test_plain_http_beyond_this_machine_is_refused(sound: dict[str, Any], base_url: str) -> None:
    sound["sources"]["crm"]["base_url"] = base_url
    assert "plain text" in _only(sound, "sources.crm.base_url").problem


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://crm.example/"]
)
def test_plain_http_on_this_machine_and_https_are_accepted(sound: dict[str, Any], base_url: str) -> None:
    sound["sources"]["crm"]["base_url"] = base_url
    assert not [f for f in check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS) if f.stops]


@pytest.mark.parametrize(
    "base_url", ["crm.example", "ftp://crm.example", "https://", "https://h:99999", "https://h?a=b"]
)
def test_an_address_of_no_http_server_is_refused(sound: dict[str, Any], base_url: str) -> None:
    sound["sources"]["crm"]["base_url"] = base_url
    assert _only(sound, "sources.crm.base_url").stops


def test_files_and_folders_that_cannot_be_read_are_named(sound: dict[str, Any], tmp_path: Path) -> None:
    sound["connector_folders"] = [tmp_path / "none"]
    sound["sources"]["crm"]["ca_bundle"] = tmp_path / "absent.pem"
    sound["gateway"]["trusted_documents"] = tmp_path / "absent"
    findings = [f for f in check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS) if f.stops]
    assert {finding.where for finding in findings} == {
        "connector_folders.0",
        "sources.crm.ca_bundle",
        "gateway.trusted_documents",
    }


def test_trusting_no_document_at_all_is_refused(sound: dict[str, Any]) -> None:
    sound["gateway"]["only_trusted_documents"] = True
    assert "nothing would be answered" in _only(sound, "gateway.only_trusted_documents").problem


@pytest.mark.parametrize("url", ["mysql://host/db", "nothing", "sqlite:////dev/null/klantbeeld.sqlite"])
def test_a_store_that_cannot_be_is_refused(sound: dict[str, Any], url: str) -> None:
    sound["store"]["url"] = url
    assert _only(sound, "store.url").stops


def test_a_port_in_use_is_named(sound: dict[str, Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sound["gateway"]["port"] = taken.getsockname()[1]
        assert "cannot be listened on" in _only(sound, "gateway.port").problem


def _only(settings: dict[str, Any], where: str) -> Finding:
    """Give the one finding beside the advice about issuers, which must be about `where`."""
    findings = check(Settings.model_validate(settings), ENVIRON, connectors=CONNECTORS)
    rest = [finding for finding in findings if finding.where != "access.issuers"]
    assert [finding.where for finding in rest] == [where]
    return rest[0]


def test_what_is_shared_in_redis_needs_a_server_and_a_key(sound: dict[str, Any]) -> None:
    sound |= {"cache": {"backend": "redis", "max_age": 60}, "changes": {"log": "redis"}}
    findings = check(Settings.model_validate(sound), ENVIRON, connectors=CONNECTORS)
    assert [finding.where for finding in findings if finding.stops] == ["cache.backend", "changes.log", "cache.key"]

    sound |= {"redis": {"url": "redis://127.0.0.1:6379/0"}}
    environ = ENVIRON | {"KLANTBEELD_CACHE_KEY": KEY}
    assert not [
        finding for finding in check(Settings.model_validate(sound), environ, connectors=CONNECTORS) if finding.stops
    ]
