"""The one place where an exception becomes a GraphQL error that a caller may read.

A text comes from `texts.toml` by code and language. The text of an exception never leaves, except where
graphql-core speaks of the caller's own document (syntax, validation, variables).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLError, GraphQLSyntaxError

from klantbeeld.errors import KlantbeeldError, Overloaded, RequestError, SourceError, Unanswered, Unauthenticated
from klantbeeld.gateway.variables import NO_CHOICES, Choices, allowed_by, place_of, without_value
from klantbeeld.settings import Language
from klantbeeld.texts import codes, say

INTERNAL_ERROR: Final = "INTERNAL_ERROR"

FormattedError = dict[str, Any]
Headers = tuple[tuple[bytes, bytes], ...]


class Refusal(RequestError):
    """A request that the gateway refuses before the engine sees it.

    `place` says where (a member of the request, a header, a JSON offset), `locations` where in the document,
    `values` fill the text's placeholders, and `headers` go with the answer.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int = 400,
        place: str | None = None,
        allowed: Sequence[str] = (),
        locations: Sequence[Mapping[str, int]] = (),
        headers: Headers = (),
        **values: object,
    ) -> None:
        super().__init__(
            f"{code} at {place}" if place else code, code=code, status=status, place=place, allowed=allowed
        )
        self.locations = [dict(location) for location in locations]
        self.headers = headers
        self.values = values


def shown(error: BaseException, language: Language) -> FormattedError:
    """Give what a caller may see of an error: `message`, `locations`, `path`, `extensions`.

    A GraphQLError around another exception shows that exception's code at its own place. A GraphQLError of its own is
    graphql-core's word about the caller's document and is shown as it stands.
    """
    if not isinstance(error, GraphQLError):
        return _by_code(error, language)
    cause = error.original_error
    if isinstance(cause, GraphQLError):  # an argument that the value of a variable does not fit
        formatted: FormattedError = {"message": cause.message} | _coded("BAD_USER_INPUT")
    else:
        formatted = _by_code(cause, language) if cause is not None else _of_graphql(error)
    formatted |= _locations(error)
    if error.path is not None:
        formatted["path"] = list(error.path)
    return formatted


def shown_before_execution(
    errors: Iterable[GraphQLError], language: Language, *, choices: Choices = NO_CHOICES
) -> list[FormattedError]:
    """Give what a caller may see of errors in its document or variables.

    A value that a scalar refused is BAD_USER_INPUT at its place, without the text of what was raised there. `choices`
    are those of the schema, which say what is allowed instead.
    """
    return [_before_execution(error, language, choices) for error in errors]


def refusal_body(error: BaseException, language: Language) -> bytes:
    """Give the response map of a request that was refused as a whole."""
    return msgspec.json.encode({"errors": [shown(error, language)]})


def refusal_status(error: BaseException) -> int:
    """Give the status of a request that was refused as a whole, or failed."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, KlantbeeldError) and error.retryable else 500


def refusal_headers(error: BaseException) -> Headers:
    """Give the headers that go with a refusal: its own, `Retry-After`, `WWW-Authenticate`."""
    if isinstance(error, Refusal):
        return error.headers
    if isinstance(error, Overloaded):
        return ((b"retry-after", str(error.retry_after).encode()),)
    if isinstance(error, Unauthenticated):
        return ((b"www-authenticate", (error.challenge or "Bearer").encode("latin-1")),)
    return ()


def mask_errors(errors: Iterable[object], language: Language) -> list[FormattedError]:
    """Mask a list of errors, some formatted and some not.

    A formatted error passes if it carries a code of ours: nothing but this module gives one.
    """
    return [_masked(error, language) for error in errors]


def _masked(error: object, language: Language) -> FormattedError:
    if isinstance(error, BaseException):
        return shown(error, language)
    if isinstance(error, Mapping):
        extensions = error.get("extensions")
        if isinstance(extensions, Mapping) and extensions.get("code") in codes():
            return dict(error)
        kept = {key: error[key] for key in ("locations", "path") if key in error}
        return _internal(language) | kept
    return _internal(language)


def _by_code(error: BaseException, language: Language) -> FormattedError:
    if not isinstance(error, KlantbeeldError):
        return _internal(language)
    code = error.reason if isinstance(error, RequestError | Unanswered) else type(error).code
    retryable = error.may_retry if isinstance(error, Unanswered) else type(error).retryable
    extensions: dict[str, Any] = {"code": code, "retryable": retryable}
    if error.write_status is not None:
        extensions["status"] = error.write_status
    values: dict[str, object] = {}
    formatted: FormattedError = {"extensions": extensions}
    if isinstance(error, Refusal):
        values = error.values
        extensions.update(values)
        if error.locations:
            formatted["locations"] = error.locations
    allowed: Sequence[str] = ()
    exactly_one = False
    if isinstance(error, RequestError):
        extensions |= {"place": error.place} if error.place is not None else {}
        allowed, exactly_one = error.allowed, error.exactly_one
    source = error.source_name if isinstance(error, Unanswered) else None
    if source or isinstance(error, SourceError):
        values = {"source": source or "?"}
        extensions["source"] = values["source"]
    return _saying({"message": _words(code, language, values)} | formatted, allowed, language, exactly_one=exactly_one)


def _saying(
    formatted: FormattedError, allowed: Sequence[str], language: Language, *, exactly_one: bool = False
) -> FormattedError:
    """Say what is allowed at the place of an error, where that is known: in words, and for programs."""
    if not allowed:
        return formatted
    said = say("EXACTLY_ONE_OF" if exactly_one else "ALLOWED", language, allowed=", ".join(allowed))
    extensions = formatted["extensions"] | {"allowed": list(allowed)}
    return formatted | {"message": f"{formatted['message']} {said}", "extensions": extensions}


def _words(code: str, language: Language, values: Mapping[str, object]) -> str:
    """Give a code's words; a code or a value that is missing must not turn a refusal into a failure."""
    try:
        return say(code, language, **values)
    except KeyError:
        return say(INTERNAL_ERROR, language)


def _before_execution(error: GraphQLError, language: Language, choices: Choices) -> FormattedError:
    cause = error.original_error
    while isinstance(cause, GraphQLError):  # graphql-core's own word, said again with the variable's name
        cause = cause.original_error
    if isinstance(cause, KlantbeeldError):
        formatted = _by_code(cause, language)
    elif cause is None:
        formatted = _saying(_of_graphql(error), allowed_by(error.message, choices), language)
    else:
        place, allowed = place_of(error.message), allowed_by(error.message, choices)
        formatted = _by_code(Refusal("BAD_USER_INPUT", place=place, allowed=allowed), language)
    return formatted | _locations(error)


def _of_graphql(error: GraphQLError) -> FormattedError:
    given = (error.extensions or {}).get("code")
    if not isinstance(given, str):
        given = "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
        if place := place_of(error.message):
            extensions = {"code": "BAD_USER_INPUT", "retryable": False, "place": place}
            return {"message": without_value(error.message), "extensions": extensions}
    return {"message": error.message, "extensions": {"code": given, "retryable": False}}


def _locations(error: GraphQLError) -> FormattedError:
    if not error.locations:
        return {}
    return {"locations": [{"line": at.line, "column": at.column} for at in error.locations]}


def _internal(language: Language) -> FormattedError:
    return {"message": say(INTERNAL_ERROR, language), "extensions": {"code": INTERNAL_ERROR, "retryable": False}}


def _coded(code: str) -> FormattedError:
    return {"extensions": {"code": code, "retryable": False}}
