"""Mutants of our writer, by name: each has one fault that somebody could make, and the driver must catch it.

A piece of a function's source is changed, as `tests/mutation.py` does it. `aim` is a case in which the fault shows.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults.writes.cases import KEYS_FORGOTTEN, Aim
from tests.faults.writes.owners.faults import Fault
from tests.faults.writes.points import Point
from tests.mutation import mutated


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the source is changed (`module` or `module:Class`), and how: what is there and what then is, by turns."""

    where: str
    function: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, and a case in which it shows."""

    aim: Aim
    pieces: tuple[Piece, ...]


WRITES = "klantbeeld.writes"

ACKNOWLEDGED = '_tell(begun); threading.Event().wait(0.2); execute("COMMIT"); begun = []'

MUTANTS: Mapping[str, Mutant] = {
    "skips the sync": Mutant(
        Aim("bare", Point.SENT, both=True),
        (Piece("klantbeeld.store.transactions", "_open_writer", ("synchronous = FULL", "synchronous = OFF")),),
    ),
    "sends before the journal has it": Mutant(
        Aim("bare", Point.SENT),
        (
            Piece(
                "klantbeeld.store.transactions:SqliteTransactions",
                "_run_together",
                (
                    'execute("COMMIT")',
                    ACKNOWLEDGED,
                ),
            ),
        ),
    ),
    "forgets whose key it was": Mutant(
        Aim("bare", Point.ANSWER_HALF_SENT),
        (Piece(f"{WRITES}.drawing:Drawing", "scopes", ("return", "return []\n    return")),),
    ),
    "begins anew what somebody died over": Mutant(
        Aim("bare", Point.SENT, away=1.5),
        (
            Piece(
                f"{WRITES}.units",
                "claim",
                ("if found is not None and not (found.is_final", "if found is not None and (found.is_final"),
            ),
        ),
    ),
    "keeps nothing of what came of it": Mutant(
        Aim("bare", Point.BEFORE_THE_JOURNAL),
        (Piece(f"{WRITES}.journal:Journal", "finish", ("await self._run(", "0 and (")),),
    ),
    "resends without the key": Mutant(
        Aim("key", Point.EXECUTED_ANSWER_LOST),
        (
            Piece(
                f"{WRITES}.settling",
                "as_sent",
                ("act if act.expected == expected else structs.replace(act, ", 'structs.replace(act, key="", '),
            ),
        ),
    ),
    "resends without the version": Mutant(
        Aim("version", Point.EXECUTED_ANSWER_LOST),
        (Piece(f"{WRITES}.settling", "as_sent", ("expected = step.expected if", "expected = None if")),),
    ),
    "forgets that owners forget": Mutant(
        Aim("key", Point.EXECUTED_ANSWER_LOST, both=True, away=KEYS_FORGOTTEN),
        (Piece(f"{WRITES}.settling", "may_send_again", ("return now + late <", "return True or now + late <")),),
    ),
    "ignores that its lease is over": Mutant(
        Aim("key", Point.INTENT_DURABLE, stopped=8.0),
        (
            Piece(
                f"{WRITES}.held:Held",
                "within",
                (
                    "if self.clock.loop() >= self.until:",
                    "if False:",
                    "context if context.deadline <= self.until else structs.replace(context, deadline=self.until)",
                    "structs.replace(context, deadline=self.clock.loop() + 3)",
                ),
            ),
        ),
    ),
    "believes a conflict on a resend": Mutant(
        Aim("version", Point.EXECUTED_ANSWER_LOST),
        (
            Piece(
                f"{WRITES}.settling",
                "_again",
                ("return again, error", "return again, Verdict(StepState.NOT_APPLIED, code=error.code)"),
            ),
        ),
    ),
    "looks, then sends again": Mutant(
        Aim("seen", Point.ANSWER_HALF_SENT, faults=(Fault.LATE,)),
        (Piece(f"{WRITES}.settling", "_judged", ("if held.clock.now() < over:", "if False:")),),
    ),
    "takes a time-out for a refusal": Mutant(
        Aim("bare", Point.ANSWER_HALF_SENT, faults=(Fault.LOST,)),
        (Piece(f"{WRITES}.outcomes", "status_after", ("if not error.sent or", "if True or")),),
    ),
    "calls a failure what it does not know": Mutant(
        Aim("bare", Point.EXECUTED_ANSWER_LOST),
        (
            Piece(
                f"{WRITES}.writer",
                "outcome_of",
                (
                    "status = STATUSES[view.operation.state]",
                    "status = WriteStatus(STATUSES[view.operation.state].replace('UNKNOWN', 'NOT_APPLIED'))",
                ),
            ),
        ),
    ),
    "makes one key for all steps": Mutant(
        Aim("move", Point.BEFORE_THE_JOURNAL, faults=(Fault.REFUSED,)),
        (Piece(f"{WRITES}.keys:Keys", "step", (", operation, str(seq), source, act)", ")")),),
    ),
    "begins a step without keeping that it did": Mutant(
        Aim("move", Point.SENT, passages=2, away=KEYS_FORGOTTEN, both=True),
        (Piece(f"{WRITES}.held", "_with_begun", (".with_steps(begun, *following.more)", "")),),
    ),
    "tells no cache": Mutant(
        Aim("key", Point.BEFORE_THE_JOURNAL),
        (Piece(f"{WRITES}.held:Held", "_keep", ("and step.state is not StepState.NOT_APPLIED", "and False")),),
    ),
    "forgets what was asked": Mutant(
        Aim("key", Point.ANSWER_HALF_SENT),
        (
            Piece(
                f"{WRITES}.writer:Writer", "_again", ("if not self._parts.keys.is_fingerprint", "if False and not self")
            ),
        ),
    ),
}


@contextmanager
def with_fault(name: str | None) -> Iterator[None]:
    """Give the writer the fault of that name for as long as the block."""
    with ExitStack() as stack:
        for piece in MUTANTS[name].pieces if name else ():
            stack.enter_context(mutated(_owner(piece.where), piece.function, *piece.changes))
        yield


def _owner(where: str) -> Any:
    module, _, name = where.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found
