"""The plan of an operation: printed without asking anybody, and with timings in the answer for who may see it."""

import re
from pathlib import Path

import pytest

from klantbeeld.cli.views import view
from klantbeeld.sandbox.facts import SYSTEMS

from .caching import live_only
from .running import Ask, Calls, Deployment, command

EXPLAIN = {"Klantbeeld-Explain": "1"}


def _printed(deployment: Deployment, folder: Path, document: str, *arguments: str) -> list[str]:
    """Return the lines that `klantbeeld explain` prints, each level further in by two."""
    file = folder / "operation.graphql"
    file.write_text(document, encoding="utf-8")
    done = command("explain", file, "--config", deployment.file, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = []
    for line in done.stdout.splitlines():
        drawing, text = re.fullmatch(r"([│├└─\s]*)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
        lines.append("  " * (len(drawing) // 4) + text)
    return lines


@pytest.mark.feature(
    "3 engine", "klantbeeld explain: the steps, what waits for what, batching and rights, and no source is asked"
)
def test_explain_prints_steps_dependencies_batching_and_rights(
    deployment: Deployment, calls: Calls, tmp_path: Path
) -> None:
    before = calls()
    lines = _printed(deployment, tmp_path, view("service-call"), "--as", "agent", "--purpose", "service")
    assert calls() == before
    text = "\n".join(lines)
    assert lines[0] == "query ServiceCall"
    assert lines[1].startswith("  rights of agent, for service: ")
    together = next(line for line in lines if "then, together:" in line)
    waiting = next(line for line in lines if "stripe.product: up to 100 records a call" in line)
    assert len(together) - len(together.lstrip()) < len(waiting) - len(waiting.lstrip())
    assert "up to 50 customers a call" in text
    assert all(system in text for system in SYSTEMS)


@pytest.mark.feature("3 engine", "klantbeeld explain: what rights refuse is named with its rule")
def test_explain_names_what_rights_refuse(deployment: Deployment, tmp_path: Path) -> None:
    document = '{ customer(id: "x") { complaints { nodes { subject } } } }'
    text = "\n".join(_printed(deployment, tmp_path, document, "--as", "partner"))
    assert "customer.complaints: SCOPE_MISSING, needs complaints:read (CUSTOM, ORDINARY)" in text
    assert "zendesk" not in text


@pytest.mark.feature("3 engine", "A request header brings the plan with timings, for callers with explain:read")
@live_only
def test_a_header_brings_the_same_plan_with_timings(
    ask: Ask, ids: dict[str, str], deployment: Deployment, tmp_path: Path
) -> None:
    reply = ask(view("service-call"), {"id": ids["fatima-el-amrani"]}, headers=EXPLAIN)
    told = reply.body["extensions"]["explain"]
    assert told["plan"] == _printed(deployment, tmp_path, view("service-call"))
    assert set(told["milliseconds"]) == {"document", "fetch", "assembly"}
    assert {call["source"] for call in told["calls"]} == set(SYSTEMS)
    assert all(call["milliseconds"] > 0 and call["state"] == "OK" for call in told["calls"])
    assert reply.data == ask(view("service-call"), {"id": ids["fatima-el-amrani"]}).data


@pytest.mark.feature("3 engine", "A request header for the plan is refused to callers without explain:read")
def test_the_header_is_refused_to_callers_without_the_scope(ask: Ask, calls: Calls) -> None:
    before = calls()
    reply = ask("{ me { party { fullName } } }", who="sanne-de-wit", headers=EXPLAIN)
    (error,) = reply.body["errors"]
    assert (reply.status, error["extensions"]["code"]) == (403, "SCOPE_MISSING")
    assert error["extensions"]["place"] == "header Klantbeeld-Explain"
    assert "data" not in reply.body
    assert calls() == before
