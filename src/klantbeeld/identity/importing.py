"""Fills the map from a file of known cross references.

Lines go in by batches, each in one transaction, so an import that broke off is simply run again: what is known already
stays as it is. Lines of one customer key become one customer, also over several imports of the same namespace. A record
that is another customer's already is refused: whether two customers are one is not decided by a file.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity import writing
from klantbeeld.identity.import_lines import Finding, FindingCode, ImportLine, Read, format_of, read_lines
from klantbeeld.identity.links import IMPORT, SUBJECT, Decision, Reference
from klantbeeld.identity.match_keys import MatchKeyKind, normalise
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.identity.tables import match_keys
from klantbeeld.identity.writing import HashedKey, hash_key, key_row

BATCH = 1_000  # lines
MOST_FINDINGS = 1_000  # kept for the report; `found` gets every one
GROUP = "IMPORT_GROUP"  # kind of the blind index that a file's customer key is kept as
NO_RECORD = Reference("", "")


def ignore(_: object) -> None:
    """Listen to nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `bytes_read` of a file may be compared with its size, it is 0 for anything else."""

    lines: int
    accepted: int
    refused: int
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    `accepted` lines are in the map: `linked` were new, the rest were there. `findings` are the first MOST_FINDINGS, by
    line; `by_code` counts all.
    """

    lines: int
    accepted: int
    linked: int
    customers: int
    refused: int
    by_code: Mapping[FindingCode, int]
    findings: tuple[Finding, ...]


async def import_file(
    path: Path,
    identity: StoredIdentityMap,
    *,
    decided_by: str,
    namespace: str | None = None,
    sources: Collection[str] | None = None,
    progress: Callable[[Progress], None] = ignore,
    found: Callable[[Finding], None] = ignore,
) -> ImportReport:
    """Import a file, in the format that its name tells; otherwise the same as `import_references`.

    Without a `namespace` the file's name is it. Raises StoreError, and ConfigurationError for a file that it cannot
    read.
    """
    format_ = format_of(path)
    try:
        with path.open("rb") as file:
            return await import_references(
                read_lines(file, format_, name=str(path)),
                identity,
                decided_by=decided_by,
                namespace=namespace or path.name,
                sources=sources,
                progress=lambda so_far: progress(replace(so_far, bytes_read=file.tell())),
                found=found,
            )
    except OSError as error:
        mend = "Name a file that may be read"
        raise ConfigurationError.unread(path, error, mend) from error


async def import_references(
    lines: Iterable[Read],
    identity: StoredIdentityMap,
    *,
    decided_by: str,
    namespace: str,
    sources: Collection[str] | None = None,
    progress: Callable[[Progress], None] = ignore,
    found: Callable[[Finding], None] = ignore,
) -> ImportReport:
    """Import the lines of `read_lines`; `decided_by` names who vouches for them.

    Customer keys mean the same customer only within a `namespace`. With `sources` (names of the settings) a record of
    any other source is refused, subjects of tokens apart. `progress` is called after every batch, `found` for every
    finding. Raises StoreError; the batches before are in.
    """
    run = _Run(identity, namespace, Decision(IMPORT, decided_by, evidence=("CROSS_REFERENCE",)), sources, found)
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        await run.take(batch)
        progress(Progress(run.lines, run.accepted, run.lines - run.accepted))
    return run.report()


class _Prepared(NamedTuple):
    number: int
    reference: Reference
    group: HashedKey | None
    keys: list[HashedKey]
    unusable: list[MatchKeyKind]


@dataclass(slots=True)
class _Changes:
    """What a batch brings, beside what is there: whose each record and each customer key is."""

    owners: dict[Reference, str]
    groups: dict[bytes, str]
    customers: list[str] = field(default_factory=list)
    links: dict[Reference, str] = field(default_factory=dict)
    keys: list[writing.Row] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """One import; lives as long as it runs."""

    identity: StoredIdentityMap
    namespace: str
    decision: Decision
    sources: Collection[str] | None
    found: Callable[[Finding], None]
    lines: int = 0
    accepted: int = 0
    linked: int = 0
    customers: int = 0
    by_code: Counter[FindingCode] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    async def take(self, batch: Collection[Read]) -> None:
        """Bring a batch into the map."""
        findings: list[Finding] = []
        prepared = list(self._prepare(batch, findings))
        identity = self.identity
        async with identity.store.write(lock=writing.LOCK) as connection:
            owners = await writing.linked(connection, {each.reference for each in prepared})
            changes = _Changes(owners, await self._groups(connection, prepared))
            accepted = [each for each in prepared if self._accept(each, changes, findings)]
            now = identity.clock()
            await writing.insert_customers(connection, changes.customers, now=now)
            await writing.insert_links(connection, changes.links, self.decision, now=now)
            await writing.add_keys(connection, changes.keys, ring=identity.ring)
        self.lines += len(batch)
        self.accepted += len(accepted)
        self.linked += len(changes.links)
        self.customers += len(changes.customers)
        self._keep(findings)

    def report(self) -> ImportReport:
        """Say what the import did."""
        return ImportReport(
            self.lines,
            self.accepted,
            self.linked,
            self.customers,
            self.lines - self.accepted,
            dict(self.by_code),
            tuple(self.findings),
        )

    def _prepare(self, batch: Iterable[Read], findings: list[Finding]) -> Iterator[_Prepared]:
        """Hash the keys of what can go in, before anything is locked."""
        groups: dict[str, HashedKey] = {}
        for number, line in batch:
            if isinstance(line, Finding):
                findings.append(line)
            elif not self._is_source(line.source):
                findings.append(Finding(number, FindingCode.SOURCE_UNKNOWN, "names a source that is not configured"))
            else:
                yield self._hashed(number, line, groups)

    def _is_source(self, name: str) -> bool:
        return self.sources is None or name in self.sources or name.startswith(SUBJECT)

    def _hashed(self, number: int, line: ImportLine, groups: dict[str, HashedKey]) -> _Prepared:
        ring = self.identity.ring
        if line.customer is not None and line.customer not in groups:
            groups[line.customer] = hash_key(GROUP, f"{self.namespace}\0{line.customer}", ring=ring)
        group = None if line.customer is None else groups[line.customer]
        prepared = _Prepared(number, line.reference, group, [], [])
        for key in line.match_keys():
            written = normalise(key, region=self.identity.region)
            if written is None:
                prepared.unusable.append(key.kind)
            else:
                prepared.keys.append(hash_key(key.kind.value, written, ring=ring))
        return prepared

    async def _groups(self, connection: AsyncConnection, prepared: Iterable[_Prepared]) -> dict[bytes, str]:
        """Find the customers of the customer keys that were imported before, by the key's hash of today."""
        today = {old: each.group.key_hash for each in prepared if each.group for old in each.group[1:] if old}
        statement = select(match_keys.c.key_hash, match_keys.c.customer_id).where(
            match_keys.c.kind == GROUP, match_keys.c.key_hash.in_(today)
        )
        rows = (await connection.execute(statement)).all() if today else []
        survivors = await writing.surviving(connection, {customer_id for _, customer_id in rows})
        return {today[key_hash]: survivors[customer_id] for key_hash, customer_id in rows}

    def _accept(self, each: _Prepared, changes: _Changes, findings: list[Finding]) -> bool:
        """Decide whose the record of a line is; False if the line is refused."""
        reference, version = each.reference, self.identity.ring.version
        owner = changes.owners.get(reference)
        of_group = changes.groups.get(each.group.key_hash) if each.group else None
        if owner is not None and of_group is not None and owner != of_group:
            why = "has a record that is linked to another customer than the other lines of its customer key"
            findings.append(Finding(each.number, FindingCode.CONFLICT, why))
            return False
        customer_id = owner or of_group
        if customer_id is None:
            customer_id = self.identity.ids.new()
            changes.customers.append(customer_id)
        if owner is None:
            changes.owners[reference] = changes.links[reference] = customer_id
        changes.keys += [key_row(reference, customer_id, key, version=version) for key in each.keys]
        if each.group and (of_group is None or each.group.old_hash):  # the latter: it is to be hashed anew
            changes.groups[each.group.key_hash] = customer_id
            changes.keys.append(key_row(NO_RECORD, customer_id, each.group, version=version))
        for kind in each.unusable:
            why = f"has a value that cannot be a key of the kind {kind}; the link went in without it"
            findings.append(Finding(each.number, FindingCode.KEY_UNUSABLE, why))
        return True

    def _keep(self, findings: list[Finding]) -> None:
        findings.sort(key=lambda finding: finding.line)
        self.by_code.update(finding.code for finding in findings)
        self.findings += findings[: MOST_FINDINGS - len(self.findings)]
        for finding in findings:
            self.found(finding)
