"""Loading the settings."""

from pathlib import Path

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, Settings
from klantbeeld.settings_file import load_settings, read_secret

ISSUER = """
[access.purposes.service]
title = { nl = "Dienst", en = "Service" }
scopes = ["crm:read"]
[access.classes.agent]
scopes = []
rows = "all"
purposes = ["service"]
deadline = 5
[[access.issuers]]
issuer = "https://id.example"
audience = "klantbeeld"
classes = ["agent"]
"""
SOURCE = """
[sources.crm]
connector = "dataverse"
base_url = "https://crm.example"
importance = "essential"
risk_when_missing = { nl = "Onbekende klant", en = "Unknown customer" }
hosted_in = "NL"
processor = "Voorbeeld BV"
retention = "P2Y"
"""


def test_without_file_and_variables_the_defaults_hold() -> None:
    assert load_settings(None, {}) == Settings()


def test_the_file_is_read(tmp_path: Path) -> None:
    assert _load(tmp_path, "[gateway]\nport = 9000").gateway.port == 9000


def test_a_variable_stands_above_the_file(tmp_path: Path) -> None:
    settings = _load(tmp_path, "[gateway]\nport = 9000", KLANTBEELD__GATEWAY__PORT="9001")
    assert settings.gateway.port == 9001


def test_a_variable_reaches_a_source_of_the_file(tmp_path: Path) -> None:
    text = SOURCE.replace("sources.crm", "sources.crm-nl")
    assert _load(tmp_path, text, KLANTBEELD__SOURCES__CRM_NL__TIMEOUT="0.5").sources["crm-nl"].timeout == 0.5


def test_a_variable_may_hold_a_list() -> None:
    settings = load_settings(None, {"KLANTBEELD__CONNECTOR_FOLDERS": '["one", "two"]'})
    assert settings.connector_folders == (Path("one"), Path("two"))


def test_a_variable_with_a_secret_is_only_remembered_by_name(tmp_path: Path) -> None:
    settings = _load(tmp_path, SOURCE, KLANTBEELD__SOURCES__CRM__CREDENTIALS__CLIENT_SECRET="s3cret")
    assert settings.sources["crm"].credentials == {
        "client_secret": Secret(env="KLANTBEELD__SOURCES__CRM__CREDENTIALS__CLIENT_SECRET")
    }


def test_an_unknown_key_is_refused_with_file_line_and_suggestion(tmp_path: Path) -> None:
    message = _refused(tmp_path, "language = 'nl'\n[gateway]\nprot = 9000")
    assert message == f"{tmp_path}/klantbeeld.toml, line 3, gateway.prot: unknown key. Did you mean `port`?"


def test_an_unknown_key_like_no_other_gets_the_list_of_known_ones(tmp_path: Path) -> None:
    message = _refused(tmp_path, "[store]\nzzzzzz = 1")
    assert "unknown key. Known here:" in message
    assert "url" in message


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    assert "line 1, gatway: unknown key. Did you mean `gateway`?" in _refused(tmp_path, "[gatway]\nport = 1")


def test_an_unknown_variable_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"KLANTBEELD__GATEWAY__PROT": "1"})
    assert caught.value.where == "environment variable KLANTBEELD__GATEWAY__PROT, gateway.prot"
    assert caught.value.mend == "Did you mean `port`?"


def test_a_variable_below_a_plain_value_is_refused(tmp_path: Path) -> None:
    message = _refused(tmp_path, "[gateway]\nport = 1", KLANTBEELD__GATEWAY__PORT__DEEP="1")
    assert "gateway.port" in message


def test_a_variable_with_an_empty_part_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has an empty part"):
        load_settings(None, {"KLANTBEELD__GATEWAY__": "1"})


def test_a_missing_key_is_named_with_its_meaning_and_the_line_of_its_table(tmp_path: Path) -> None:
    message = _refused(tmp_path, SOURCE.replace('hosted_in = "NL"\n', ""))
    assert "line 2, sources.crm.hosted_in: is missing. Add it: Country" in message


def test_a_wrong_value_is_named_with_the_meaning_of_its_key_and_never_repeated(tmp_path: Path) -> None:
    message = _refused(tmp_path, "[gateway]\nport = 'canary-value'")
    assert "line 2, gateway.port" in message
    assert "It means: Port to listen on" in message
    assert "canary-value" not in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gateway]\nport = '9000'", "line 2, gateway.port: is text, and has to be a whole number. Write it without"),
        (
            "[gateway]\nport = true",
            "line 2, gateway.port: is true or false, and has to be a whole number. Write a whole",
        ),
        ("[gateway]\nport = 9000.0", "line 2, gateway.port: is a number, and has to be a whole number. Write a whole"),
        ("[gateway]\nmax_deadline = ' 20 '", "gateway.max_deadline: is text, and has to be a number. Write it without"),
        ("[gateway]\nonly_trusted_documents = 'no'", "is text, and has to be true or false. Write it without quotes"),
        (
            "[gateway]\nonly_trusted_documents = 0",
            "is a whole number, and has to be true or false. Write true or false",
        ),
        (SOURCE + "first_byte_timeout = '1'", "sources.crm.first_byte_timeout: is text, and has to be a number."),
        (SOURCE + "quota = { per_day = '1' }", "sources.crm.quota.per_day: is text, and has to be a whole number."),
    ],
)
def test_the_file_gives_numbers_and_truths_as_toml_writes_them(tmp_path: Path, text: str, said: str) -> None:
    message = _refused(tmp_path, text)
    assert said in message
    assert "settings are wrong" not in message


def test_a_whole_number_is_a_number_and_variables_are_text(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        "[gateway]\nmax_deadline = 20",
        KLANTBEELD__GATEWAY__PORT="9000",
        KLANTBEELD__GATEWAY__MAX_DEADLINE="21",
    )
    assert (settings.gateway.port, settings.gateway.max_deadline) == (9000, 21.0)


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    message = _refused(tmp_path, "[gateway]\nprot = 1\nport = 'x'\n[store]\nurll = ''", KLANTBEELD__X="1")
    assert "4 settings are wrong" in message
    assert all(word in message for word in ("gateway.prot", "gateway.port", "store.urll", "KLANTBEELD__X"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load_settings(tmp_path / "absent.toml", {})


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "at line 2" in _refused(tmp_path, "[gateway]\nport = = 1")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "klantbeeld.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        load_settings(path, {})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[identity]\nmatch_key = 'canary-secret'", "identity.match_key"),
        (SOURCE + "credentials = { client_secret = 'canary-secret' }", "sources.crm.credentials.client_secret"),
        (SOURCE + "credentials.api_token = 'canary-secret'", "sources.crm.credentials.api_token"),
        ("[store]\nurl = 'postgresql://me:canary-secret@db/klantbeeld'", "store.url"),
        (ISSUER + "jwks_uri = 'https://me:canary-secret@id.example/keys'", "access.issuers.0.jwks_uri"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str, key: str) -> None:
    message = _refused(tmp_path, text)
    assert key in message
    assert "canary-secret" not in message
    assert "settings are wrong" not in message


def test_a_class_whose_deadline_is_above_the_most_is_refused(tmp_path: Path) -> None:
    agent = 'scopes = []\nrows = "all"\npurposes = ["service"]\n'
    purpose = '[access.purposes.service]\ntitle = { nl = "D", en = "S" }\nscopes = ["crm:read"]\n'
    text = f"{purpose}[access.classes.agent]\n{agent}deadline = "
    assert _load(tmp_path, f"{text}15.0").access.classes["agent"].deadline == 15
    assert "above gateway.max_deadline" in _refused(tmp_path, f"{text}15.1")
    assert _load(tmp_path, f"{text}30.0\n[gateway]\nmax_deadline = 30").gateway.max_deadline == 30


def test_a_secret_names_exactly_one_place(tmp_path: Path) -> None:
    message = _refused(tmp_path, "[identity]\nmatch_key = { env = 'A', file = 'B' }")
    assert "exactly one of `env` and `file`" in message


def test_an_unknown_key_within_a_credential_is_told_once(tmp_path: Path) -> None:
    message = _refused(tmp_path, SOURCE + "credentials = { client_secret = { fiel = '/run/secret' } }")
    assert "credentials.client_secret.fiel: unknown key. Did you mean `file`?" in message
    assert "settings are wrong" not in message


def test_passwords_and_credentials_are_not_printed(tmp_path: Path) -> None:
    environ = {"KLANTBEELD__STORE__URL": "postgresql://me:canary-secret@db/klantbeeld"}
    settings = _load(tmp_path, SOURCE + "credentials = { user = 'canary-user' }", **environ)
    assert "postgresql://***@db/klantbeeld" in repr(settings)
    assert "canary" not in repr(settings) + str(settings)


def test_a_secret_is_read_from_the_environment() -> None:
    assert read_secret(Secret(env="KEY"), {"KEY": " x\n"}, where="here").get_secret_value() == "x"


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x\n")
    assert read_secret(Secret(file=tmp_path / "key"), {}, where="here").get_secret_value() == "x"


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (Secret(env="KEY"), "the environment variable KEY is not set"),
        (Secret(file=Path("absent")), "the file absent cannot be read"),
        (Secret(file=Path("/dev/null")), "the file /dev/null is empty"),
    ],
)
def test_an_absent_secret_says_where_it_was_looked_for(secret: Secret, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_secret(secret, {}, where="sources.crm.credentials.key")
    assert caught.value.where == "sources.crm.credentials.key"
    assert problem in caught.value.problem


def _load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "klantbeeld.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def _refused(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        _load(folder, text, **environ)
    return str(caught.value)
