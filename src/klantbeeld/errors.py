"""Every exception of Klantbeeld, as one tree whose branches say what the caller does next.

KlantbeeldError
├── RequestError            the client mends its request
│   ├── Unauthenticated     it brings a valid token
│   ├── Forbidden           it asks for the right
│   ├── HookRefused         a source that tells of changes proves that it is the one
│   ├── KeyRefused          it brings an idempotency key, a valid one, or another
│   └── Overloaded          it comes back later
├── Unanswered              the field is left out and the rest delivered: no source could fill it, or a rule refuses
├── SourceError             one source did not deliver
│   ├── SourceTimeout       the source did not answer in time
│   ├── SourceUnavailable   the source cannot be reached, or says that it is down
│   │   └── BreakerOpen     it failed so often that it is not called for a while
│   ├── SourceBusy          we did not call it now: too many of its calls wait, or what it allows us is used
│   ├── SourceRefused       the source did not accept our credentials, quota or rights
│   ├── SourceInvalid       the source answered something that is not its contract
│   ├── SourceConflict      the record changed since the version that a write expected
│   └── SourceRejected      the source's own rules refuse the input
└── OperatorError           nothing starts, or a source is set aside, until somebody mends it
    ├── ConfigurationError  a setting, a file or a connector's facts are wrong
    ├── IssuerError         an authorization server's keys cannot be read, or may not be trusted
    └── StoreError          the store cannot be read or written

Texts of these exceptions are for logs. What a person reads comes from `klantbeeld.texts`, chosen by `code`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

WHY_UNREAD: Mapping[type[Exception], str] = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "is a folder",
    PermissionError: "may not be read by this user",
    UnicodeDecodeError: "is not UTF-8",
}


class KlantbeeldError(Exception):
    """Anything that Klantbeeld raises on purpose.

    `code` is the stable word that goes into `extensions.code`; each has words in `texts.toml` and a heading in
    `docs/errors.md`. `write_status` is what it proves about the write that met it, if one did.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    retryable: ClassVar[bool] = False
    write_status: str | None = None


class RequestError(KlantbeeldError):
    """The request cannot be answered as it stands; `status` is the HTTP status that says so.

    `place` names what is to be mended, as the caller wrote it: a header, an argument, a member of an input. `allowed`
    says what may stand there: names, a range (`1..100`), a pattern; with `exactly_one` the caller gave none or
    several of these. Place and allowed are shown to the caller and hold no value.
    """

    code = "BAD_REQUEST"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int = 400,
        place: str | None = None,
        allowed: Sequence[str] = (),
        exactly_one: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = code or type(self).code
        self.status = status
        self.place = place
        self.allowed = allowed
        self.exactly_one = exactly_one


class Unauthenticated(RequestError):
    """The token is missing, expired, forged or not meant for us (RFC 6750, section 3.1).

    `challenge` is the value of the answer's WWW-Authenticate header.
    """

    code = "UNAUTHENTICATED"
    challenge: str | None = None

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code, status=401)


class Forbidden(RequestError):
    """The token is good, and does not carry the right that this needs."""

    code = "FORBIDDEN"

    def __init__(self, message: str, *, code: str | None = None, place: str | None = None) -> None:
        super().__init__(message, code=code, status=403, place=place)


class KeyRefused(RequestError):
    """The idempotency key is missing, is none, or came with another input before (the IETF's Idempotency-Key draft)."""

    code = "IDEMPOTENCY_KEY_MISSING"


class HookRefused(RequestError):
    """A delivery to a webhook is not proven, too old, or not what was declared."""

    code = "HOOK_REFUSED"

    def __init__(self, message: str) -> None:
        super().__init__(message, status=401)


class Overloaded(RequestError):
    """The gateway does not take this now; `retry_after` is in seconds."""

    code = "OVERLOADED"
    retryable = True

    def __init__(self, message: str, *, retry_after: int, code: str | None = None, status: int = 503) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after


class Unanswered(KlantbeeldError):
    """A field has no value: `reason` is the code, `source_name` the one that did not deliver, if it was one."""

    def __init__(self, reason: str, *, source: str | None = None, retryable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source_name = source  # graphql-core takes an attribute `source` for the document's
        self.may_retry = retryable


class SourceError(KlantbeeldError):
    """A source did not deliver; costs its own fields and nothing else.

    `detail` is for the log and is never shown to a caller; `sent` says whether a byte of the request may have reached
    the source, which decides between NOT_APPLIED and UNKNOWN for a write. `status` is that of its answer, if there was
    one; `is_lost` says that the connection ended before an answer began.
    """

    code = "SOURCE_UNAVAILABLE"
    status: int | None = None
    is_lost: bool = False

    def __init__(self, detail: str, *, sent: bool = True, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent
        self.retry_after = retry_after


class SourceTimeout(SourceError):
    """No answer, or not the whole answer, within the time that was left."""

    code = "SOURCE_TIMEOUT"
    retryable = True


class SourceUnavailable(SourceError):
    """No connection, a connection lost on the way, or a 5xx."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True


class SourceQuarantined(SourceError):
    """The source's connector is broken, so it is not asked until that is mended and the configuration read again."""

    code = "SOURCE_QUARANTINED"


class BreakerOpen(SourceUnavailable):
    """The source failed so often that it is not called for a while; never `sent`."""

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail, sent=False, retry_after=retry_after)


class SourceBusy(SourceError):
    """The call was not made: too many calls to this source wait, or what it allows us runs low; never `sent`."""

    code = "SOURCE_BUSY"
    retryable = True

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail, sent=False, retry_after=retry_after)


class SourceRefused(SourceError):
    """401, 403 or 429: our credentials, our rights or our quota at the source."""

    code = "SOURCE_REFUSED"


class SourceInvalid(SourceError):
    """Not JSON, not the declared types, too large, or a redirect that leads nowhere."""

    code = "SOURCE_INVALID_ANSWER"


class SourceConflict(SourceError):
    """409 or 412: the record is not at the expected version any more."""

    code = "CONFLICT"


class SourceRejected(SourceError):
    """The source understood the request and its rules refuse it; `reason` is its own word, safe to show."""

    code = "SOURCE_REJECTED"

    def __init__(self, detail: str, *, reason: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason


class OperatorError(KlantbeeldError):
    """Somebody who runs the gateway has to act."""

    code = "INTERNAL_ERROR"


class ConfigurationError(OperatorError):
    """A setting or a file is wrong: `where` names file, line and key, `mend` the way out."""

    def __init__(self, where: str, problem: str, mend: str) -> None:
        super().__init__(f"{where}: {problem}. {mend}")
        self.where = where
        self.problem = problem
        self.mend = mend

    @classmethod
    def unread(cls, file: Path, error: OSError | UnicodeDecodeError, mend: str) -> Self:
        """Say of a file why it cannot be read."""
        known = (words for kind, words in WHY_UNREAD.items() if isinstance(error, kind))
        return cls(str(file), next(known, f"cannot be read ({type(error).__name__})"), mend)


class IssuerError(OperatorError):
    """The keys of an authorization server cannot be fetched, or are not a key set that may be trusted (RFC 7517).

    `is_passing` says that it may be over in a moment.
    """

    code = "ISSUER_UNAVAILABLE"
    retryable = True

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class StoreError(OperatorError):
    """The store cannot be reached, or refuses; nothing that needs it goes on."""

    code = "STORE_UNAVAILABLE"
    retryable = True
