"""`klantbeeld check`, and what `serve` refuses to start with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from klantbeeld.cli.check import sound_settings
from klantbeeld.cli.listening import listen, port_of
from klantbeeld.errors import ConfigurationError
from klantbeeld.settings_source import SourceSettings

from .conftest import Klantbeeld

Change = Callable[[str, str], None]


def test_sound_settings_are_ready_to_serve(klantbeeld: Klantbeeld, file: Path) -> None:
    done = klantbeeld("check", "-c", file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Ready to serve: dataverse (dataverse), stripe (stripe)")


@pytest.mark.parametrize(
    ("changed", "where", "mend"),
    [
        (('connector = "stripe"', 'connector = "stripes"'), "sources.stripe.connector", "Did you mean `stripe`?"),
        (("tenant_id =", "tenantid ="), "sources.dataverse.options.tenantid", "Did you mean `tenant_id`?"),
        (("secrets/zendesk_oauth_token", "nowhere"), "sources.zendesk.credentials.oauth_token", "Make it readable"),
        (('language = "nl"', 'time_zone = "Europe/Amsterdm"'), "time_zone", "Did you mean `Europe/Amsterdam`?"),
        (("secrets/match_key", "secrets/none"), "identity.match_key", "openssl rand"),
        (("deadline = 5", "deadline = 50.0 #"), "access.classes.agent.deadline", "Shorten it"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_key_and_mend(
    klantbeeld: Klantbeeld, file: Path, change: Change, changed: tuple[str, str], *, where: str, mend: str
) -> None:
    change(*changed)
    lines = file.read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if changed[1] in text)
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    (found,) = (text for text in done.out.splitlines() if f", {where}: " in text)
    assert found.startswith(f"wrong  {file}, line {line}, ")
    assert mend in found


def test_a_port_that_is_taken_is_advice_since_the_gateway_may_be_running(
    klantbeeld: Klantbeeld, file: Path, change: Change
) -> None:
    with listen("127.0.0.1", 0) as taken:
        change("port = 0", f"port = {port_of(taken)}")
        done = klantbeeld("check", "-c", file)
    assert done.code == 0
    (found,) = (line for line in done.out.splitlines() if "gateway.port" in line)
    assert found.startswith("advice ")
    assert "Address already in use" in found


@pytest.mark.parametrize(
    ("changed", "where", "mend"),
    [
        (('"customer:read"', '"customer:raed"'), "access.", "Did you mean `customer:read`?"),
        (
            ("credentials = { secret_key", "credentials = { secret_kay = { env = 'HOME' }, secret_key"),
            "sources.stripe.credentials.secret_kay",
            "Did you mean `secret_key`?",
        ),
    ],
)
def test_what_is_nearly_a_name_is_advice(
    klantbeeld: Klantbeeld, file: Path, change: Change, changed: tuple[str, str], *, where: str, mend: str
) -> None:
    change(*changed)
    done = klantbeeld("check", "-c", file)
    assert done.code == 0
    found = [line for line in done.out.splitlines() if line.startswith("advice") and where in line]
    assert found
    assert all(mend in line for line in found)


def test_an_address_that_is_not_this_machines_is_wrong(klantbeeld: Klantbeeld, file: Path, change: Change) -> None:
    change("port = 0", 'port = 0\nhost = "192.0.2.1"')
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    assert "gateway.port: 192.0.2.1:0 cannot be listened on" in done.out


def test_a_variable_is_named_where_it_is_to_blame(
    klantbeeld: Klantbeeld, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLANTBEELD__TIME_ZONE", "Mars/Olympus")
    done = klantbeeld("check", "-c", file)
    assert "environment variable KLANTBEELD__TIME_ZONE, time_zone: there is no time zone" in done.out


def test_two_sources_that_could_both_take_a_write_are_advised_to_have_an_owner(
    klantbeeld: Klantbeeld, file: Path, change: Change
) -> None:
    change("[sources.zendesk]", f"{_stripe(file, 'stripe_de')}\n[sources.zendesk]")
    done = klantbeeld("check", "-c", file)
    advice = [line for line in done.out.splitlines() if line.startswith("advice")]
    assert done.code == 0
    assert len(advice) == 1
    assert "writes.owners.change_billing_details: stripe and stripe_de could do it as BILLING" in advice[0]


def test_a_declared_owner_ends_the_advice(klantbeeld: Klantbeeld, file: Path, change: Change) -> None:
    change("[sources.zendesk]", f"{_stripe(file, 'stripe_de')}\n[sources.zendesk]")
    change("[identity]", '[writes]\nowners = { change_billing_details = "stripe" }\n[identity]')
    done = klantbeeld("check", "-c", file)
    assert "advice" not in done.out


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ('change_billing_detials = "stripe"', "there is no such act. Did you mean `change_billing_details`?"),
        ('change_billing_details = "strip"', "there is no source `strip`. Did you mean `stripe`?"),
        ('change_billing_details = "zendesk"', "the source `zendesk` cannot do that"),
    ],
)
def test_an_owner_that_is_none_stops_the_gateway(
    klantbeeld: Klantbeeld, file: Path, change: Change, owners: str, said: str
) -> None:
    change("[identity]", f"[writes]\nowners = {{ {owners} }}\n[identity]")
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    assert said in done.out


def test_a_connector_that_is_broken_says_why(klantbeeld: Klantbeeld, file: Path, change: Change) -> None:
    folder = file.parent / "own" / "acme"
    folder.mkdir(parents=True)
    (folder / "connector.toml").write_text("name = 7", encoding="utf-8")
    change('language = "nl"', f'language = "nl"\nconnector_folders = ["{folder.parent}"]')
    change('connector = "stripe"', 'connector = "acme"')
    done = klantbeeld("check", "-c", file)
    assert "sources.stripe.connector" in done.out
    assert str(folder / "connector.toml") in done.out


def test_a_number_that_is_written_as_text_is_wrong(klantbeeld: Klantbeeld, file: Path, change: Change) -> None:
    change("port = 0", 'port = "0"')
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    assert "gateway.port: is text, and has to be a whole number. Write it without quotes\n" in done.out


def test_what_does_not_fit_the_model_hides_nothing_else(klantbeeld: Klantbeeld, file: Path, change: Change) -> None:
    change("[sources.stripe]", "[sources.stripe]\nprot = 1")
    change('connector = "stripe"\n', "")
    change('connector = "zendesk"', 'connector = "zendisk"\nca_bundle = "nowhere.pem"')
    change("tenant_id =", "tenantid =")
    change("secrets/match_key", "secrets/none")
    change('language = "nl"', 'language = "fr"\ntime_zone = "Europe/Amsterdm"')
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    assert done.err == "9 to mend; nothing starts until then.\n"
    assert {line.partition(": ")[0].rpartition(", ")[2] for line in done.out.splitlines()} == {
        "language",
        "sources.stripe.prot",
        "sources.stripe.connector",
        "identity.match_key",
        "sources.dataverse.options.tenantid",
        "sources.dataverse.options.tenant_id",
        "sources.zendesk.ca_bundle",
        "sources.zendesk.connector",
        "time_zone",
    }


def test_of_what_is_missing_altogether_only_that_is_said(klantbeeld: Klantbeeld, file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8") + "\n[sources.other]\n", encoding="utf-8")
    done = klantbeeld("check", "-c", file)
    assert {line.partition("sources.other.")[2] for line in done.out.splitlines()} == {
        f"{name}: is missing. Add it: {SourceSettings.model_fields[name].description}"
        for name in SourceSettings.model_fields
        if SourceSettings.model_fields[name].is_required()
    }


@pytest.mark.parametrize(
    ("changed", "where", "said"),
    [
        (("klantbeeld.sqlite", "klantbeeld.sqlite?mode=ro"), "store.url", "names no file"),
        (
            ('connector = "stripe"', 'connector = "stripe"\nfeed.secrets = { sihning = { env = "PATH" } }'),
            "sources.stripe.feed.secrets.sihning",
            "It takes: endpoint_secret",
        ),
        (
            ('connector = "stripe"', 'connector = "stripe"\nca_bundle = "klantbeeld.toml"'),
            "sources.stripe.ca_bundle",
            "no certificates to trust could be read",
        ),
        (
            ('connector = "stripe"', 'connector = "stripe"\nclient_certificate = "none.pem"'),
            "sources.stripe.client_certificate",
            "the client certificate could not be read",
        ),
        (
            ("[identity]", '[writes.sagas]\ndeclared = ["nowhere.sagas:ONE"]\n[identity]'),
            "writes.sagas.declared",
            "nowhere.sagas:ONE cannot be imported",
        ),
        (
            ("[identity]", '[writes.events]\nurl = "https://x.example"\nsecret = { env = "NONE" }\n[identity]'),
            "writes.events.secret",
            "the environment variable NONE is not set",
        ),
    ],
)
def test_what_would_be_refused_when_it_is_opened_is_found_before(
    klantbeeld: Klantbeeld, file: Path, change: Change, changed: tuple[str, str], *, where: str, said: str
) -> None:
    change(*changed)
    (file.parent.parent / "klantbeeld.toml").write_text("no certificate", encoding="utf-8")
    done = klantbeeld("check", "-c", file)
    assert done.code == 2
    (found,) = (line for line in done.out.splitlines() if line.startswith("wrong"))
    assert f", {where}: " in found
    assert said in found


def test_a_key_set_that_is_none_is_advice_since_it_is_read_again(
    klantbeeld: Klantbeeld, file: Path, change: Change
) -> None:
    change("jwks.json", "secrets/match_key")
    done = klantbeeld("check", "-c", file)
    assert done.code == 0
    (found,) = (line for line in done.out.splitlines() if line.startswith("advice"))
    assert "access.issuers.0.jwks_file: " in found


def test_serve_is_refused_everything_in_one_message(file: Path, change: Change) -> None:
    change('connector = "stripe"', 'connector = "stripes"')
    change("tenant_id =", "tenantid =")
    with pytest.raises(ConfigurationError, match=r"3 settings are wrong\. Nothing starts") as refused:
        sound_settings(file)
    assert str(refused.value).count("\n") == 3


def test_host_and_port_of_the_command_go_before_the_files(file: Path) -> None:
    settings, advice = sound_settings(file, host="127.0.0.2", port=0)
    assert (settings.gateway.host, settings.gateway.port, list(advice)) == ("127.0.0.2", 0, [])


def _stripe(file: Path, name: str) -> str:
    text = file.read_text(encoding="utf-8")
    begin, end = text.index("[sources.stripe]"), text.index("[sources.zendesk]")
    return text[begin:end].replace("[sources.stripe]", f"[sources.{name}]")
