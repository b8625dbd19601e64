"""What a caller may see of an error."""

from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, build_schema, get_operation_ast, parse, validate
from graphql.execution.values import get_variable_values
from tests.gateway.conftest import SECRET

from klantbeeld.errors import (
    Forbidden,
    Overloaded,
    RequestError,
    SourceTimeout,
    StoreError,
    Unanswered,
    Unauthenticated,
)
from klantbeeld.gateway.errors import (
    Refusal,
    mask_errors,
    refusal_body,
    refusal_headers,
    shown,
    shown_before_execution,
)
from klantbeeld.settings import Language
from klantbeeld.texts import say


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET), KeyError(SECRET), ExceptionGroup(SECRET, [ValueError(SECRET)])]
)
def test_an_unknown_exception_is_an_internal_error_without_its_text(error: Exception) -> None:
    assert shown(error, "en") == {
        "message": say("INTERNAL_ERROR", "en"),
        "extensions": {"code": "INTERNAL_ERROR", "retryable": False},
    }


def test_an_exception_inside_a_field_keeps_place_and_loses_text() -> None:
    error = GraphQLError(SECRET, path=["customer", 0, "name"], original_error=RuntimeError(SECRET))
    formatted = shown(error, "en")
    assert formatted["path"] == ["customer", 0, "name"]
    assert formatted["extensions"]["code"] == "INTERNAL_ERROR"
    assert SECRET not in str(formatted)


def test_a_source_error_shows_its_code_and_not_its_detail() -> None:
    formatted = shown(GraphQLError("", path=["late"], original_error=SourceTimeout(SECRET)), "en")
    assert formatted["extensions"]["code"] == "SOURCE_TIMEOUT"
    assert formatted["extensions"]["retryable"] is True
    assert SECRET not in str(formatted)


def test_an_unanswered_field_names_its_source() -> None:
    formatted = shown(Unanswered("SOURCE_TIMEOUT", source="billing", retryable=True), "en")
    assert formatted["extensions"] == {"code": "SOURCE_TIMEOUT", "retryable": True, "source": "billing"}
    assert "billing" in formatted["message"]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_refusal_speaks_the_language_of_the_caller(language: Language) -> None:
    formatted = shown(Refusal("TOO_MANY_ALIASES", limit=30), language)
    assert formatted["message"] == say("TOO_MANY_ALIASES", language, limit=30)
    assert formatted["extensions"] == {"code": "TOO_MANY_ALIASES", "retryable": False, "limit": 30}


def test_a_refusal_shows_its_place() -> None:
    formatted = shown(Refusal("BAD_REQUEST", place="variables", locations=[{"line": 1, "column": 2}]), "en")
    assert formatted["extensions"]["place"] == "variables"
    assert formatted["locations"] == [{"line": 1, "column": 2}]


def test_what_a_field_refuses_shows_the_place_that_is_to_be_mended() -> None:
    error = GraphQLError("x", original_error=RequestError(SECRET, code="BAD_USER_INPUT", place="phone"))
    formatted = shown(error, "en")
    assert formatted["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False, "place": "phone"}
    assert SECRET not in str(formatted)


def test_what_is_allowed_is_said_in_words_and_for_programs() -> None:
    error = GraphQLError("x", original_error=RequestError("", code="BAD_USER_INPUT", place="by", allowed=("a", "b")))
    formatted = shown(error, "nl")
    assert formatted["message"] == "Een waarde in het verzoek is niet geldig. Toegestaan: a, b."
    assert formatted["extensions"]["allowed"] == ["a", "b"]


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Give exactly one of: a, b."), ("nl", "Geef precies één van: a, b.")]
)
def test_where_one_of_several_is_wanted_it_is_said_so(language: Language, said: str) -> None:
    refused = RequestError("", code="BAD_USER_INPUT", place="by", allowed=("a", "b"), exactly_one=True)
    formatted = shown(GraphQLError("x", original_error=refused), language)
    assert formatted["message"].endswith(said)
    assert formatted["extensions"]["allowed"] == ["a", "b"]


def test_a_code_without_words_keeps_its_code() -> None:
    assert shown(Forbidden("", code="NO_WORDS_FOR_THIS"), "en")["extensions"]["code"] == "NO_WORDS_FOR_THIS"


def test_a_syntax_error_shows_graphql_cores_words_and_place() -> None:
    with pytest.raises(GraphQLSyntaxError) as caught:
        parse("{ a(")
    formatted = shown(caught.value, "en")
    assert formatted["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert formatted["message"].startswith("Syntax Error")
    assert formatted["locations"] == [{"line": 1, "column": 5}]


def test_a_document_that_does_not_fit_the_schema_is_a_validation_error() -> None:
    errors = validate(build_schema("type Query { a: Int }"), parse("{ b }"))
    (formatted,) = shown_before_execution(errors, "en")
    assert formatted["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "'b'" in formatted["message"]


@pytest.mark.parametrize("given", [{}, {"a": None}, {"a": "text"}, {"a": [1]}])
def test_a_wrong_variable_is_the_users_input(given: dict[str, Any]) -> None:
    schema = build_schema("type Query { f(a: Int!): Int }")
    operation = get_operation_ast(parse("query ($a: Int!) { f(a: $a) }"))
    assert operation is not None
    errors = get_variable_values(schema, operation.variable_definitions or (), given)
    assert isinstance(errors, list)
    (formatted,) = shown_before_execution(errors, "en")
    assert formatted["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$a" in formatted["message"]


def test_what_a_scalar_raised_is_not_shown() -> None:
    error = GraphQLError(f"Variable '$a' has invalid value: {SECRET}", original_error=ValueError(SECRET))
    (formatted,) = shown_before_execution([error], "en")
    assert formatted["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False, "place": "$a"}
    assert SECRET not in str(formatted)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        ({"message": "words", "extensions": {"code": "SOURCE_TIMEOUT"}}, True),
        ({"message": SECRET, "path": ["a"]}, False),
        ({"message": SECRET, "extensions": {"code": "MADE_UP"}}, False),
        ({"message": SECRET, "extensions": "SOURCE_TIMEOUT"}, False),
        (RuntimeError(SECRET), False),
        (SECRET, False),
    ],
)
def test_only_what_was_masked_passes(error: object, *, passes: bool) -> None:
    (masked,) = mask_errors([error], "en")
    assert (masked == error) is passes
    assert SECRET not in str(masked)


def test_a_masked_error_keeps_its_path() -> None:
    assert mask_errors([{"message": SECRET, "path": ["a", 1]}], "en")[0]["path"] == ["a", 1]


def test_a_refused_request_has_no_data() -> None:
    assert b'"data"' not in refusal_body(StoreError(SECRET), "en")


def test_headers_go_with_a_refusal() -> None:
    unauthenticated = Unauthenticated("")
    assert refusal_headers(unauthenticated) == ((b"www-authenticate", b"Bearer"),)
    unauthenticated.challenge = 'Bearer realm="r"'
    assert refusal_headers(unauthenticated) == ((b"www-authenticate", b'Bearer realm="r"'),)
    assert refusal_headers(Overloaded("", retry_after=7)) == ((b"retry-after", b"7"),)
    assert refusal_headers(Refusal("X", headers=((b"allow", b"GET"),))) == ((b"allow", b"GET"),)
    assert refusal_headers(RuntimeError()) == ()
