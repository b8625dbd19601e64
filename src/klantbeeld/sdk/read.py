"""Reads: what a field of the graph declares that it needs."""

from dataclasses import dataclass

from klantbeeld.sdk.roles import Role


@dataclass(frozen=True, slots=True)
class Read:
    """One question to every linked source that has a role.

    `call` is a capability of the role, `args` the GraphQL arguments that are handed on to the source, by their Python
    names. `uses` are the members that the field's function needs beside what the operation selects. `key` is the
    attribute of the parent that holds the source's id of a record; without it the question is about the customer.
    `everything` follows all pages up to the source's bound, for functions that count or decide. `only_when` is a path
    below the field, dots between names; without a selection of it nothing is asked. An `optional` read is not missed
    where nothing fills its role, or can answer it. A `fresh` one is never answered from a cache: a sum, or what decides
    about a customer.
    """

    role: Role
    call: str
    args: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    key: str | None = None
    everything: bool = False
    only_when: str | None = None
    optional: bool = False
    fresh: bool = False
