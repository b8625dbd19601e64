"""From a verified token and a purpose to a caller with rights, by the settings' classes and purposes."""

import hashlib
from collections.abc import Callable
from functools import lru_cache

from klantbeeld.access.rights import PRIORITIES, Caller, Rights
from klantbeeld.access.tokens import AccessToken
from klantbeeld.errors import Forbidden
from klantbeeld.settings import AccessSettings
from klantbeeld.sources.context import Priority

MAX_RIGHTS = 1_024  # as many combinations of scopes and purpose are remembered; a token cannot grow it further


class Policy:
    """What the settings let whom do; lives as long as the app.

    `version` changes with every change of classes or purposes, and is the same in replicas with the same settings.
    """

    def __init__(self, settings: AccessSettings) -> None:
        rules = settings.model_dump_json(include={"classes", "purposes"})
        self.version = hashlib.sha256(rules.encode()).hexdigest()[:16]
        self._classes = settings.classes
        self._purposes = settings.purposes
        self._rights: Callable[[str, str, frozenset[str], str], Rights] = lru_cache(MAX_RIGHTS)(self._make_rights)

    def caller(self, token: AccessToken, *, purpose: str | None = None) -> Caller:
        """Give the caller behind a token, who reads for `purpose`: its `Klantbeeld-Purpose`, where it has one.

        Without it, the first purpose of the class that the token allows. Raises Forbidden with CALLER_CLASS_UNKNOWN, or
        with PURPOSE_NOT_ALLOWED for a purpose that class or token does not have.
        """
        name = token.caller_class
        client = self._classes.get(name) if name is not None else None
        if name is None or client is None:
            raise Forbidden("the token names no class that its issuer may name", code="CALLER_CLASS_UNKNOWN")
        chosen = self._purpose(token, client.purposes, wanted=purpose)
        return Caller(
            issuer=token.issuer,
            subject=token.subject,
            client_id=token.client_id,
            caller_class=name,
            rights=self._rights(token.audience, name, token.scopes, chosen),
            rows=client.rows,
            expires_at=token.expires_at,
            deadline_seconds=client.deadline,
        )

    def priority(self, token: AccessToken) -> Priority:
        """Say how soon whoever has this token is served where not everybody can be."""
        client = self._classes.get(token.caller_class or "")
        return Priority.BACKGROUND if client is None else PRIORITIES[client.rows]

    def _purpose(self, token: AccessToken, purposes: tuple[str, ...], *, wanted: str | None) -> str:
        for purpose in purposes if wanted is None else (wanted,):
            if purpose in purposes and (token.purposes is None or purpose in token.purposes):
                return purpose
        raise Forbidden(
            "the purpose is not one of the class's and the token's",
            code="PURPOSE_NOT_ALLOWED",
            place="claim purpose of the token" if wanted is None else "header Klantbeeld-Purpose",
        )

    def _make_rights(self, audience: str, name: str, scopes: frozenset[str], purpose: str) -> Rights:
        client, rule = self._classes[name], self._purposes[purpose]
        return Rights(
            audience=audience,
            caller_class=name,
            scopes=scopes & frozenset(client.scopes),
            purpose=purpose,
            served=frozenset(rule.scopes),
            categories=frozenset(rule.categories),
            sensitivities=frozenset(rule.sensitivities),
            is_partner=client.rows == "granted",
            policy_version=self.version,
        )
