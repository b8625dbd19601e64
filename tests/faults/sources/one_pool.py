"""The control of isolation: the gateway, but with one pool of places for all sources, as large as all of them together.

python tests/faults/sources/one_pool.py serve --config …
"""

from klantbeeld.cli import main
from klantbeeld.settings_source import BulkheadSettings
from klantbeeld.sources import chain
from klantbeeld.sources.bulkhead import Bulkhead

SOURCES = 4

pools: list[Bulkhead] = []


def one_for_all(settings: BulkheadSettings, most: int) -> Bulkhead:
    """Make the pool for the first source, and give it to the others."""
    if not pools:
        pools.append(Bulkhead(settings, SOURCES * most))
    return pools[0]


if __name__ == "__main__":
    chain.__dict__["Bulkhead"] = one_for_all
    main()
