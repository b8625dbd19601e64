"""Global ids of records: sealed and opened again, one text for each record, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klantbeeld.errors import RequestError
from klantbeeld.graph.ids import RecordId, open_record_id, seal_record_id

FOUND = RecordId("Invoice", "01900000-0000-7000-8000-000000000001", "billing", "in_1")
SEALED = seal_record_id(FOUND)
URL_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_an_id_is_url_safe_and_opens_to_what_was_sealed(record_id: str) -> None:
    found = RecordId("Complaint", FOUND.customer_id, "crm-nl_2", record_id)
    sealed = seal_record_id(found)
    assert frozenset(sealed) <= URL_SAFE
    assert open_record_id(sealed) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        FOUND.customer_id,
        SEALED.partition(".")[0],  # no record
        SEALED.replace(".", ""),
        f" {SEALED}",
        f"{SEALED} ",
        f"{SEALED}=",
        SEALED.replace(".", "=."),
        SEALED.upper(),
        SEALED[:-1],  # half a byte
        f"{SEALED}ff",  # no UTF-8
        f"{SEALED[:-2]}5F 31",
        f"{SEALED}.{SEALED}",
        "ë",
        seal_record_id(RecordId("Invoice", "a/b", "billing", "in_1")),  # four parts
    ],
)
def test_what_was_not_sealed_here_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        open_record_id(text)
    assert refused.value.reason == "ID_INVALID"
