"""Mutations as an app or a desktop sends them."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from .running import Ask, Reply

INPUTS = {
    "giveConsent": "ConsentInput",
    "withdrawConsent": "ConsentInput",
}
REPEATS_SECONDS = 30.0
PAYLOAD = """
status operationId consistencyToken
conflicts {
  source
  current {
    __typename version
    ... on ContactMedium { kind value }
    ... on Complaint { subject state }
  }
}
steps { source status recordId version code message reason }
"""


def act(ask: Ask, name: str, given: Mapping[str, Any], *, who: str = "agent", read: str = "") -> Reply:
    """Send one mutation, with a key of its own where the class of callers needs one and none is given.

    `read` is selected on the customer, which is read after the write.
    """
    kind = INPUTS.get(name, f"{name[0].upper()}{name[1:]}Input")
    own = {} if who == "agent" else {"idempotencyKey": str(uuid.uuid4())}
    after = f"customer {{ {read} }}" if read else ""
    document = f"mutation Act($input: {kind}!) {{ {name}(input: $input) {{ {PAYLOAD} {after} }} }}"
    return ask(document, {"input": {"channel": "APP" if who != "agent" else "PHONE", **own, **given}}, who=who)


def repeated(ask: Ask, name: str, given: Mapping[str, Any], *, who: str = "agent", read: str = "") -> Reply:
    """Send one mutation with a key of its own, and again as long as it is said to be under way, as an app does."""
    until = time.monotonic() + REPEATS_SECONDS
    while (reply := act(ask, name, given, who=who, read=read)).status == 409 and time.monotonic() < until:
        time.sleep(float(reply.headers["retry-after"]))
    return reply


def done(reply: Reply, name: str) -> Any:
    """Give the payload of a mutation that was carried out."""
    payload = reply.data[name]
    assert payload["status"] == "APPLIED", payload
    assert [step["status"] for step in payload["steps"]] == ["APPLIED"]
    return payload


def done_everywhere(reply: Reply, name: str) -> Any:
    """Give the payload of a mutation over several systems that was carried out in each."""
    payload = reply.data[name]
    assert payload["status"] == "APPLIED", payload
    assert {step["status"] for step in payload["steps"]} == {"APPLIED"}
    return payload
