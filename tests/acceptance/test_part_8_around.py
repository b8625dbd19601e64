"""Part 8. Around it: tokens, deadlines, consequences, health, metrics, logs, and a command line that helps."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.cli.views import views_folder
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask, Deployment, Gateway, command, free_port

KEY = "fatima-el-amrani"
SOURCE_KEYS = ("importance", "risk_when_missing", "hosted_in", "processor", "retention")


@pytest.mark.feature("2.8", "Bearer tokens are needed from the start, introspection included")
@pytest.mark.parametrize("document", ["{ __typename }", "{ __schema { queryType { name } } }", "{ me { id } }"])
def test_nothing_is_answered_without_a_token(document: str, ask: Ask) -> None:
    assert ask.http.post(ask.url, json={"query": document}).status_code == 401


@pytest.mark.feature("2.8", "The demo has its own issuer with an agent, an app and a partner")
def test_the_demos_issuer_has_three_kinds_of_callers(ask: Ask, ids: dict[str, str]) -> None:
    document = "query Q($id: ID!) { customer(id: $id) { id } }"
    seen = {
        who: ask(document, {"id": ids["lotte-jansen"]}, who=who).data["customer"] is not None
        for who in ("agent", "lotte-jansen", "mila-hendriks", "partner")
    }
    assert seen == {"agent": True, "lotte-jansen": True, "mila-hendriks": False, "partner": False}


@pytest.mark.feature("2.8", "A deadline for each request: what is there by then is the answer")
def test_a_request_ends_at_its_deadline(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, deployment: Deployment
) -> None:
    ask("query Q($id: ID!) { customer(id: $id) { party { fullName } } }", {"id": ids[KEY]})  # logged in
    sandbox.set_fault("stripe", {"mode": "hang"})
    document = "query Q($id: ID!) { customer(id: $id) { party { fullName } balances { amount } } }"
    reply = ask(document, {"id": ids[KEY]}, headers={"Klantbeeld-Deadline-Ms": "700"})
    assert reply.part["customer"] == {"party": {"fullName": "Fatima El Amrani"}, "balances": None}
    assert reply.errors == {"customer.balances": ("SOURCE_TIMEOUT", "stripe")}
    assert reply.seconds < deployment.settings.sources["stripe"].timeout


@pytest.mark.feature("2.8", "A deadline for each call: a slow source is given up after its own time")
def test_a_call_ends_at_its_sources_timeout(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, deployment: Deployment
) -> None:
    sandbox.set_fault("stripe", {"mode": "hang"})
    reply = ask("query Q($id: ID!) { customer(id: $id) { balances { amount } } }", {"id": ids[KEY]})
    assert reply.errors == {"customer.balances": ("SOURCE_TIMEOUT", "stripe")}
    own, whole = deployment.settings.sources["stripe"].timeout, deployment.settings.access.classes["agent"].deadline
    assert own <= reply.seconds < whole


@pytest.mark.feature("2.8", "A partial answer carries the consequence, in the words of the operator")
def test_a_partial_answer_carries_the_consequence(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.stop("zendesk")
    document = "query Q($id: ID!) { customer(id: $id) { complaints { nodes { id } } sources { source consequence } } }"
    told = ask(document, {"id": ids[KEY]}).part["customer"]["sources"]
    assert {one["source"]: one["consequence"] for one in told}["zendesk"] == "Klachten ontbreken: stuur geen marketing."


@pytest.mark.feature("2.8", "A source's settings require importance, risk, place, processor and retention")
def test_a_source_without_its_facts_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "klantbeeld.toml"
    head, section, rest = deployment.file.read_text(encoding="utf-8").partition("[sources.stripe]")
    for key in SOURCE_KEYS:
        rest = re.sub(rf"(?m)^{key} = .*\n", "", rest, count=1)
    file.write_text(head + section + rest, encoding="utf-8")
    ran = command("check", "--config", file)
    assert ran.returncode == 2
    assert [key for key in SOURCE_KEYS if f"sources.stripe.{key}" not in ran.stdout + ran.stderr] == []


@pytest.mark.feature("2.8", "/live, /ready and /metrics")
def test_health_and_metrics_are_there(ask: Ask, gateway: Gateway, ids: dict[str, str], call_view: str) -> None:
    assert ask.http.get(f"{gateway.address}/live").json() == {"live": True}
    assert ask.http.get(f"{gateway.address}/ready").json()["ready"] is True
    ask(call_view, {"id": ids[KEY]})
    metrics = ask.http.get(f"{gateway.address}/metrics").text
    counted = re.search(r'klantbeeld_requests_total\{outcome="ok"\} (\S+)', metrics)
    assert counted is not None
    assert float(counted[1]) >= 1
    assert ids[KEY] not in metrics


@pytest.mark.feature("2.8", "Structured logs without personal data")
def test_the_log_is_structured_and_knows_nobody(
    ask: Ask, gateway: Gateway, ids: dict[str, str], call_view: str, sandbox: Sandbox
) -> None:
    reply = ask(call_view, {"id": ids[KEY]})
    line = _logged(gateway, reply.headers["X-Request-Id"])
    text = gateway.log.read_text(encoding="utf-8")
    assert (line["event"], line["path"], line["status"]) == ("request", "/graphql", 200)
    person = sandbox.population.member(KEY).persons[0]
    known = [ids[KEY], person.name.family, *(found[0].record_id for found in person.records.values())]
    known += [email for found in person.records.values() for email in found[0].emails]
    assert [word for word in known if word in text] == []


@pytest.mark.feature("2.8", "klantbeeld check: a sound configuration is ready to serve")
def test_check_finds_a_sound_configuration_ready(deployment: Deployment) -> None:
    ran = command(*("check", "--config", deployment.file), environ={"KLANTBEELD__GATEWAY__PORT": str(free_port())})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all(system in ran.stdout for system in SYSTEMS)


@pytest.mark.feature("2 bad input", "Bad configuration: nothing starts, and one message names file, key and mend")
@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('colour = "blue"', "colour"),
        ("[gateway]\nmax_depth = -1", "gateway.max_depth"),
        ('[store]\nurl = "postgresql://me:secret-word@127.0.0.1/x"', "store.url"),
        ('[access.trail]\nkey = "secret-word"', "access.trail.key"),
    ],
)
def test_bad_configuration_starts_nothing(line: str, key: str, deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "klantbeeld.toml"
    text = deployment.file.read_text(encoding="utf-8")
    section = line.partition("\n")[0]
    if section.startswith("["):
        name, _, _ = line.partition("\n")[2].partition(" =")
        kept = re.sub(rf"(?m)^{name} = .*\n", "", text, count=1) if f"\n{name} = " in text else text
        text = kept.replace(section, line, 1)
    else:
        text = f"{line}\n{text}"
    file.write_text(text, encoding="utf-8")
    ran = command("serve", "--config", file, "--port", "0")
    assert ran.returncode == 2, ran.stdout + ran.stderr
    message = ran.stdout + ran.stderr
    assert str(file) in message
    assert key in message
    assert re.search(r"\. [A-Z]", message)  # a sentence more: what to do
    assert "Traceback" not in message
    assert "secret-word" not in message


@pytest.mark.feature("2 bad input", "Bad configuration: an unknown connector is named with those that there are")
def test_an_unknown_connector_is_named(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "klantbeeld.toml"
    text = deployment.file.read_text(encoding="utf-8")
    file.write_text(text.replace('connector = "stripe"', 'connector = "strype"'), encoding="utf-8")
    ran = command("serve", "--config", file, "--port", "0")
    assert ran.returncode == 2
    assert "sources.stripe.connector" in ran.stderr
    assert "stripe" in ran.stderr.partition("strype")[2]


@pytest.mark.feature("2.8", "klantbeeld explain: which sources an operation would call, and no source is asked")
def test_explain_names_the_sources_and_asks_none(deployment: Deployment, sandbox: Sandbox) -> None:
    operation = views_folder() / "collections.graphql"
    ran = command("explain", operation, "--config", deployment.file, "--purpose", "collections")
    assert ran.returncode == 0, ran.stderr
    assert all(name in ran.stdout for name in ("dataverse", "stripe", "zendesk"))
    assert "sap_customer_data_cloud" not in ran.stdout
    assert [sandbox.log(system) for system in SYSTEMS] == [[]] * 4


@pytest.mark.feature("2.8", "klantbeeld query and token: ask the running gateway from a shell")
def test_a_shell_asks_the_gateway(deployment: Deployment, ask: Ask, ids: dict[str, str]) -> None:
    token = command("token", "agent", "--folder", deployment.file.parent).stdout.strip()
    ran = command(
        *("query", views_folder() / "partner.graphql", "--url", ask.url, "--purpose", "service"),
        *("--variables", json.dumps({"id": ids[KEY]})),
        environ={"KLANTBEELD_TOKEN": token},
    )
    assert ran.returncode == 0, ran.stderr
    assert "Fatima El Amrani" in ran.stdout


@pytest.mark.feature("2.8", "The command line says what it can do")
def test_the_command_line_says_what_it_can_do() -> None:
    ran = command("--help")
    assert ran.returncode == 0
    wanted = ("demo", "serve", "check", "schema", "explain", "query", "eligibility", "identity", "connector", "token")
    assert [word for word in wanted if not re.search(rf"\b{word}\b", ran.stdout)] == []


def _logged(gateway: Gateway, request_id: str) -> dict[str, Any]:
    """Wait for the log's line about a request, which is written when the answer has left."""
    deadline = time.monotonic() + 10.0
    while True:
        for line in gateway.log.read_text(encoding="utf-8").splitlines():
            if request_id in line:
                found: dict[str, Any] = json.loads(line)
                return found
        assert time.monotonic() < deadline, "the log does not tell of the request"
