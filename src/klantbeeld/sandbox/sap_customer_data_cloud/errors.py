"""Errors of SAP Customer Data Cloud: a code in the body of a 200, from its list of response codes."""

from collections.abc import Sequence
from typing import Any

MESSAGES = {
    400002: "Missing required parameter",
    400003: "Unique identifier exists",
    400004: "Invalid parameter format",
    400006: "Invalid parameter value",
    400009: "Validation error",
    400093: "Invalid ApiKey parameter",
    403002: "Request has expired",
    403003: "Invalid request signature",
    403004: "Duplicate nonce",
    403005: "Unauthorized user",
    403048: "Api rate limit exceeded",
    404000: "Not found",
}
REASONS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


class GigyaError(Exception):
    """A call that ends with an error code. ``details`` says which parameter or rule it was."""

    def __init__(self, code: int, details: str | None = None, *, validation: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(MESSAGES[code])
        self.code = code
        self.details = details or MESSAGES[code]
        self.validation = validation

    def body(self) -> dict[str, Any]:
        """Return what the answer says beside its call id and time."""
        status = self.code // 1000
        shown: dict[str, Any] = {
            "errorCode": self.code,
            "errorDetails": self.details,
            "errorMessage": MESSAGES[self.code],
            "apiVersion": 2,
            "statusCode": status,
            "statusReason": REASONS[status],
        }
        if self.validation:
            shown["validationErrors"] = [
                {"errorCode": 400006, "message": message, "fieldName": field} for field, message in self.validation
            ]
        return shown


def missing(parameter: str) -> GigyaError:
    """Say that a parameter is missing."""
    return GigyaError(400002, f"Missing required parameter: {parameter}")


def wrong(parameter: str, why: str) -> GigyaError:
    """Say that a parameter has a value that it cannot have."""
    return GigyaError(400006, f"Invalid parameter value: {parameter}: {why}")
