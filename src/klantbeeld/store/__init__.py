"""Where ids, keyed hashes and the trail are kept: SQLite by default, PostgreSQL with the same tables."""

from klantbeeld.store.leases import Lease, acquire_lease, is_held, release_lease, renew_lease
from klantbeeld.store.store import Store, open_store

__all__ = ["Lease", "Store", "acquire_lease", "is_held", "open_store", "release_lease", "renew_lease"]
