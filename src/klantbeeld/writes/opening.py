"""Making a writer of its parts."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from klantbeeld.settings import WriteSettings
from klantbeeld.sources.source import Source
from klantbeeld.writes.drawing import Drawing
from klantbeeld.writes.events import no_events
from klantbeeld.writes.held import Clock
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.keys import Keys
from klantbeeld.writes.planning import Extensions, Order
from klantbeeld.writes.resolving import terms_of
from klantbeeld.writes.sealing import Sealer
from klantbeeld.writes.sending import EventsOf, Sender
from klantbeeld.writes.settling import Settler
from klantbeeld.writes.telling import Changed, tell_nobody
from klantbeeld.writes.walker import Walker
from klantbeeld.writes.writer import Writer, WriterParts, as_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around a writer. `secrets` are keys that the store does not hold, the present one first."""

    secrets: Sequence[bytes]
    clock: Clock
    new_id: Callable[[], str]
    changed: Changed = tell_nobody
    events_of: EventsOf = no_events
    extensions: Extensions = field(default_factory=Extensions)
    arrange: Callable[[Order], Order] = as_asked


def make_writer(sources: Mapping[str, Source], journal: Journal, settings: WriteSettings, around: Around) -> Writer:
    """Make the writer over some sources."""
    keys, sealer = Keys(around.secrets), Sealer(around.secrets)
    drawing = Drawing(keys, sealer, around.new_id, keep=settings.keep_days * 86_400)
    extensions = around.extensions
    sender = Sender(
        sources,
        keys=keys,
        preparers=extensions.preparers,
        readers={kind: extensions.handlers[kind] for kind in extensions.reading},
        events_of=around.events_of,
        undo=drawing.undo,
    )
    walker = Walker(
        sender,
        Settler(sources, around.events_of),
        handlers=extensions.handlers,
        changed=around.changed,
    )
    return Writer(
        WriterParts(
            sources=sources,
            journal=journal,
            walker=walker,
            sender=sender,
            keys=keys,
            sealer=sealer,
            drawing=drawing,
            clock=around.clock,
            changed=around.changed,
            terms=terms_of(settings),
            holder=str(uuid.uuid4()),
            declared=settings.owners,
            arrange=around.arrange,
        )
    )
