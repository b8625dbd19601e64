"""The door: from a request's headers to a caller, or a refusal with its challenge."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from klantbeeld.access.keys import Clock, Get, IssuerKeys, Read, from_address, from_file
from klantbeeld.access.policy import Policy
from klantbeeld.access.rights import Caller
from klantbeeld.access.tokens import TokenVerifier, TrustedIssuer, bearer_token, challenge
from klantbeeld.errors import Unauthenticated
from klantbeeld.settings import AccessSettings, IssuerSettings
from klantbeeld.sources.context import Priority

SCHEME = b"Bearer "
PURPOSE = b"klantbeeld-purpose"  # a browser's own header Purpose says `prefetch`


class Admission:
    """Lets callers in; lives as long as the app, belongs to one event loop."""

    def __init__(self, verifier: TokenVerifier, policy: Policy, *, hands_on_tokens: bool = False) -> None:
        self._verifier = verifier
        self._policy = policy
        self._hands_on_tokens = hands_on_tokens

    async def __call__(self, authorization: str | None, headers: Mapping[bytes, bytes]) -> Caller:
        """Give the caller behind an Authorization header, reading for the purpose that the headers name.

        Raises Unauthenticated with its challenge, Forbidden with CALLER_CLASS_UNKNOWN or PURPOSE_NOT_ALLOWED, and
        Overloaded with ISSUER_UNAVAILABLE.
        """
        try:
            sent = bearer_token([] if authorization is None else [authorization])
            token = await self._verifier.verify(sent)
        except Unauthenticated as error:
            error.challenge = challenge(error)
            raise
        purpose = headers.get(PURPOSE)
        caller = self._policy.caller(token, purpose=None if purpose is None else purpose.decode("latin-1"))
        return replace(caller, token=sent) if self._hands_on_tokens else caller

    def importance(self, authorization: bytes | None) -> int:
        """Say how important a request seems, for a look at what is remembered: 0 is an agent's.

        A token that was not seen yet comes after all that were, since looking at it costs more than refusing it.
        """
        token = None if authorization is None else self._verifier.remembered(authorization[len(SCHEME) :].strip())
        return int(Priority.BACKGROUND if token is None else self._policy.priority(token))

    async def close(self) -> None:
        """Give up what is under way."""
        await self._verifier.close()


def make_admission(settings: AccessSettings, *, get: Get, clock: Clock, hands_on_tokens: bool = False) -> Admission:
    """Build the door from the settings; keys at an address are fetched with `get`, when they are first needed.

    With `hands_on_tokens` callers carry their tokens, for sources that are asked on their behalf.
    """
    issuers = [trusted_issuer(issuer, get=get, clock=clock) for issuer in settings.issuers]
    verifier = TokenVerifier(issuers, clock=clock, cached_tokens=settings.cached_tokens)
    return Admission(verifier, Policy(settings), hands_on_tokens=hands_on_tokens)


def trusted_issuer(settings: IssuerSettings, *, get: Get, clock: Clock) -> TrustedIssuer:
    """Build one issuer from its settings."""
    return TrustedIssuer(
        issuer=settings.issuer,
        audience=settings.audience,
        algorithms=_with_both_names(frozenset(settings.algorithms)),
        classes=settings.classes,
        leeway=settings.leeway,
        keys=IssuerKeys(settings.issuer, _read(settings, get), clock=clock, max_age=settings.keys_max_age),
    )


def _with_both_names(algorithms: frozenset[str]) -> frozenset[str]:
    edwards = frozenset({"EdDSA", "Ed25519"})
    return algorithms | edwards if algorithms & edwards else algorithms


def _read(settings: IssuerSettings, get: Get) -> Read:
    if settings.jwks_uri is not None:
        return from_address(settings.jwks_uri, get)
    return from_file(settings.jwks_file or Path())  # the settings have exactly one of the two
