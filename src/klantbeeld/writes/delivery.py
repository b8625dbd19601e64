"""Delivery: events leave the outbox for an address of the operator's, at least once.

Structured CloudEvents over HTTP (CloudEvents HTTP protocol binding 1.0.2, section 3.2), signed like a webhook (Standard
Webhooks: HMAC-SHA-256 over id, time and body), so that the receiver knows whose they are, and drops repetitions by id.
"""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from klantbeeld.errors import StoreError
from klantbeeld.writes.beside import Event
from klantbeeld.writes.journal import Journal

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 50
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


class Post(Protocol):
    """Posts a body to an address."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], /) -> int:
        """Return the status of the answer; 0 where there was none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryParts:
    """What delivery needs. `again_after` is the time until a refused event is tried again, in seconds."""

    journal: Journal
    post: Post
    url: str
    secret: bytes
    now: Callable[[], datetime]
    every: float
    again_after: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Delivery:
    """Delivers events; lives as long as the app. Every replica has one, and an event is with one of them at a time."""

    def __init__(self, parts: DeliveryParts) -> None:
        self._parts = parts
        self._is_failing = False

    async def run(self) -> None:
        """Look, and look again, until cancelled."""
        while True:
            try:
                while await self.look() == MOST_AT_ONCE:
                    pass
            except StoreError as error:
                log.warning("store_failed", error=error)
            except Exception as error:
                log.exception("internal_error", error=error)
            await self._parts.sleep(self._parts.every)

    async def look(self) -> int:
        """Deliver what is due, in the order in which it was written; returns how many events were due.

        The first one that is refused ends it: the others are due later too. Raises StoreError.
        """
        parts = self._parts
        now = parts.now()
        events = await parts.journal.undelivered(
            now, most=MOST_AT_ONCE, again_at=now + timedelta(seconds=parts.again_after)
        )
        for event in events:
            status = await parts.post(parts.url, event.event.encode(), self._headers(event, now))
            if not 200 <= status < 300:  # noqa: PLR2004 - the range of success
                if not self._is_failing:
                    log.warning("event_not_delivered", status=status)
                self._is_failing = True
                return 0
            self._is_failing = False
            await parts.journal.delivered(event.id)
        return len(events)

    def _headers(self, event: Event, now: datetime) -> Mapping[str, str]:
        sent = str(int(now.timestamp()))
        signed = f"{event.id}.{sent}.{event.event}".encode()
        signature = base64.b64encode(hmac.digest(self._parts.secret, signed, "sha256")).decode()
        return {
            "content-type": MEDIA_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": sent,
            "webhook-signature": f"v1,{signature}",
        }
