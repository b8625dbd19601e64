"""Documents are read once, share what they have in common, and are kept within bounds."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from graphql import DocumentNode, parse
from tests.engine.house import SCHEMA

from klantbeeld.cli.views import view
from klantbeeld.engine.documents import Asked, Documents, Invalid
from klantbeeld.engine.scanning import scan
from klantbeeld.engine.share import Share
from klantbeeld.errors import Overloaded, RequestError
from klantbeeld.settings import DocumentSettings

CORE = SCHEMA._schema

pytestmark = pytest.mark.asyncio


class Parsing:
    """Parses, and remembers what."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> DocumentNode:
        self.texts.append(text)
        return parse(text)


Make = Callable[..., Documents]


@pytest.fixture
def parsing() -> Parsing:
    return Parsing()


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def make(parsing: Parsing, heard: list[str]) -> Make:
    def documents(*, burst: float = 1000.0, trusted: tuple[str, ...] = (), **more: Any) -> Documents:
        settings = DocumentSettings(**more)
        share = Share(share=1e-9, burst=burst, most_waiting=10)
        return Documents(CORE, parsing, settings, share=share, most_tokens=1_000, trusted=trusted, heard=heard.append)

    return documents


async def get(documents: Documents, text: str) -> Asked:
    return documents.known(text) or await documents.read(text)


def named(number: int) -> str:
    return f"query Q{number} {{ me {{ id }} }}"


def of(number: int) -> str:
    return f'{{ customer(id: "{number}") {{ id }} }}'


async def test_a_document_is_kept_when_it_comes_again(make: Make, parsing: Parsing) -> None:
    documents = make()
    first, second, third = [await get(documents, named(1)) for _ in range(3)]
    assert parsing.texts == [named(1)] * 2
    assert [first.recurs, second.recurs, third.recurs] == [False, True, True]
    assert second is third


async def test_documents_that_differ_in_literals_share_one_from_the_second_on(
    make: Make, parsing: Parsing, heard: list[str]
) -> None:
    documents = make()
    first, second, third = [await get(documents, of(number)) for number in range(3)]
    assert parsing.texts == [of(0)] * 2  # once for itself, once as a template
    assert second.document is third.document is not first.document
    assert [second.literals, third.literals] == [{"literal_0": "1"}, {"literal_0": "2"}]
    assert [first.recurs, second.recurs, third.recurs] == [False, True, True]
    assert heard == ["new", "shared", "shared"]


async def test_what_shares_a_document_and_comes_again_is_not_looked_at_again(make: Make, heard: list[str]) -> None:
    documents = make()
    for number in (0, 1, 1):
        await get(documents, of(number))
    assert heard == ["new", "shared"]


async def test_a_literal_that_does_not_fit_is_refused_in_the_words_for_the_document_itself(make: Make) -> None:
    documents = make()
    for number in range(2):
        await get(documents, of(number))
    text = "{ customer(id: 1.5) { id } }"
    with pytest.raises(Invalid) as caught:
        await get(documents, text)
    with pytest.raises(Invalid) as alone:
        await get(make(), text)
    assert [str(error) for error in caught.value.errors] == [str(error) for error in alone.value.errors]
    assert "1.5" in str(caught.value.errors[0])


async def test_documents_that_ask_one_key_twice_do_not_share(make: Make, parsing: Parsing) -> None:
    documents = make()
    texts = [f'{{ customer(id: "{n}") {{ id }} customer(id: "{n}") {{ redirectedFrom }} }}' for n in range(3)]
    for text in texts:
        assert (await get(documents, text)).literals == {}
    assert parsing.texts == [texts[0], texts[0], *texts[1:]]


async def test_beyond_the_share_unknown_documents_are_refused_and_known_ones_are_not(
    make: Make, heard: list[str]
) -> None:
    trusted = "query Trusted { me { id } }"
    documents = make(burst=1e-9, trusted=(trusted,))
    await get(documents, named(0))
    with pytest.raises(Overloaded) as caught:
        await get(documents, named(1))
    assert caught.value.status == 429
    assert (await get(documents, named(0))).recurs
    assert (await get(documents, trusted)).recurs
    assert heard == ["new", "refused"]


async def test_a_new_document_that_many_send_at_once_is_read_for_all_of_them(make: Make, parsing: Parsing) -> None:
    documents = make()
    asked = await asyncio.gather(*(get(documents, named(1)) for _ in range(50)))
    assert parsing.texts == [named(1)] * 2  # when it is seen first, and when it is kept
    assert [one.recurs for one in asked] == [False] + [True] * 49
    assert len({one.document.number for one in asked}) == 2


async def test_new_documents_of_one_shape_that_come_at_once_are_read_for_all_of_them(
    make: Make, parsing: Parsing
) -> None:
    documents = make()
    asked = await asyncio.gather(*(get(documents, of(number)) for number in range(50)))
    assert parsing.texts == [of(0)] * 2
    assert len({one.document.number for one in asked}) == 2


async def test_what_is_wrong_is_said_to_all_who_send_it_at_once(make: Make) -> None:
    documents = make()
    found = await asyncio.gather(*(get(documents, "{ nothing }") for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in found] == [Invalid] * 5


async def test_who_reads_a_document_for_others_may_go(make: Make) -> None:
    documents = make()
    first, *others = [asyncio.create_task(get(documents, named(1))) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    assert [one.document.operations.keys() for one in await asyncio.gather(*others)] == [{"Q1"}] * 2


async def test_what_is_trusted_or_was_seen_waits_for_no_reading_of_a_strangers(make: Make) -> None:
    documents = make(trusted=(named(1),))
    await get(documents, named(2))
    for number in (1, 2):
        shape = scan(named(number), most_tokens=1_000).shape
        async with documents._alone(shape), asyncio.timeout(5):
            assert (await get(documents, named(number))).recurs


async def test_an_operation_without_a_name_has_none_that_is_empty(make: Make) -> None:
    document = (await get(make(), "{ me { id } }")).document
    with pytest.raises(RequestError) as caught:
        document.operation("")
    assert caught.value.reason == "OPERATION_NOT_FOUND"


async def test_a_document_of_a_known_shape_is_not_refused(make: Make) -> None:
    documents = make(burst=1e-9)
    await get(documents, of(0))
    assert (await get(documents, of(1))).literals == {"literal_0": "1"}
    assert (await get(documents, of(2))).literals == {"literal_0": "2"}


async def test_trusted_documents_are_known_from_the_start_and_stay(
    make: Make, parsing: Parsing, heard: list[str]
) -> None:
    trusted = tuple(named(number) for number in range(20))
    documents = make(trusted=trusted, most_documents=8, most_new=1)
    asked = [await get(documents, text) for text in (*trusted, *trusted)]
    assert all(one.recurs for one in asked)
    assert parsing.texts == list(trusted)
    assert heard == []


async def test_documents_that_came_again_are_not_driven_out_by_new_ones(make: Make, parsing: Parsing) -> None:
    documents = make(most_documents=8, most_new=2)
    for _ in range(2):
        await get(documents, named(0))
    for number in range(1, 50):
        await get(documents, named(number))
    parsing.texts.clear()
    await get(documents, named(0))
    await get(documents, named(1))
    assert parsing.texts == [named(1)]


async def test_bytes_are_a_bound_too(make: Make, parsing: Parsing) -> None:
    documents = make(most_documents=100_000, document_bytes=1_048_576)
    texts = [f"query Q{number} {{ me {{ {'id ' * 100} }} }}" for number in range(30)]
    for text in texts:
        await get(documents, text)
        await get(documents, text)
    parsing.texts.clear()
    await get(documents, texts[-1])
    await get(documents, texts[0])
    assert parsing.texts == [texts[0]]


async def test_a_digest_does_not_tell_literals(make: Make) -> None:
    documents = make()
    digests = {(await get(documents, of(number))).document.digest for number in range(3)}
    assert len(digests) == 1


async def test_of_several_operations_one_has_to_be_named(make: Make) -> None:
    document = (await get(make(), "query A { me { id } } query B { me { id } }")).document
    for name, code in ((None, "OPERATION_NAME_MISSING"), ("C", "OPERATION_NOT_FOUND")):
        with pytest.raises(RequestError) as caught:
            document.operation(name)
        assert (caught.value.reason, caught.value.place) == (code, "operationName")
        assert caught.value.allowed == ["A", "B"]
    assert document.operation("B").name


@pytest.mark.parametrize("text", [view("service-call"), f"{{ me {{ {'id ' * 100} }} }}", "{ me { id } }"])
async def test_the_estimate_of_a_documents_size_is_near_what_it_takes(make: Make, text: str) -> None:
    documents = make()
    await get(documents, text)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [await get(documents, f"{text} # {number}") for number in range(5)]
        gc.collect()
        taken = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()
    assert 0.4 < kept[0].document.size / taken < 2.5
