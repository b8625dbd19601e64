"""Settings in which something is wrong, as far as they can be looked at."""

from pathlib import Path

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Settings
from klantbeeld.settings_part import Part, settings_in_part

AGENT = """
[access.purposes.service]
title = { nl = "Dienst", en = "Service" }
scopes = ["crm:read"]
[access.classes.agent]
scopes = ["crm:read"]
rows = "all"
purposes = ["service"]
deadline = 5
"""
ISSUER = """
[[access.issuers]]
issuer = "https://issuer.example"
audience = "us"
jwks_uri = "https://issuer.example/keys"
classes = ["agent"]
"""
HOOK = """
[[writes.sagas.hooks]]
act = "credit_invoice"
does = "engage"
engine = "camunda"
process = "credit"
"""


def part_of(folder: Path, text: str, **environ: str) -> Part:
    path = folder / "klantbeeld.toml"
    path.write_text(text, encoding="utf-8")
    return settings_in_part(path, environ)


def said(part: Part) -> list[str]:
    return [f"{finding.where.rpartition(', ')[2]}: {finding.problem}" for finding in part.findings]


def test_of_sound_settings_nothing_is_wrong(tmp_path: Path) -> None:
    assert part_of(tmp_path, "[gateway]\nport = 9000").findings == []
    assert settings_in_part(None, {}) == Part(Settings(), [])


def test_what_is_wrong_is_left_out_and_the_rest_kept(tmp_path: Path) -> None:
    part = part_of(tmp_path, "[gateway]\nport = 9000\nprot = 1\nmax_tokens = 'x'\n[store]\ntimeout = 2")
    assert part.settings is not None
    assert (part.settings.gateway.port, part.settings.gateway.max_tokens) == (9000, 1000)
    assert part.settings.store.timeout == 2
    assert len(part.findings) == 2


def test_what_has_to_be_there_is_stood_in_for_and_not_spoken_of(tmp_path: Path) -> None:
    part = part_of(tmp_path, AGENT.replace('rows = "all"', 'rows = "some"') + ISSUER.replace('audience = "us"', ""))
    assert part.settings is not None
    assert part.settings.access.classes["agent"].deadline == 5
    assert [line.partition(":")[0] for line in said(part)] == [
        "access.issuers.0.audience",
        "access.classes.agent.rows",
    ]
    assert not part.speaks_of(("access", "classes", "agent", "rows"))
    assert part.speaks_of(("access", "classes", "agent", "deadline"))


def test_what_is_wrong_between_fields_is_told_beside_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    text = AGENT.replace('purposes = ["service"]', 'purposes = ["sales"]') + ISSUER.replace('"agent"', '"clerk"')
    part = part_of(tmp_path, f"{text}\n[gateway]\nprot = 1")
    assert part.settings is not None
    key, between = said(part)
    assert key == "gateway.prot: unknown key"
    assert "classes.agent.purposes: ['sales'] not among access.purposes; " in between
    assert "issuers: classes of https://issuer.example: ['clerk'] not among access.classes" in between


def test_what_is_wrong_between_fields_is_told_beside_what_is_wrong_in_the_same_section(tmp_path: Path) -> None:
    text = AGENT.replace('purposes = ["service"]', 'purposes = ["sales"]').replace('rows = "all"', 'rows = "some"')
    part = part_of(tmp_path, f"{text}{ISSUER}[access]\ncached_tokens = 0\n[cache]\nmax_bytes = 0\ncap = 5\nmax_age = 6")
    assert [line.partition(": ")[::2] for line in said(part) if "not among" in line or "more than" in line] == [
        ("access", "classes.agent.purposes: ['sales'] not among access.purposes"),
        ("cache", "cache: max_age and the longer of the stale times are more than `cap`, 5"),
    ]
    assert len(part.findings) == 5


def test_what_only_follows_from_something_wrong_is_not_told(tmp_path: Path) -> None:
    part = part_of(tmp_path, AGENT.replace('scopes = ["crm:read"]\n[access', "scopes = 7\n[access") + ISSUER)
    assert said(part) == ["access.purposes.service.scopes: input should be a valid tuple"]


@pytest.mark.parametrize(
    "text",
    [
        AGENT.replace('purposes = ["service"]', "purposes = [7]"),
        AGENT.replace("deadline = 5", "deadline = 5\npurposes = []").replace('purposes = ["service"]\n', ""),
        "[cache]\ncap = -1\nmax_age = 3600",
        "[cache]\ncap = 1\nmax_age = 'x'",
        f"[writes.sagas]\nengines = 7\n{HOOK}",
    ],
)
def test_between_fields_nothing_is_told_of_what_is_wrong_by_itself(text: str, tmp_path: Path) -> None:
    assert [line for line in said(part_of(tmp_path, text)) if "not among" in line or "more than" in line] == []


def test_an_item_of_a_list_takes_the_list_along(tmp_path: Path) -> None:
    both = "jwks_uri = 'https://issuer.example/keys'\njwks_file = 'x'\n"
    part = part_of(tmp_path, AGENT + ISSUER + ISSUER.replace("issuer.example", "two.example") + both.splitlines()[1])
    assert part.settings is not None
    assert part.settings.access.issuers == ()
    assert said(part) == ["access.issuers.1: an issuer's keys are read from exactly one of `jwks_uri` and `jwks_file`"]


@pytest.mark.parametrize("text", ["sources = 5", "gateway = []", "[sources]\ncrm = 1", "[sources.CRM]\n"])
def test_no_shape_of_a_file_is_beyond_it(tmp_path: Path, text: str) -> None:
    part = part_of(tmp_path, text)
    assert part.settings is not None
    assert part.findings != []


def test_a_file_that_is_no_toml_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not TOML"):
        part_of(tmp_path, "port = = 1")
