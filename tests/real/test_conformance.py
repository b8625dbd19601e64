"""The conformance suite, over examples that are recorded from the servers of others in this run.

What they cannot show stands in `questions`, each with the reason, and is asked as well: a reason that no longer holds
fails here.
"""

import asyncio

import pytest

from klantbeeld.errors import SourceError
from klantbeeld.registry import LoadedConnector
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.examples import Example, rehearse
from klantbeeld.sdk.live import understand
from klantbeeld.sdk.testing import ConnectorTests, recorded_replies

from .asking import Billing, Crm, Opened
from .processes import needs_install
from .questions import Lack, billing_lacks, crm_lacks

pytestmark = [pytest.mark.real, needs_install]

BILLING_LACKS = ("search", "changes", "purchases", "credit_invoice", "withdraw_credit")
CRM_LACKS = ("search", "record_interaction", "report_data_error", "register_customer", "set_attribute")


class OverRecorded(ConnectorTests):
    """The suite without what `lacks` names; `ends` says of which pages there are examples: the last, and another."""

    __test__ = False
    folders = ()
    lacks: tuple[str, ...]
    ends: frozenset[bool]

    def test_every_capability_has_an_example(self, connector: Connector, examples: list[Example]) -> None:
        capabilities = {*connector.readings(), *connector.doings()}
        assert {*(example.capability for example in examples), *self.lacks} == capabilities

    def test_paged_capabilities_show_a_last_and_another_page(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        ends = set()
        for example in (example for example in examples if example.capability == "everyone"):
            ask = example.asked(connector.readings()["everyone"])
            call = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))[-1]
            ends.add(understand(connector, call, example.exchanges[-1].reply.reply(), ask.select).next_page is None)
        assert ends == self.ends


class TestStripe(OverRecorded):
    __test__ = True
    name = "stripe"
    lacks = BILLING_LACKS
    ends = frozenset({True, False})

    @pytest.fixture
    def examples(self, billing_examples: list[Example]) -> list[Example]:
        return billing_examples


class TestDataverse(OverRecorded):
    __test__ = True
    name = "dataverse"
    lacks = CRM_LACKS
    ends = frozenset({True})

    @pytest.fixture
    def examples(self, crm_examples: list[Example]) -> list[Example]:
        return crm_examples


def test_what_localstripe_cannot_show_it_still_cannot(billing_system: Billing) -> None:
    lacks = billing_lacks(billing_system.keys)
    assert asyncio.run(shown(billing_system, lacks)) == []
    assert set(BILLING_LACKS) <= set(lacks)


def test_what_the_odata_server_cannot_show_it_still_cannot(crm_system: Crm) -> None:
    lacks = crm_lacks(crm_system.keys)
    assert asyncio.run(shown(crm_system, lacks)) == []
    assert set(CRM_LACKS) <= set(lacks)


async def shown(system: Opened, lacks: dict[str, Lack]) -> list[str]:
    """Return what a server could not show, and does."""
    found = []
    async with system.open() as live:
        for name, lack in lacks.items():
            try:
                again = await live.record(lack.asks)
            except SourceError:
                continue
            if lack.is_right(again.expect):
                found.append(name)
    return found
