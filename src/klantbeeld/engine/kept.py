"""Says of a call whether its answer may come from the cache, for the plan that is drawn."""

from collections.abc import Iterable

from klantbeeld.sdk.connector import Reading
from klantbeeld.settings_sharing import CacheSettings
from klantbeeld.sources.cache_values import kind_of


def kept(cache: CacheSettings, readings: Iterable[Reading], *, is_fresh: bool) -> str:
    """Say for how long a call's answer is served again, by the strictest of its kinds; "" where nothing is cached."""
    if not cache.is_on:
        return ""
    ages = [cache.ages_of(kind_of(reading.mappings[0].record)) for reading in readings if reading.mappings]
    if is_fresh or not ages:
        return "; asked anew each time"
    told = {
        "cached": min(one.max_age for one in ages),
        "stale while asked again": min(one.stale_while_revalidate for one in ages),
        "stale if it fails": min(one.stale_if_error for one in ages),
    }
    said = ", ".join(f"{what} {seconds:g} s" for what, seconds in told.items() if seconds)
    return f"; {said}" if said else "; asked anew each time"
