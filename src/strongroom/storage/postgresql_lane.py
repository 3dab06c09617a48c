"""Reads of many calls on one channel to PostgreSQL, for those who ask on an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from strongroom.promises import Promise
from strongroom.storage.base import Given
from strongroom.storage.postgresql_brought import Distribute, Wanted, noted_in, questions
from strongroom.storage.postgresql_channel import Channel
from strongroom.storage.postgresql_history import History
from strongroom.storage.rows import Row
from strongroom.storage.sql import Queries

MAX_TOGETHER: Final = 128
"""Rows from which on no more calls join those that go together."""

MAX_TRIPS: Final = 20_000
"""Round trips after which the connection is given back: the pool renews those that are old."""

AskAgain: TypeAlias = Callable[[Wanted, Promise[Given], asyncio.AbstractEventLoop], None]
"""Has something brought in another way."""


class Lane:
    """One round trip at a time, for those who wait together; used on the thread of its loop alone.

    When one fails, for whatever reason, those who wait are left to `ask_again` and the lane is closed.
    """

    def __init__(self, channel: Channel, queries: Queries, history: History, ask_again: AskAgain) -> None:
        self.loop = channel.loop
        self._channel = channel
        self._queries = queries
        self._history = history
        self._ask_again = ask_again
        self._trips = 0
        self._last_together = 0
        self._waiting: deque[tuple[Wanted, Promise[Given]]] = deque()
        self._under_way: list[tuple[Wanted, Promise[Given]]] = []
        self._distribute: Distribute
        channel.listen(self._arrive, lambda _: self.close())

    @property
    def is_closed(self) -> bool:
        return self._channel.is_lost

    def ask(self, wanted: Wanted) -> Promise[Given]:
        """Have something brought, with all that is asked for in this turn of the loop or before it is under way."""
        if not self._waiting and not self._under_way:
            self.loop.call_soon(self._gather, 0)
        promise: Promise[Given] = Promise()
        self._waiting.append((wanted, promise))
        return promise

    def close(self) -> None:
        """Give the connection back; who waits is left to `ask_again`."""
        self._channel.close()
        waiting, self._under_way = [*self._under_way, *self._waiting], []
        self._waiting.clear()
        for wanted, promise in waiting:
            self._ask_again(wanted, promise, self.loop)

    def _gather(self, before: int) -> None:
        """Wait for as many as the last round trip had, for as long as each turn of the loop brings some of them."""
        waiting = len(self._waiting)
        if before < waiting < self._last_together:
            self.loop.call_soon(self._gather, waiting)
        else:
            self._set_out()

    def _set_out(self) -> None:
        if self._under_way or not self._waiting:
            return
        if self.is_closed or self._trips >= MAX_TRIPS:  # it may have been lost since the first of them asked
            self.close()
            return
        self._trips += 1
        self._under_way = self._next()
        self._last_together = len(self._under_way)
        wanted = [one for one, _ in self._under_way]
        asked, self._distribute = questions(wanted, self._queries, self._history.since)
        self._channel.ask(asked)

    def _next(self) -> list[tuple[Wanted, Promise[Given]]]:
        together, rows = [], 0
        while self._waiting and rows < MAX_TOGETHER:
            wanted, promise = self._waiting.popleft()
            together.append((wanted, promise))
            rows += 1 if isinstance(wanted, str) else len(wanted)
        # In the order of the statements, hence of their snapshots: what is recalled can follow forwards alone.
        together.sort(key=lambda asked: not isinstance(asked[0], str))
        return together

    def _arrive(self, answers: list[list[Row]]) -> None:
        brought = self._distribute(answers)
        for mark, noted in noted_in(answers):
            self._history.add(mark, noted)
        arrived, self._under_way = self._under_way, []
        self._set_out()  # the database works on the next ones while these are answered
        for (_, promise), given in zip(arrived, brought, strict=True):
            promise.tell(given)
