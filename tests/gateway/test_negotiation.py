"""Which media type and language an answer has."""

import pytest

from klantbeeld.gateway.negotiation import (
    GRAPHQL_RESPONSE,
    JSON,
    LONGEST_HEADER,
    coding,
    is_json,
    language,
    wanted,
)

URQL = (
    b"application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
APOLLO = b"application/graphql-response+json,application/json;q=0.9"
APOLLO_DEFER = b"multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json,application/json;q=0.9"
APOLLO_OLD_DEFER = b"multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"
APOLLO_EVENTS = b"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", JSON),
        (b"*/*", JSON),
        (b"application/*", JSON),
        (b"application/json", JSON),
        (b"application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"APPLICATION/JSON", JSON),
        (b"application/json;q=0.5, application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"application/json, application/graphql-response+json;q=0.5", JSON),
        (b"application/graphql-response+json, application/json", GRAPHQL_RESPONSE),
        (b"application/json, application/graphql-response+json", JSON),
        (b"application/json;q=0, */*", GRAPHQL_RESPONSE),
        (b"application/json;charset=utf-8", JSON),
        (b'application/json;charset="UTF-8"', JSON),
        (b"application/json;charset=iso-8859-1", None),
        (b"application/json;q=0", None),
        (b"text/plain", None),
        (b"text/event-stream", None),
        (b"application/json;q=nonsense", JSON),
        (b"*/*;q=0.1, application/graphql-response+json;q=0.05", JSON),
        (b"x" * (LONGEST_HEADER + 1), JSON),
        (URQL, GRAPHQL_RESPONSE),
        (APOLLO, GRAPHQL_RESPONSE),
        (APOLLO_DEFER, GRAPHQL_RESPONSE),
        (APOLLO_EVENTS, JSON),
    ],
)
def test_a_plain_answer_has_the_type_that_the_client_prefers(accept: bytes, expected: bytes | None) -> None:
    assert wanted(accept).json == expected


@pytest.mark.parametrize(
    ("accept", "incremental", "events"),
    [
        (b"", None, None),
        (b"*/*", None, None),
        (b"multipart/*", None, None),
        (URQL, "sse", "sse"),
        (APOLLO, None, None),
        (APOLLO_DEFER, "multipart", None),
        (APOLLO_OLD_DEFER, None, None),
        (APOLLO_EVENTS, None, "multipart"),
        (b"multipart/mixed, text/event-stream", "multipart", "sse"),
        (b"text/event-stream;q=0.1, multipart/mixed", "multipart", "sse"),
        (b"text/event-stream;q=0", None, None),
        (b"multipart/mixed;incrementalSpec=v9", None, None),
    ],
)
def test_a_stream_is_sent_only_to_who_names_it(accept: bytes, incremental: str | None, events: str | None) -> None:
    assert (wanted(accept).incremental, wanted(accept).events) == (incremental, events)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [(BROWSER, True), (b"text/html", True), (b"*/*", False), (b"application/json, text/html", False), (b"", False)],
)
def test_a_page_is_for_who_prefers_html(accept: bytes, *, expected: bool) -> None:
    assert wanted(accept).page is expected


def test_a_client_that_takes_nothing_of_ours_takes_nothing() -> None:
    assert not wanted(b"image/png").is_anything
    assert wanted(b"text/event-stream").is_anything


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", True),
        (b"application/json; charset=utf-8", True),
        (b"Application/JSON;charset=UTF8", True),
        (b"application/json; charset=latin-1", False),
        (b"text/plain", False),
        (b"", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=x", False),
        (b"application/jsonp", False),
    ],
)
def test_only_json_in_utf_8_is_read(content_type: bytes, *, expected: bool) -> None:
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    ("accept_language", "expected"),
    [
        (b"", "nl"),
        (b"en", "en"),
        (b"en-GB,nl;q=0.9", "en"),
        (b"nl-BE,en;q=0.9", "nl"),
        (b"de,en;q=0.5,nl;q=0.4", "en"),
        (b"en;q=0,nl;q=0.1", "nl"),
        (b"fr", "nl"),
        (b"nl;q=0.5,en;q=0.5", "nl"),
    ],
)
def test_the_language_is_the_best_of_ours(accept_language: bytes, expected: str) -> None:
    assert language(accept_language, "nl") == expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (b"", None),
        (b"gzip, deflate, br", "gzip"),
        (b"gzip, deflate, br, zstd", "zstd"),
        (b"gzip, zstd;q=0.5", "gzip"),
        (b"gzip;q=0, zstd", "zstd"),
        (b"zstd;q=0, gzip", "gzip"),
        (b"gzip;q=0", None),
        (b"*", "gzip"),
        (b"*, gzip;q=0", None),
        (b"identity", None),
        (b"identity, gzip;q=0.5", None),
        (b"identity;q=0.5, gzip;q=0.5", "gzip"),
        (b"identity;q=0, *", "gzip"),
    ],
)
def test_an_answer_is_compressed_as_the_client_rates_it(accept_encoding: bytes, expected: str | None) -> None:
    assert coding(accept_encoding, ("zstd", "gzip")) == expected


def test_without_its_library_there_is_no_zstd() -> None:
    assert coding(b"zstd, gzip;q=0.1", ("gzip",)) == "gzip"
    assert coding(b"zstd", ("gzip",)) is None
