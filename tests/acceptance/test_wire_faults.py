"""Issue 3, the wire: a source's faults cost the same over either transport."""

import pytest

from klantbeeld.sandbox.facts import System

from .wired import BODY, Wired

INVALID, UNAVAILABLE, TIMEOUT = "SOURCE_INVALID_ANSWER", "SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"
FAULTS = (
    ({"mode": "hang"}, TIMEOUT),
    ({"mode": "latency", "ms": 900}, TIMEOUT),
    ({"mode": "drip", "ms": 20}, TIMEOUT),
    ({"mode": "drop"}, UNAVAILABLE),
    ({"mode": "status", "status": 500}, UNAVAILABLE),
    ({"mode": "status", "status": 503}, UNAVAILABLE),
    ({"mode": "status", "status": 429}, "SOURCE_REFUSED"),
    ({"mode": "garbage"}, INVALID),
    ({"mode": "html"}, INVALID),
    ({"mode": "redirect"}, INVALID),
    ({"mode": "large", "bytes": 10 * BODY}, INVALID),
)
BOTH: tuple[System, ...] = ("stripe", "zendesk")  # over the wire, and over httpx


@pytest.mark.feature(
    "3 wire", "The short set of faults costs a source's own fields and nothing else, on both transports"
)
@pytest.mark.parametrize("system", BOTH)
@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=lambda part: part if isinstance(part, str) else part["mode"])
def test_a_fault_costs_the_same_over_each(
    wired_gateway: Wired, system: System, fault: dict[str, object], code: str
) -> None:
    before = wired_gateway.systems[system]
    before.forget()
    before.passes_on = True
    wired_gateway.sandbox.set_fault(system, fault)
    assert wired_gateway.costs(system) == code
    wired_gateway.sandbox.clear_fault(system)
    wired_gateway.until_well()
