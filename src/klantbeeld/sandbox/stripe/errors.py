"""Refusals as the Stripe API words them: ``{"error": {"type", "code", "message", "param", "doc_url"}}``."""

from collections.abc import Mapping
from typing import Any

CODES = "https://stripe.com/docs/error-codes/"
INVALID = "invalid_request_error"
IDEMPOTENCY = "idempotency_error"
CARD = "card_error"


class ApiError(Exception):
    """The request is answered with this status and error object.

    ``is_execution`` says that the endpoint had begun its work, so that an idempotency key remembers the refusal.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        is_execution: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.more = dict(more or {})
        self.headers = dict(headers or {})
        self.is_execution = is_execution

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that the API sends; members that say nothing are left out."""
        error = {
            "code": self.code,
            "doc_url": CODES + self.code.replace("_", "-") if self.code else None,
            "message": self.message,
            "param": self.param,
            "type": self.kind,
            **self.more,
        }
        return {"error": {name: value for name, value in error.items() if value is not None}}


def no_such(kind: str, object_id: str, *, param: str = "id") -> ApiError:
    """Return the refusal for an object that is not there: 404 for the URL's own, 400 for one a parameter names."""
    return ApiError(
        f"No such {kind.replace('_', ' ')}: '{object_id}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
        is_execution=True,
    )


def refused(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """Return the 400 of a rule of the endpoint itself."""
    return ApiError(message, code=code, param=param, is_execution=True)
