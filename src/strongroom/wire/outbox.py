"""Answers of one turn of the loop, sent together at its end.

To send is to wake whoever waits for it. A client on the same machine is woken for each answer that leaves by itself,
asks again at once, and sleeps; on a virtual machine each such wake-up costs more than sending does, and between two
requests the processor's caches are the kernel's. What was read together is therefore worked on first and sent then:
two fifths of a read's processor time (docs/performance.md).

Rules:
- An answer leaves in the order in which it was put here, at the end of the turn, or with `MAX_HELD` others: then
  whoever asked first need not wait for all that was read with it.
- Before any of them leaves, the records that answers have with them are put on the trail, all in one piece. If that
  fails, none of these answers leaves: each becomes what it would have been if its record alone had failed.
- One that cannot be sent does not stop the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from strongroom.wire.exchange import Unrecorded, write_together

if TYPE_CHECKING:
    from strongroom.wire.exchange import Answer, Ready

MAX_HELD: Final = 32
"""Measured: 4 to 64 with 64 connections. From 32 on nothing is gained, and each is worked on for some 60 µs."""

logger = logging.getLogger(__name__)

Send: TypeAlias = Callable[["Answer"], None]


class Outbox:
    """What is to be sent. `at_end` has a callable called at the end of the turn. Only used on the loop."""

    __slots__ = ("_at_end", "_held")

    def __init__(self, at_end: Callable[[Callable[[], None]], object]) -> None:
        self._at_end = at_end
        self._held: list[tuple[Send, Ready]] = []

    def put(self, send: Send, answer: Ready) -> None:
        """Have an answer sent soon."""
        held = self._held
        if not held:
            self._at_end(self._empty)
        held.append((send, answer))
        if len(held) >= MAX_HELD:
            self._empty()

    def _empty(self) -> None:
        held, self._held = self._held, []
        error = write_together([answer for _, answer in held if isinstance(answer, Unrecorded)])
        for send, answer in held:
            try:
                send(answer.finish(error) if isinstance(answer, Unrecorded) else answer)
            except Exception:
                logger.exception("An answer did not reach its client")
