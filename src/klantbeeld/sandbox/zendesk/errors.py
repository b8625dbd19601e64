"""Zendesk's errors, each in the body that Zendesk gives it."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that ends here with an error answer."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body.get("error"))
        self.response = JSONResponse(body, status, headers)


def not_found() -> Refused:
    """Say that no record has this id."""
    return Refused(404, {"error": "RecordNotFound", "description": "Not found"})


def no_endpoint() -> Refused:
    """Say that nothing answers at this path."""
    return Refused(404, {"error": "InvalidEndpoint", "description": "Not found"})


def not_authenticated() -> Refused:
    """Say that the credentials are missing or wrong."""
    return Refused(401, {"error": "Couldn't authenticate you"}, {"WWW-Authenticate": 'Basic realm="Web Password"'})


def too_many_requests(seconds: int, limit: int) -> Refused:
    """Say that the minute's requests are used up."""
    body = {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}
    headers = {"Retry-After": str(seconds), "X-Rate-Limit": str(limit), "X-Rate-Limit-Remaining": "0"}
    return Refused(429, body, headers)


def bad_attribute(name: str, wanted: str) -> Refused:
    """Say that a path or query parameter is not of its type."""
    message = f"You passed an invalid value for the {name} attribute. Invalid parameter: {name} must be {wanted}"
    return Refused(400, {"error": {"title": "Invalid attribute", "message": message}})


def bad_body(description: str) -> Refused:
    """Say that the body is no JSON object with the wanted member."""
    return Refused(422, {"error": "Unprocessable Entity", "description": description})


def invalid(details: Mapping[str, Sequence[tuple[str, str]]]) -> Refused:
    """Say for each attribute of a record its error and what is wrong."""
    return Refused(
        422,
        {
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {
                attribute: [
                    {"error": error, "description": f"{attribute.capitalize()}: {text}"} for error, text in found
                ]
                for attribute, found in details.items()
            },
        },
    )


def update_conflict() -> Refused:
    """Say that the ticket was changed since the caller read it (``safe_update``)."""
    description = (
        "Safe Update prevented the update due to outdated ticket data. "
        "Please fetch the latest ticket data and try again."
    )
    return Refused(409, {"error": "UpdateConflict", "description": description})


def key_reused() -> Refused:
    """Say that an idempotency key came back with another request."""
    description = "The idempotency key was used before with other parameters."
    return Refused(400, {"error": "IdempotentRequestError", "description": description})


def start_too_recent() -> Refused:
    """Say that an incremental export leaves the last minute out."""
    description = "Too recent start_time. Use a start_time older than 60 seconds"
    return Refused(422, {"error": "StartTimeTooRecent", "description": description})
