"""Refusals as the Dataverse Web API words them: ``{"error": {"code", "message"}}`` with the platform's hex codes.

Codes and messages follow the platform's documentation (Web API client errors, service protection limits,
conditional operations).
"""

from collections.abc import Mapping

OBJECT_DOES_NOT_EXIST = "0x80040217"
DUPLICATE_KEY = "0x80040237"
BAD_REQUEST = "0x80060888"
UNKNOWN_SEGMENT = "0x8006088a"
VERSION_MISMATCH = "0x80060882"
KEY_EXISTS = "0x80060892"
KEY_NOT_FOUND = "0x80060891"
TOO_MANY_REQUESTS = "0x80072322"
UNSPECIFIED = "0x0"


class Refused(Exception):
    """The request is answered with this status and error body."""

    def __init__(
        self, status: int, message: str, *, code: str = UNSPECIFIED, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """The JSON object that the platform sends."""
        return {"error": {"code": self.code, "message": self.message}}


def no_such_row(table: str, key: str) -> Refused:
    """Return the 404 for a row that is not there."""
    message = f"Entity '{table}' With Id = {key} Does Not Exist"
    return Refused(404, message, code=OBJECT_DOES_NOT_EXIST)


def no_such_property(name: str, table: str) -> Refused:
    """Return the 400 for a column that the table does not have; names are case-sensitive."""
    return Refused(400, f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def version_mismatch() -> Refused:
    """Return the 412 for a row that changed since the version in If-Match."""
    message = "The version of the existing record doesn't match the RowVersion property provided."
    return Refused(412, message, code=VERSION_MISMATCH)


def bad_query(message: str) -> Refused:
    """Return the 400 for a query that cannot be understood."""
    return Refused(400, message, code=BAD_REQUEST)
