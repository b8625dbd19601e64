"""What a caller may read: rights, the same for thousands of tokens, and the caller who has them.

Rights say which fields; which customers is `rows`. A plan is compiled for rights and never for a caller.
"""

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from klantbeeld.sources.context import Priority

Rule = Literal["all", "self", "granted"]

NEVER_TO_PARTNERS = frozenset({"SPECIAL", "NATIONAL_NUMBER"})
"""GDPR Art. 9 and the Dutch BSN (Wabb): no setting, scope, purpose or consent releases them to a partner."""

PRIORITIES: Mapping[Rule, Priority] = {"all": Priority.AGENT, "self": Priority.APP, "granted": Priority.PARTNER}


@dataclass(frozen=True)
class Rights:
    """The key of a plan: who it may be shared with.

    `scopes` are those of the token that its class may carry; the `served` ones, `categories` and `sensitivities` are
    what the purpose is for.
    """

    audience: str
    caller_class: str
    scopes: frozenset[str]
    purpose: str
    served: frozenset[str]
    categories: frozenset[str]
    sensitivities: frozenset[str]
    is_partner: bool
    policy_version: str

    @cached_property
    def fingerprint(self) -> str:
        """Name these rights in 32 hexadecimal digits, the same in every replica; worked out once."""
        sets = (self.scopes, self.served, self.categories, self.sensitivities)
        words = (self.audience, self.caller_class, self.purpose, str(self.is_partner), self.policy_version)
        # repr quotes, so that no choice of words can look like another
        whole = repr((words, [sorted(members) for members in sets]))
        return hashlib.sha256(whole.encode()).hexdigest()[:32]

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        """Say why a field is not released, None when it is: NEVER_RELEASED, SCOPE_MISSING or PURPOSE_NOT_ALLOWED.

        The three arguments are those of the field's Data directive. What is not known is not released.
        """
        if self.is_partner and sensitivity in NEVER_TO_PARTNERS:
            return "NEVER_RELEASED"
        if scope not in self.scopes:
            return "SCOPE_MISSING"
        if scope not in self.served or category not in self.categories or sensitivity not in self.sensitivities:
            return "PURPOSE_NOT_ALLOWED"
        return None

    def narrowed(self, scopes: AbstractSet[str]) -> "Rights":
        """Give the same rights with no other scopes than these."""
        return replace(self, scopes=self.scopes & scopes)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; lives as long as a request. `expires_at` is in seconds since 1970.

    `token` is its access token, kept only where a source is asked on the caller's behalf, and shown nowhere.
    """

    issuer: str
    subject: str
    client_id: str
    caller_class: str
    rights: Rights
    rows: Rule
    expires_at: float
    deadline_seconds: float
    token: str | None = field(default=None, repr=False, compare=False)

    @property
    def priority(self) -> Priority:
        """How soon it is served where not everybody can be: whoever sees all customers works for the organisation."""
        return PRIORITIES[self.rows]
