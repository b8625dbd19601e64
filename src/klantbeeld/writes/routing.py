"""Routing: the one source that owns what an act changes.

The owner of an act is the source that the settings name for it, else the only one of its role that can do it. Nobody is
asked, and nothing sent, where there is none or more than one.
"""

from collections.abc import Mapping

from klantbeeld.errors import Unanswered
from klantbeeld.sdk.roles import Role
from klantbeeld.sources.source import Source


def owner_of(act: str, role: Role, *, sources: Mapping[str, Source], declared: Mapping[str, str]) -> Source:
    """Return the owner; raises Unanswered with OWNER_UNKNOWN, OWNER_AMBIGUOUS or NOT_SUPPORTED."""
    if named := declared.get(act):
        return able(sources[named], act)
    of_role = [source for source in sources.values() if role.name in source.roles]
    if not of_role:
        raise Unanswered("OWNER_UNKNOWN")
    candidates = [source for source in of_role if act in source.doings]
    if not candidates:
        raise Unanswered("NOT_SUPPORTED", source=of_role[0].name)
    if len(candidates) > 1:
        raise Unanswered("OWNER_AMBIGUOUS")
    return candidates[0]


def able(source: Source, act: str) -> Source:
    """Return a source that can do an act; raises Unanswered with NOT_SUPPORTED."""
    if act not in source.doings:
        raise Unanswered("NOT_SUPPORTED", source=source.name)
    return source
