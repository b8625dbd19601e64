"""The conformance suite: what every connector must keep.

One line in a test module tests a connector, by its recorded examples and without a network:

    TestAcme = connector_tests("acme", folders=[Path("connectors")])

Not part of the running product: it needs pytest and respx.
"""

import asyncio
import contextlib
import re
import socket
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import msgspec
import pytest
import respx
from joserfc.jwk import ECKey, RSAKey

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceUnavailable,
)
from klantbeeld.registry import LoadedConnector, load_connectors
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.auth import Auth, NoAuth
from klantbeeld.sdk.calls import Ask, Call
from klantbeeld.sdk.connector import Connector, Reading
from klantbeeld.sdk.examples import (
    Answer,
    Example,
    as_expected,
    as_request,
    example_options,
    load_examples,
    members_on_the_wire,
    rehearse,
)
from klantbeeld.sdk.imports import forbidden_imports
from klantbeeld.sdk.live import Live, records_of, translate, understand
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.signing import ClientAssertion, JwtSigned, Moment, Signing
from klantbeeld.sdk.words import WriteSafety

NASTY_IDS = ("../x", "..", "a b", "a/b", "%2f", "a?b=c", "a&b=c", "a#b", "Zoë", "x' or 1 eq 1", '"', "a\r\nb: c")
SAFE_TARGET = re.compile(r"^/[A-Za-z0-9/\-._~!$&'()*+,;=:@%?]*$")
CANARY = "canary-7c2d9e"
BASE_URL = "https://upstream.example"
STATUSES: Mapping[int, tuple[type[SourceError], ...]] = {
    302: (SourceInvalid,),
    400: (SourceRejected,),
    401: (SourceRefused,),
    403: (SourceRefused,),
    404: (SourceRejected,),
    409: (SourceConflict, SourceRejected, SourceUnavailable),
    412: (SourceConflict, SourceRejected),
    422: (SourceRejected,),
    429: (SourceRefused,),
    500: (SourceUnavailable,),
    502: (SourceUnavailable,),
    503: (SourceUnavailable,),
}
STRANGE: tuple[object, ...] = ("no such word", "", 2**63, -1, None, {})
BODIES = (b"", b"{}", b"[]", b"null", b"\xff<html>", b'{"error": 1, "errorCode": "x", "errors": null}')


def connector_tests(name: str, *, folders: Sequence[Path] = ()) -> type["ConnectorTests"]:
    """Return the test class of the connector `name`."""
    return type(f"Test_{name}", (ConnectorTests,), {"name": name, "folders": tuple(folders), "__test__": True})


class ConnectorTests:
    """The tests; `connector_tests` says of which connector."""

    __test__ = False
    name: str
    folders: tuple[Path, ...]

    @pytest.fixture(autouse=True)
    def _no_sockets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fail a test that opens a connection: a connector does no I/O. An event loop's own pair goes through."""

        def refuse(*_: object) -> None:
            pytest.fail("a connector opened a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    @pytest.fixture
    def loaded(self) -> LoadedConnector:
        """Return the connector as the gateway loads it."""
        return load_connectors(self.folders).load(self.name)

    @pytest.fixture
    def connector(self, loaded: LoadedConnector) -> Connector:
        """Return one source's connector, with the options of the examples."""
        return loaded.make(example_options(loaded.manifest))

    @pytest.fixture
    def examples(self, loaded: LoadedConnector) -> list[Example]:
        """Return what was recorded."""
        return load_examples(loaded.manifest)

    def test_it_imports_the_sdk_and_itself_alone(self, loaded: LoadedConnector) -> None:
        """Of ours a connector imports `klantbeeld.sdk`, which is what stays as it is when the gateway changes."""
        wrong = forbidden_imports(loaded.manifest.folder or Path())
        assert not wrong, "\n".join(wrong)

    def test_every_capability_has_an_example(self, connector: Connector, examples: list[Example]) -> None:
        """And every example is of a capability."""
        capabilities = {*connector.readings(), *connector.doings()}
        assert {example.capability for example in examples} == capabilities

    def test_the_calls_are_the_recorded_ones(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """The same question makes the same requests, byte for byte."""
        for example in examples:
            calls = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))
            assert [as_request(call) for call in calls] == [each.request for each in example.exchanges], example.name

    def test_the_answers_make_the_expected_records(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """The recorded reply, through HTTP, decodes and translates to what was expected."""
        for example in examples:
            found = asyncio.run(replay(loaded, connector, example))
            assert found == example.expect, example.name

    def test_each_member_can_be_asked_alone(self, connector: Connector, examples: list[Example]) -> None:
        """A member needs nothing on the wire but what its mapping declares."""
        for example in (example for example in examples if example.ask is not None and example.expect):
            reading = connector.readings()[example.capability]
            for member in sorted({name for each in reading.mappings for name in (*each.members, *each.outer)}):
                assert of_one_member(connector, reading, example, member) == [
                    {name: value for name, value in expected.items() if name in {member, *ALWAYS}}
                    for expected in example.expect
                ], f"{example.name}: {member}"

    def test_records_hold_what_their_types_say(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """What was made of a recorded reply has the types of the unified model."""
        for example in examples:
            call = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))[-1]
            for record in records_of(example, connector, call, example.exchanges[-1].reply.reply()):
                for name, kind in typing.get_type_hints(type(record)).items():
                    msgspec.convert(getattr(record, name), kind, strict=True)

    def test_records_say_whose_they_are(self, connector: Connector, examples: list[Example]) -> None:
        """Every record has an id; where several customers are asked at once, each says to whom it belongs."""
        for example in (example for example in examples if example.ask is not None):
            reading = connector.readings()[example.capability]
            for record in example.expect:
                assert record["record_id"], example.name
                assert record.get("owner") or reading.batch == 1 or reading.by_record, example.name

    def test_ids_cannot_leave_their_place(self, connector: Connector, examples: list[Example]) -> None:
        """An id is quoted, or refused as none of the product's; it never makes another path or parameter."""
        for example in (example for example in examples if example.ask is not None and example.ask.keys):
            ask = example.asked(connector.readings()[example.capability])
            usual = call_for(connector, example.capability, ask, "harmless")
            for nasty in NASTY_IDS:
                call = call_for(connector, example.capability, ask, nasty)
                if call is not None:
                    assert usual is not None, f"{example.name}: {nasty!r} is taken, and an ordinary word is not"
                    assert shape(call) == shape(usual), f"{example.name}: {nasty!r}"

    def test_the_position_of_a_page_is_asked_for(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """Paging goes on: the next page's call differs from this one's, and no items end it where nothing is left."""
        for example in (example for example in examples if example.ask is not None):
            ask = example.asked(connector.readings()[example.capability])
            call = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))[-1]
            position = understand(connector, call, example.exchanges[-1].reply.reply(), ask.select).next_page
            if position is not None:
                following = first_call(connector, example.capability, msgspec.structs.replace(ask, after=position))
                assert as_request(following) != as_request(first_call(connector, example.capability, ask))
                said = (unquote(following.target), *(value for _, value in following.form or ()))
                assert any(position in each for each in said), f"{example.name}: {position}"

    def test_paged_capabilities_show_a_last_and_another_page(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """Of a listing that goes page by page there is an example of a page that is not the last, and of the last."""
        for capability in {"everyone", "search"} & set(connector.readings()):
            ends = set()
            for example in (example for example in examples if example.capability == capability):
                ask = example.asked(connector.readings()[capability])
                call = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))[-1]
                decoded = understand(connector, call, example.exchanges[-1].reply.reply(), ask.select)
                ends.add(decoded.next_page is None)
            assert ends == {True, False}, capability

    @pytest.mark.parametrize("status", STATUSES)
    def test_statuses_mean_what_http_means(self, connector: Connector, status: int) -> None:
        """A status is classified whatever the body holds, and nothing but a SourceError comes of it."""
        for body in BODIES:
            problem = connector.problem(Reply(status, ((b"retry-after", b"7"),), body))
            assert isinstance(problem, STATUSES[status]), body
            assert status not in {429, 503} or problem.retry_after == 7  # noqa: PLR2004 - the header above

    @pytest.mark.parametrize("strange", STRANGE)
    def test_strange_values_cost_no_more_than_this_source(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example], strange: object
    ) -> None:
        """Whatever stands in a reply, there are records or a SourceError: a mapping raises nothing else."""
        for example in (example for example in examples if example.ask is not None):
            call = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))[-1]
            answer = example.exchanges[-1].reply
            broken = Answer(status=answer.status, headers=answer.headers, body=replaced(answer.body, strange))
            with contextlib.suppress(SourceError):
                records_of(example, connector, call, broken.reply())

    def test_a_place_that_is_not_there_is_no_empty_answer(self, connector: Connector, examples: list[Example]) -> None:
        """404 means that there is no such record only where the path names one; else the address is wrong."""
        for example in (example for example in examples if example.ask is not None):
            call = first_call(connector, example.capability, example.asked(connector.readings()[example.capability]))
            named = any(key in unquote(call.path) for key in (example.ask.keys if example.ask else ()))
            assert named or not call.absent, example.name

    def test_success_is_no_problem(self, connector: Connector) -> None:
        """200, 201 and 204 are fine."""
        assert all(connector.problem(Reply(status, (), b"")) is None for status in (200, 201, 204))

    def test_reading_changes_nothing(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """No call of a reading is marked as a change, and the last call of every write is."""
        for example in examples:
            calls = rehearse(example.start(connector, loaded.manifest), recorded_replies(example))
            if example.ask is None:
                assert calls[-1].sends, example.name
                assert not calls[-1].absent, f"{example.name}: a write that found nothing has failed"
            else:
                assert not any(call.sends for call in calls), example.name

    def test_writes_are_as_safe_as_they_say(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """A key, a version or an id of our own goes along, as the declared safety needs."""
        for example in (example for example in examples if example.ask is None):
            act = example.acted(loaded.manifest)
            said = spoken(connector, example, msgspec.structs.replace(act, key="key-a", expected="version-a"))
            other = spoken(connector, example, msgspec.structs.replace(act, key="key-b", expected="version-b"))
            repeated = spoken(connector, example, msgspec.structs.replace(act, key="key-a", expected="version-a"))
            assert [as_request(call) for call in said] == [as_request(call) for call in repeated], example.name
            SAFETY_CHECKS[connector.doings()[example.capability].safety](said, other)

    def test_secrets_stay_out_of_addresses(
        self, connector: Connector, loaded: LoadedConnector, examples: list[Example]
    ) -> None:
        """A proof of identity stands in headers or the body, which nobody logs."""
        auth = type(connector).auth
        secrets = canary_secrets(auth)
        for example in examples:
            for call in rehearse(example.start(connector, loaded.manifest), recorded_replies(example)):
                if isinstance(auth, Signing):
                    proven = auth.sign(call, secrets, Moment(0.0, "nonce"))
                else:
                    proven = auth.apply(call, secrets)
                assert CANARY not in proven.target
                if not isinstance(auth, NoAuth):
                    assert proven != call, "no proof of identity was added"

    def test_select_is_honoured(self, connector: Connector, examples: list[Example]) -> None:
        """Asking for ids alone never asks for more than asking for everything."""
        for example in (example for example in examples if example.ask is not None):
            reading = connector.readings()[example.capability]
            ask = example.asked(reading)
            narrow = msgspec.structs.replace(ask, select=members_on_the_wire(reading, frozenset()))
            few, all_ = (first_call(connector, example.capability, each) for each in (narrow, ask))
            assert len(few.target) <= len(all_.target)


def canary_secrets(auth: Auth | Signing) -> dict[str, str]:
    """Make secrets that a search finds; whatever signs a JWT gets a key that is one."""
    secrets = {name: f"{CANARY}-{name}" for name in (*auth.needs, "access_token", "caller_token")}
    if isinstance(auth, JwtSigned | ClientAssertion):
        secrets[auth.key] = new_key(auth.algorithm)
    return secrets


def new_key(algorithm: str) -> str:
    """Make a private key for an algorithm, as PEM."""
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    return key.as_pem(private=True).decode()


def recorded_replies(example: Example) -> Iterator[Reply]:
    """Give the replies of an example, in their order."""
    return iter([each.reply.reply() for each in example.exchanges])


def first_call(connector: Connector, capability: str, ask: Ask) -> Call[Any]:
    """Return the call with which a conversation begins."""
    conversation = getattr(connector, capability)(ask)
    return conversation if isinstance(conversation, Call) else typing.cast("Call[Any]", next(conversation))


def call_for(connector: Connector, capability: str, ask: Ask, key: str) -> Call[Any] | None:
    """Return the call for another key; None where the connector refuses it as none of its product's."""
    try:
        return first_call(connector, capability, msgspec.structs.replace(ask, keys=(key,)))
    except SourceRejected:
        return None


def shape(call: Call[Any]) -> tuple[Any, ...]:
    """Return what an id must not change: the number of path segments, the names of parameters, the header names."""
    assert SAFE_TARGET.fullmatch(call.target), call.target
    path, _, query = call.target.partition("?")
    segments = path.split("/")
    assert not {".", ".."} & set(segments), path
    headers = [(name, "\r" in value or "\n" in value) for name, value in call.headers]
    form = [name for name, _ in parse_qsl(call.content()[0].decode(), keep_blank_values=True)] if call.form else []
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))]
    return len(segments), names, headers, form


async def replay(loaded: LoadedConnector, connector: Connector, example: Example) -> list[dict[str, Any]]:
    """Let an example happen over HTTP, against its own recorded replies."""
    with respx.mock(assert_all_called=True, using="httpx", base_url=BASE_URL) as router:
        for exchange in example.exchanges:
            answer = exchange.reply.reply()
            response = httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)
            router.request(exchange.request.method, path=unquote(exchange.request.path)).mock(return_value=response)
        async with httpx.AsyncClient() as client:
            secrets = canary_secrets(type(connector).auth)
            live = Live(loaded.manifest, connector, client, BASE_URL, secrets, {"access_token": CANARY})
            spoken_calls = await live.converse(example.start(connector, loaded.manifest))
    return [as_expected(record) for record in records_of(example, connector, *spoken_calls[-1])]


def of_one_member(connector: Connector, reading: Reading, example: Example, member: str) -> list[dict[str, Any]]:
    """Return the records of an example when one member alone is selected, from a reply that holds no more."""
    select = members_on_the_wire(reading, frozenset({member}))
    call = rehearse(
        getattr(connector, reading.name)(msgspec.structs.replace(example.asked(reading), select=select)),
        recorded_replies(example),
    )[-1]
    answer = example.exchanges[-1].reply
    stripped = Answer(status=answer.status, headers=answer.headers, body=strip(answer.body, call, select))
    items = understand(connector, call, stripped.reply(), select).items
    made = translate(items, reading.mappings, frozenset({member}))
    return [as_expected(record) for record in made]


def strip(body: Any, call: Call[Any], select: frozenset[str]) -> Any:
    """Take everything out of the items of a body that was not selected."""
    wanted = select | call.needs
    kept = {found.encode_name for found in msgspec.structs.fields(call.record) if found.name in wanted}

    def narrowed(item: Any) -> Any:
        return {name: value for name, value in item.items() if name in kept} if isinstance(item, dict) else item

    if call.items is None:
        beside = {found.encode_name for found in msgspec.structs.fields(call.envelope)} if call.envelope else set()
        return {name: value for name, value in body.items() if name in kept | beside}
    if not call.items:
        return [narrowed(item) for item in body]
    head, *rest = call.items
    inner = msgspec.structs.replace(call, items=tuple(rest))
    below = [narrowed(item) for item in body[head]] if not rest else strip(body[head], inner, select)
    return {**body, head: below}


def replaced(value: Any, strange: object) -> Any:
    """Put a strange value in the place of each value of its type, or of every value if it is None or an object."""
    if isinstance(value, dict):
        return {name: replaced(inner, strange) for name, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, strange) for inner in value]
    return strange if isinstance(value, type(strange)) or not isinstance(strange, str | int) else value


def spoken(connector: Connector, example: Example, act: Act) -> list[Call[Any]]:
    """Return the calls of a write."""
    return rehearse(getattr(connector, example.capability)(act), recorded_replies(example))


def check_key(said: Sequence[Call[Any]], other: Sequence[Call[Any]]) -> None:
    """Hold that the key goes along in a header of every call that changes something."""
    assert all("key-a" in str(call.headers) for call in said if call.sends)
    assert [call.headers for call in said] != [call.headers for call in other]


def check_version(said: Sequence[Call[Any]], other: Sequence[Call[Any]]) -> None:
    """Hold that the expected version goes along, in a header or in the body."""
    assert any("version-a" in f"{call.headers}{call.content()[0]!r}" for call in said if call.sends)
    assert [as_request(call) for call in said] != [as_request(call) for call in other]


def check_reference(said: Sequence[Call[Any]], other: Sequence[Call[Any]]) -> None:
    """Hold that what is made is named by the key, so that another key makes another record."""
    first, second = ([f"{call.target}{call.content()[0]!r}" for call in calls if call.sends] for calls in (said, other))
    assert all(mine != theirs for mine, theirs in zip(first, second, strict=True))


def check_nothing(said: Sequence[Call[Any]], other: Sequence[Call[Any]]) -> None:
    """No promise is made, so nothing is to be held."""


SAFETY_CHECKS = {
    WriteSafety.IDEMPOTENCY_KEY: check_key,
    WriteSafety.IF_MATCH: check_version,
    WriteSafety.UNIQUE_REFERENCE: check_reference,
    WriteSafety.NONE: check_nothing,
}
