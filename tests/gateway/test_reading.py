"""Requests are read strictly: each way of being wrong has its code and place."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import Message

from klantbeeld.gateway.errors import Refusal
from klantbeeld.gateway.ports import GraphQLRequest
from klantbeeld.gateway.reading import (
    DEEPEST,
    MOST_MEMBERS,
    ClientGone,
    parse_json,
    read_body,
    request_of_body,
    request_of_query_string,
)


def receiving(*messages: Message) -> Callable[[], Awaitable[Message]]:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else await asyncio.Future[Message]()

    return receive


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def refused(body: bytes) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        request_of_body(body)
    return caught.value.reason, caught.value.place


def test_a_whole_request_is_read() -> None:
    body = b'{"query": "{a}", "operationName": "A", "variables": {"b": [1, 2.5, "c"]}, "extensions": {"d": null}}'
    assert request_of_body(body) == GraphQLRequest("{a}", "A", {"b": [1, 2.5, "c"]}, {"d": None})


def test_members_that_are_null_are_as_if_absent() -> None:
    body = b'{"query": "{a}", "operationName": null, "variables": null, "extensions": null, "documentId": null}'
    assert request_of_body(body) == GraphQLRequest("{a}")


def test_members_that_we_do_not_know_are_ignored() -> None:
    assert request_of_body(b'{"query": "{a}", "id": 7}') == GraphQLRequest("{a}")


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"", "INVALID_JSON", "body, character 0"),
        (b"null", "BAD_REQUEST", "body"),
        (b"7", "BAD_REQUEST", "body"),
        (b'"text"', "BAD_REQUEST", "body"),
        (b"{}", "BAD_REQUEST", "query"),
        (b'{"query": null}', "BAD_REQUEST", "query"),
        (b'{"query": 7}', "BAD_REQUEST", "query"),
        (b'{"query": ["{a}"]}', "BAD_REQUEST", "query"),
        (b'{"query": "{a}", "operationName": 7}', "BAD_REQUEST", "operationName"),
        (b'{"query": "{a}", "variables": []}', "BAD_REQUEST", "variables"),
        (b'{"query": "{a}", "variables": "{}"}', "BAD_REQUEST", "variables"),
        (b'{"query": "{a}", "extensions": false}', "BAD_REQUEST", "extensions"),
        (b'{"documentId": 7}', "BAD_REQUEST", "documentId"),
        (b'[{"query": "{a}"}]', "BATCHING_NOT_SUPPORTED", "body"),
        (b'{"query": "{a}", "query": "{b}"}', "DUPLICATE_NAME", "member 'query'"),
        (b'{"query": "{a}", "variables": {"b": 1, "b": 1}}', "DUPLICATE_NAME", "member 'b'"),
        (b'{"query": "{a}", "variables": {"b": 1, "\\u0062": 1}}', "DUPLICATE_NAME", "member 'b'"),
        (b'{"query": "{a}"', "INVALID_JSON", "body, character 15"),
        (b'{"query": "{a}"} x', "INVALID_JSON", "body, character 17"),
        (b'{"query": "{a}", "variables": {"b": NaN}}', "INVALID_JSON", "NaN"),
        (b'{"query": "{a}", "variables": {"b": -Infinity}}', "INVALID_JSON", "-Infinity"),
        (b'{"query": "{a}", "variables": {"b": ' + b"9" * 5000 + b"}}", "INVALID_JSON", "body"),
        (b'{"query": "{\xff}"}', "INVALID_UTF8", "body, byte 12"),
        (b'{"query": "{\xed\xa0\x80}"}', "INVALID_UTF8", "body, byte 12"),
        (b"\xff\xfe{\x00}\x00", "INVALID_UTF8", "body, byte 0"),
        (b'{"query": "\\ud800"}', "INVALID_UTF8", "body, a lone surrogate"),
        (b"[" * 100_000, "JSON_TOO_DEEP", "body"),
        (b'{"a":' * 20_000, "JSON_TOO_DEEP", "body"),
        (b'{"query": "{a}", "variables": {"b": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}}", "JSON_TOO_DEEP", "body"),
    ],
)
def test_a_wrong_body_is_refused_with_code_and_place(body: bytes, code: str, place: str) -> None:
    assert refused(body) == (code, place)


def test_a_number_beyond_a_double_is_refused() -> None:
    assert refused(b'{"query": "{a}", "variables": {"b": 1e999}}')[0] == "INVALID_JSON"


@pytest.mark.parametrize(("members", "is_refused"), [(MOST_MEMBERS, False), (MOST_MEMBERS + 1, True)])
def test_an_object_with_too_many_members_is_refused(members: int, *, is_refused: bool) -> None:
    variables = ", ".join(f'"v{number}": 1' for number in range(members))
    body = f'{{"query": "{{a}}", "variables": {{{variables}}}}}'.encode()
    if is_refused:
        assert refused(body)[0] == "JSON_TOO_WIDE"
    else:
        assert len(request_of_body(body).variables) == members


def test_an_empty_operation_name_is_none() -> None:
    assert request_of_body(b'{"query": "{a}", "operationName": ""}').operation_name is None


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(rb'"\ud83c\udfc3"', place="body") == "🏃"


def test_braces_in_a_document_do_not_count_as_depth() -> None:
    query = "{a" * 200
    assert request_of_body(b'{"query": "' + query.encode() + b'"}').query == query


@pytest.mark.parametrize("depth", [1, DEEPEST - 2])
def test_json_within_the_depth_is_read(depth: int) -> None:
    body = b'{"query": "{a}", "variables": {"b": ' + b"[" * depth + b"]" * depth + b"}}"
    assert request_of_body(body).query == "{a}"


def test_a_get_is_read() -> None:
    query_string = urlencode(
        {"query": "{a}", "operationName": "", "variables": '{"b":1}', "extensions": "", "ours": "not"}
    ).encode()
    assert request_of_query_string(query_string, limit=1000) == GraphQLRequest("{a}", None, {"b": 1})


@pytest.mark.parametrize(
    ("query_string", "code", "status"),
    [
        (b"", "BAD_REQUEST", 400),
        (b"query={a}&query={b}", "DUPLICATE_NAME", 400),
        (b"query={a}&variables=[1]", "BAD_REQUEST", 400),
        (b"query={a}&variables={", "INVALID_JSON", 400),
        (b"query=%ff", "INVALID_UTF8", 400),
        (b"query=\xff", "INVALID_UTF8", 400),
        (b"&".join(b"a%d=1" % number for number in range(20)), "BAD_REQUEST", 400),
        (b"query=" + b"a" * 1000, "BODY_TOO_LARGE", 414),
    ],
)
def test_a_wrong_get_is_refused(query_string: bytes, code: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        request_of_query_string(query_string, limit=1000)
    assert (caught.value.reason, caught.value.status) == (code, status)


@pytest.mark.asyncio
async def test_a_body_in_pieces_is_put_together() -> None:
    receive = receiving(chunk(b"ab", more=True), chunk(b"", more=True), chunk(b"c"))
    assert await read_body(receive, {}, limit=3, within=5) == b"abc"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("messages", "headers"),
    [
        ([chunk(b"abcd")], {}),
        ([chunk(b"ab", more=True), chunk(b"cd", more=True)], {}),
        ([], {b"content-length": b"4"}),
        ([], {b"content-length": b"9" * 5000}),
        ([], {b"content-length": b"-1"}),
    ],
)
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    messages: list[Message], headers: dict[bytes, bytes]
) -> None:
    with pytest.raises(Refusal) as caught:
        await read_body(receiving(*messages), headers, limit=3, within=5)
    assert (caught.value.reason, caught.value.status) == ("BODY_TOO_LARGE", 413)
    assert (b"connection", b"close") in caught.value.headers


@pytest.mark.asyncio
@pytest.mark.parametrize("before", [[], [chunk(b"a", more=True)]])
async def test_a_client_that_goes_is_nobody_to_answer(before: list[Any]) -> None:
    with pytest.raises(ClientGone):
        await read_body(receiving(*before, {"type": "http.disconnect"}), {}, limit=3, within=5)
