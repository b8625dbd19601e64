"""Deployments that differ from the demo: other sets of sources."""

import asyncio
import re
from collections.abc import Mapping

from klantbeeld.identity.blind_index import load_key_ring
from klantbeeld.identity.links import IMPORT, Decision, Sighting
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings_file import read_secret
from klantbeeld.store import open_store

from .running import Deployment

SECTION = re.compile(r"^(?=\[)", re.MULTILINE)


def only(text: str, *sources: str) -> str:
    """Keep these sources of a settings file."""
    kept = tuple(f"[sources.{name}{end}" for name in sources for end in ("]", "."))
    return "".join(part for part in SECTION.split(text) if not part.startswith("[sources.") or part.startswith(kept))


def doubled(text: str, copies: Mapping[str, str]) -> str:
    """Add a second source like each of the named ones, by its new name."""
    parts = SECTION.split(text)
    more = [
        part.replace(f"[sources.{name}", f"[sources.{new}", 1)
        for name, new in copies.items()
        for part in parts
        if part.startswith((f"[sources.{name}]", f"[sources.{name}."))
    ]
    return "\n".join([text, *more])


def link(deployment: Deployment, key: str, records: Mapping[str, str]) -> None:
    """Link further records, by source, to a customer of the cast."""

    async def add() -> None:
        settings = deployment.settings
        async with open_store(settings.store) as store:
            ring = load_key_ring(settings.identity, lambda secret, where: read_secret(secret, {}, where=where))
            identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
            for source, record_id in records.items():
                await identity.add_link(
                    deployment.customers[key], Sighting(source, record_id), Decision(IMPORT, "acceptance")
                )

    asyncio.run(add())
