"""A connection to PostgreSQL whose round trips the event loop waits for, as it does for its clients.

A thread that waits for a round trip is woken at its end and wakes the loop then, and each of the two waits for the
other to let go of the interpreter: that cost as much as the round trip itself (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from strongroom.promises import Promise
from strongroom.storage.base import Given
from strongroom.storage.postgresql_brought import Distribute, Wanted, noted_in, questions
from strongroom.storage.postgresql_history import History
from strongroom.storage.postgresql_session import Lender, Session
from strongroom.storage.rows import Row
from strongroom.storage.sql import Queries

MAX_TOGETHER: Final = 128
"""Rows from which on no more calls join those that go together."""

MAX_TRIPS: Final = 20_000
"""Round trips after which the connection is given back: the pool renews those that are old."""

AskAgain: TypeAlias = Callable[[Wanted, Promise[Given], asyncio.AbstractEventLoop], None]
"""Has something brought in another way."""


class Lane:
    """One round trip at a time, for those who wait together. Made on any thread, used on that of its loop alone.

    When a round trip fails, for whatever reason, those who wait are left to `ask_again` and the lane is closed.
    `lender` has lent the `session`, which was told to `stop_waiting`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        lender: Lender,
        session: Session,
        queries: Queries,
        history: History,
        ask_again: AskAgain,
    ) -> None:
        self.loop = loop
        self.is_closed = False
        self._lender = lender
        self._session = session
        self._descriptor = session.descriptor
        self._queries = queries
        self._history = history
        self._ask_again = ask_again
        self._trips = 0
        self._last_together = 0
        self._is_pushing = False
        self._waiting: deque[tuple[Wanted, Promise[Given]]] = deque()
        self._under_way: list[tuple[Wanted, Promise[Given]]] = []
        self._distribute: Distribute

    def open(self) -> None:
        """Listen to the connection: also when nothing is asked, to notice its end."""
        self.loop.add_reader(self._descriptor, self._receive)

    def ask(self, wanted: Wanted) -> Promise[Given]:
        """Have something brought, with all that is asked for in this turn of the loop or before it is under way."""
        if not self._waiting and not self._under_way:
            self.loop.call_soon(self._gather, 0)
        promise: Promise[Given] = Promise()
        self._waiting.append((wanted, promise))
        return promise

    def close(self) -> None:
        """Give the connection back, or end it if a round trip is under way; who waits is left to `ask_again`."""
        if self.is_closed:
            return
        self.is_closed = True
        if not self.loop.is_closed():
            self.loop.remove_reader(self._descriptor)
            self._stop_pushing()
        if self._under_way or self._session.is_lost:
            self._session.end()
        else:
            self._session.wait_again()
        self._lender.give_back()
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
        if self.is_closed or self._under_way or not self._waiting:
            return
        if self._trips >= MAX_TRIPS:
            self.close()
            return
        self._trips += 1
        self._under_way = self._next()
        self._last_together = len(self._under_way)
        asked, self._distribute = questions(
            [wanted for wanted, _ in self._under_way], self._queries, self._history.since
        )
        try:
            if not self._session.send(asked):
                self._is_pushing = True
                self.loop.add_writer(self._descriptor, self._push)
        except Exception:  # noqa: BLE001 - whatever it is, it shows when it is asked again
            self.close()

    def _next(self) -> list[tuple[Wanted, Promise[Given]]]:
        together, rows = [], 0
        while self._waiting and rows < MAX_TOGETHER:
            wanted, promise = self._waiting.popleft()
            together.append((wanted, promise))
            rows += 1 if isinstance(wanted, str) else len(wanted)
        # In the order of the statements, hence of their snapshots: what is recalled can follow forwards alone.
        together.sort(key=lambda asked: not isinstance(asked[0], str))
        return together

    def _receive(self) -> None:
        try:
            answers = self._session.receive()
            if answers is not None:
                self._arrive(answers)
        except Exception:  # noqa: BLE001
            self.close()

    def _arrive(self, answers: list[list[Row]]) -> None:
        brought = self._distribute(answers)
        for mark, noted in noted_in(answers):
            self._history.add(mark, noted)
        arrived, self._under_way = self._under_way, []
        self._set_out()  # the database works on the next ones while these are answered
        for (_, promise), given in zip(arrived, brought, strict=True):
            promise.tell(given)

    def _push(self) -> None:
        try:
            if self._session.push():
                self._stop_pushing()
        except Exception:  # noqa: BLE001
            self.close()

    def _stop_pushing(self) -> None:
        if self._is_pushing:
            self._is_pushing = False
            self.loop.remove_writer(self._descriptor)
