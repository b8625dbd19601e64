"""All that a connector may import."""

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.sdk.auth import Auth, Basic, Bearer, ClientCredentials, FormMembers, NoAuth
from klantbeeld.sdk.calls import Ask, Call, Dialogue, segment
from klantbeeld.sdk.connector import Connector, Doing, Reading, does, problem_of_status, reads, retry_after
from klantbeeld.sdk.mapping import Mapping, Member, always, take
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.signing import (
    ClientAssertion,
    HmacSigned,
    JwtSigned,
    Moment,
    PassThrough,
    Signing,
    TokenExchange,
)
from klantbeeld.sdk.wire import wire_names
from klantbeeld.sdk.words import Guard, MatchKind, WriteSafety

__all__ = [
    "Ask",
    "Auth",
    "Basic",
    "Bearer",
    "Call",
    "ClientAssertion",
    "ClientCredentials",
    "Connector",
    "Dialogue",
    "Doing",
    "FormMembers",
    "Guard",
    "HmacSigned",
    "JwtSigned",
    "Mapping",
    "MatchKind",
    "Member",
    "Moment",
    "NoAuth",
    "PassThrough",
    "Reading",
    "Reply",
    "Signing",
    "SourceConflict",
    "SourceError",
    "SourceInvalid",
    "SourceRefused",
    "SourceRejected",
    "SourceTimeout",
    "SourceUnavailable",
    "TokenExchange",
    "WriteSafety",
    "always",
    "does",
    "problem_of_status",
    "reads",
    "retry_after",
    "segment",
    "take",
    "wire_names",
]
