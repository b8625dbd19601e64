"""What keeps writes apart and their input unreadable: keys, versions, seals."""

import pytest

from klantbeeld.errors import KeyRefused, RequestError, StoreError
from klantbeeld.writes.idempotency import key_of
from klantbeeld.writes.keys import Keys
from klantbeeld.writes.sealing import Sealer
from klantbeeld.writes.versions import open_version, seal_version

FORMER, PRESENT = b"f" * 32, b"p" * 32


@pytest.mark.parametrize(
    ("given", "header", "expected"),
    [
        (None, None, None),
        ("k", None, "k"),
        (None, "k", "k"),
        (None, '"k"', "k"),
        ("k", ' "k" ', "k"),
        (None, r'"a\"b"', 'a"b'),
    ],
)
def test_a_key_is_read_from_input_or_header(given: str | None, header: str | None, expected: str | None) -> None:
    assert key_of(given, header) == expected


@pytest.mark.parametrize("header", ["", '"', '"open', "a b", '"a b"', "k" * 256, "\x7f", 'a"b"c d', '""'])
def test_a_header_that_is_no_key_is_refused(header: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        key_of(None, header)
    assert (refused.value.reason, refused.value.status) == ("IDEMPOTENCY_KEY_INVALID", 400)


def test_two_keys_for_one_mutation_are_refused() -> None:
    with pytest.raises(KeyRefused) as refused:
        key_of("one", '"other"')
    assert refused.value.reason == "IDEMPOTENCY_KEYS_DIFFER"


def test_a_version_comes_back_as_the_source_gave_it() -> None:
    sealed = seal_version("crm", 'W/"12345"')
    assert sealed is not None
    assert "12345" not in sealed
    assert open_version("crm", sealed) == 'W/"12345"'
    assert seal_version("crm", None) is None
    assert open_version("crm", None) is None


@pytest.mark.parametrize("version", ["", "x", 'W/"12345"', "é", "AAAA", seal_version("billing", "1")])
def test_a_version_that_is_not_the_sources_is_refused(version: str) -> None:
    with pytest.raises(RequestError) as refused:
        open_version("crm", version)
    assert refused.value.reason == "VERSION_INVALID"


def test_a_version_that_was_cut_is_refused() -> None:
    sealed = seal_version("crm", "2026-11-26T09:00:00Z") or ""
    with pytest.raises(RequestError):
        open_version("crm", sealed[:-4])


def test_keys_made_under_the_former_secret_are_still_known() -> None:
    before, after = Keys([FORMER]), Keys([PRESENT, FORMER])
    assert before.scopes("caller", "m", "k")[0] in after.scopes("caller", "m", "k")
    assert after.is_caller("caller", before.caller("caller"))
    assert after.is_fingerprint({"a": 1, "b": 2}, before.fingerprint({"b": 2, "a": 1}))
    assert not after.is_fingerprint({"a": 2, "b": 2}, before.fingerprint({"b": 2, "a": 1}))


def test_parts_of_a_key_cannot_be_shifted_into_each_other() -> None:
    keys = Keys([PRESENT])
    assert keys.scopes("a", "bc", "d") != keys.scopes("ab", "c", "d")


def test_a_sealed_input_opens_at_its_own_place_alone() -> None:
    sealer = Sealer([PRESENT])
    key, kept = sealer.new_key("one")
    sealed = key.seal(b"content", 0)
    again = sealer.open_key("one", kept)
    assert again.open(sealed, 0) == b"content"
    assert b"content" not in sealed
    with pytest.raises(StoreError):
        again.open(sealed, 1)
    with pytest.raises(StoreError):
        sealer.open_key("two", kept)
    with pytest.raises(StoreError):
        again.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), 0)


def test_a_key_that_was_kept_under_the_former_secret_still_opens() -> None:
    key, kept = Sealer([FORMER]).new_key("one")
    sealed = key.seal(b"content", 0)
    assert Sealer([PRESENT, FORMER]).open_key("one", kept).open(sealed, 0) == b"content"
    with pytest.raises(StoreError):
        Sealer([PRESENT]).open_key("one", kept)
