"""The words that people read."""

import pytest
from pydantic import ValidationError

from klantbeeld import errors
from klantbeeld.texts import codes, error_codes, read_texts, say, texts


def test_a_code_speaks_both_languages() -> None:
    assert say("SOURCE_TIMEOUT", "en", source="billing") == "The source billing did not answer in time."
    assert say("SOURCE_TIMEOUT", "nl", source="billing") == "De bron billing antwoordde niet op tijd."


def test_values_that_a_text_does_not_need_are_ignored() -> None:
    assert say("APPLIED", "nl", source="billing") == "De wijziging is doorgevoerd."


def test_an_unknown_code_raises() -> None:
    with pytest.raises(KeyError):
        say("NO_SUCH_CODE", "en")


def test_a_placeholder_without_a_value_raises() -> None:
    with pytest.raises(KeyError):
        say("SOURCE_TIMEOUT", "en")


@pytest.mark.parametrize("toml", ['[A]\nen = "x"', '[A]\nnl = "x"', '[A]\nen = "x"\nnl = ""', '[a]\nen="x"\nnl="x"'])
def test_a_code_without_both_languages_does_not_load(toml: str) -> None:
    with pytest.raises(ValidationError):
        read_texts(toml)


def test_placeholders_that_differ_between_languages_do_not_load() -> None:
    with pytest.raises(ValidationError, match="differ"):
        read_texts('[A]\nen = "{a}"\nnl = "{b}"')


def test_a_placeholder_that_reaches_into_its_value_does_not_load() -> None:
    with pytest.raises(ValidationError, match="plain name"):
        read_texts('[A]\nen = "{a.b}"\nnl = "{a.b}"')


def test_every_exception_has_an_error_code_with_words() -> None:
    assert {error.code for error in _tree(errors.KlantbeeldError)} <= error_codes()


def test_error_codes_are_codes() -> None:
    assert error_codes() < codes() == frozenset(texts())


def test_english_and_dutch_are_not_the_same_words() -> None:
    assert [code for code, text in texts().items() if text.en == text.nl] == []


def _tree(root: type[errors.KlantbeeldError]) -> list[type[errors.KlantbeeldError]]:
    return [root, *(below for child in root.__subclasses__() for below in _tree(child))]
