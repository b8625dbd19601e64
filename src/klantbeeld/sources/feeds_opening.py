"""Opening the change feeds that the settings ask for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from pydantic import SecretStr

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, Settings
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.feeds import Feed, Feeds, Map
from klantbeeld.sources.polling import Poller, Rhythm
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.store import Store


@asynccontextmanager
async def open_feeds(
    settings: Settings,
    sources: Mapping[str, Source],
    *,
    changes: Changes,
    identity: Map,
    store: Store,
    now: Callable[[], datetime],
    read: Callable[[Secret, str], SecretStr],
) -> AsyncIterator[Feeds]:
    """Give what takes deliveries, while the sources that are polled are polled. Raises ConfigurationError."""
    able = {name: source for name, source in sources.items() if not source.is_quarantined}
    feeds = Feeds(
        {name: feed for name, source in able.items() if (feed := _feed_of(name, source, read))},
        changes=changes,
        identity=identity,
        now=now,
    )
    pollers = [
        Poller(source, feeds, store, _rhythm_of(settings, source, every), now=now, clock=loop_clock)
        for source in able.values()
        if (every := source.settings.feed.poll_every) is not None
    ]
    tasks = [asyncio.create_task(poller.run()) for poller in pollers]
    try:
        yield feeds
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for poller in pollers:
            await poller.stop()


def _feed_of(name: str, source: Source, read: Callable[[Secret, str], SecretStr]) -> Feed | None:
    chosen, hook = source.settings.feed, source.connector.hook
    if not chosen.secrets:
        return None
    where = f"sources.{name}.feed.secrets"
    takes = hook.takes if hook else ()
    if hook is None or set(chosen.secrets) - set(takes):
        problem = f"connector {source.settings.connector} takes none of these"
        raise ConfigurationError(where, problem, f"It takes: {', '.join(takes) or 'none, so poll it instead'}")
    secrets = {one: read(secret, f"{where}.{one}").get_secret_value() for one, secret in chosen.secrets.items()}
    return Feed(hook, secrets, chosen.window)


def _rhythm_of(settings: Settings, source: Source, every: float) -> Rhythm:
    feed = source.settings.feed
    if "changes" not in source.readings:
        where = f"sources.{source.name}.feed.poll_every"
        raise ConfigurationError(where, "its connector cannot tell what changed", "Take the line away")
    return Rhythm(every=every, overlap=feed.poll_overlap, reach=settings.cache.cap + feed.poll_overlap)
