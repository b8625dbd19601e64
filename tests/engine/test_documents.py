"""Documents are read once, share what they have in common, and are kept within bounds."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from graphql import DocumentNode, parse
from tests.engine.house import SCHEMA

from klantbeeld.cli.views import view
from klantbeeld.engine.documents import Documents, Invalid
from klantbeeld.engine.share import Share
from klantbeeld.errors import Overloaded, RequestError
from klantbeeld.settings import DocumentSettings

CORE = SCHEMA._schema


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
        share = Share(share=1e-9, burst=burst)
        return Documents(CORE, parsing, settings, share=share, most_tokens=1_000, trusted=trusted, heard=heard.append)

    return documents


def named(number: int) -> str:
    return f"query Q{number} {{ me {{ id }} }}"


def of(number: int) -> str:
    return f'{{ customer(id: "{number}") {{ id }} }}'


def test_a_document_is_read_once_and_recurs_when_it_comes_again(make: Make, parsing: Parsing) -> None:
    documents = make()
    first, second, third = (documents.get(named(1)) for _ in range(3))
    assert parsing.texts == [named(1)]
    assert [first.recurs, second.recurs, third.recurs] == [False, True, True]
    assert first.document is second.document is third.document


def test_documents_that_differ_in_literals_share_one_from_the_second_on(
    make: Make, parsing: Parsing, heard: list[str]
) -> None:
    documents = make()
    first, second, third = (documents.get(of(number)) for number in range(3))
    assert parsing.texts == [of(0)]
    assert second.document is third.document is not first.document
    assert [second.literals, third.literals] == [{"literal_0": "1"}, {"literal_0": "2"}]
    assert [first.recurs, second.recurs, third.recurs] == [False, True, True]
    assert heard == ["new", "shared", "shared"]


def test_what_shares_a_document_and_comes_again_is_not_looked_at_again(make: Make, heard: list[str]) -> None:
    documents = make()
    for number in (0, 1, 1):
        documents.get(of(number))
    assert heard == ["new", "shared"]


def test_a_literal_that_does_not_fit_is_refused_in_the_words_for_the_document_itself(make: Make) -> None:
    documents = make()
    for number in range(2):
        documents.get(of(number))
    text = "{ customer(id: 1.5) { id } }"
    with pytest.raises(Invalid) as caught:
        documents.get(text)
    with pytest.raises(Invalid) as alone:
        make().get(text)
    assert [str(error) for error in caught.value.errors] == [str(error) for error in alone.value.errors]
    assert "1.5" in str(caught.value.errors[0])


def test_documents_that_ask_one_key_twice_do_not_share(make: Make, parsing: Parsing) -> None:
    documents = make()
    texts = [f'{{ customer(id: "{n}") {{ id }} customer(id: "{n}") {{ redirectedFrom }} }}' for n in range(3)]
    for text in texts:
        assert documents.get(text).literals == {}
    assert parsing.texts == texts


def test_beyond_the_share_unknown_documents_are_refused_and_known_ones_are_not(make: Make, heard: list[str]) -> None:
    trusted = "query Trusted { me { id } }"
    documents = make(burst=1e-9, trusted=(trusted,))
    documents.get(named(0))
    with pytest.raises(Overloaded) as caught:
        documents.get(named(1))
    assert caught.value.status == 429
    assert documents.get(named(0)).recurs
    assert documents.get(trusted).recurs
    assert heard == ["new", "refused"]


def test_a_document_of_a_known_shape_is_not_refused(make: Make) -> None:
    documents = make(burst=1e-9)
    documents.get(of(0))
    assert documents.get(of(1)).literals == {"literal_0": "1"}
    assert documents.get(of(2)).literals == {"literal_0": "2"}


def test_trusted_documents_are_known_from_the_start_and_stay(make: Make, parsing: Parsing, heard: list[str]) -> None:
    trusted = tuple(named(number) for number in range(20))
    documents = make(trusted=trusted, most_documents=8)
    asked = [documents.get(text) for text in (*trusted, *trusted)]
    assert all(one.recurs for one in asked)
    assert parsing.texts == list(trusted)
    assert heard == []


def test_documents_that_came_again_are_not_driven_out_by_new_ones(make: Make, parsing: Parsing) -> None:
    documents = make(most_documents=8)
    for _ in range(2):
        documents.get(named(0))
    for number in range(1, 50):
        documents.get(named(number))
    parsing.texts.clear()
    documents.get(named(0))
    documents.get(named(1))
    assert parsing.texts == [named(1)]


def test_bytes_are_a_bound_too(make: Make, parsing: Parsing) -> None:
    documents = make(most_documents=100_000, document_bytes=1_048_576)
    texts = [f"query Q{number} {{ me {{ {'id ' * 100} }} }}" for number in range(30)]
    for text in texts:
        documents.get(text)
        documents.get(text)
    parsing.texts.clear()
    documents.get(texts[-1])
    documents.get(texts[0])
    assert parsing.texts == [texts[0]]


def test_a_digest_does_not_tell_literals(make: Make) -> None:
    documents = make()
    digests = {documents.get(of(number)).document.digest for number in range(3)}
    assert len(digests) == 1


def test_of_several_operations_one_has_to_be_named(make: Make) -> None:
    document = make().get("query A { me { id } } query B { me { id } }").document
    for name, code in ((None, "OPERATION_NAME_MISSING"), ("C", "OPERATION_NOT_FOUND")):
        with pytest.raises(RequestError) as caught:
            document.operation(name)
        assert (caught.value.reason, caught.value.place) == (code, "operationName")
    assert document.operation("B").name


@pytest.mark.parametrize("text", [view("service-call"), f"{{ me {{ {'id ' * 100} }} }}", "{ me { id } }"])
def test_the_estimate_of_a_documents_size_is_near_what_it_takes(make: Make, text: str) -> None:
    documents = make()
    documents.get(text)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [documents.get(f"{text} # {number}") for number in range(5)]
        gc.collect()
        taken = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()
    assert 0.4 < kept[0].document.size / taken < 2.5
