"""Point reads of many calls in one round trip to PostgreSQL.

Calls that come while a round trip is under way go together with the next one, so under load the database
is asked once for many of them, and alone a call waits for nobody. Every call is answered from what was read
after it asked.

Who asks on a running event loop has its round trips waited for by that loop (`postgresql_lane`). Where there is none,
while a connection for the loop is being made ready, and where that has failed, a thread waits; it is also the one that
finds out what is wrong and tries again. One round trip at a time: with two under way each carries half as many calls,
and costs the same (docs/performance.md). A call waits for two at most.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg_pool import PoolTimeout

from strongroom.promises import Awaited, Promise
from strongroom.storage.base import Given, StorageError, WantedVersion
from strongroom.storage.postgresql_brought import MARK, Wanted, questions
from strongroom.storage.postgresql_channel import Channel, connected, handed_over
from strongroom.storage.postgresql_history import History
from strongroom.storage.postgresql_lane import MAX_TOGETHER, Lane
from strongroom.storage.postgresql_session import Lender, Session, before_it_counts
from strongroom.storage.sql import Queries


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted, and whom to tell."""

    wanted: Wanted
    told: Future[Given]

    @property
    def rows(self) -> int:
        return 1 if isinstance(self.wanted, str) else len(self.wanted)


class PostgresqlBringer:
    """The thread, the calls that wait for it, and the lane of the loop. `lender` makes what lends a session."""

    def __init__(self, lender: Callable[[], Lender], queries: Queries) -> None:
        self.history = History()
        self._lender = lender
        self._queries = queries
        self._lane: Lane | None = None
        self._has_lane_made = False
        self._waiting: queue.SimpleQueue[_Asked | asyncio.AbstractEventLoop | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bringer")
        self._thread.start()

    def access_key(self, access_key_id: str) -> Awaited[Given]:
        return self._ask(access_key_id)

    def versions(self, wanted: tuple[WantedVersion, ...]) -> Awaited[Given]:
        return self._ask(wanted)

    def together(self, earlier: Given, later: Given) -> Given:
        """Return both. They have no mark if something was committed in between: then they are of two states."""
        both = {**earlier, **later}
        if earlier.get(MARK) != later.get(MARK):
            del both[MARK]
        return both

    def close(self) -> None:
        """Stop. The loop that has asked runs no more."""
        if self._lane is not None:
            self._lane.close()
        self._waiting.put(None)
        self._thread.join()

    # The loop

    def _ask(self, wanted: Wanted) -> Awaited[Given]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._ask_thread(wanted)
        lane = self._lane
        if lane is not None and lane.loop is loop and not lane.is_closed:
            return lane.ask(wanted)
        if not self._has_lane_made:
            self._has_lane_made = True
            self._waiting.put(loop)
        return self._ask_thread(wanted)

    def _take_channel(self, channel: Channel | None) -> None:
        """Use a channel from now on; without one the next call has it tried again."""
        self._has_lane_made = False
        if channel is not None:
            former, self._lane = self._lane, Lane(channel, self._queries, self.history, self._ask_again)
            if former is not None:
                former.close()

    def _ask_again(self, wanted: Wanted, promise: Promise[Given], loop: asyncio.AbstractEventLoop) -> None:
        """Have the thread bring what the lane has failed to: nothing was changed by asking."""

        def pass_on(future: Future[Given]) -> None:
            error = future.exception()
            promise.tell(future.result()) if error is None else promise.fail(error)

        def come_back(future: Future[Given]) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(pass_on, future)

        self._ask_thread(wanted).add_done_callback(come_back)

    # The thread

    def _ask_thread(self, wanted: Wanted) -> Future[Given]:
        told: Future[Given] = Future()
        self._waiting.put(_Asked(wanted, told))
        return told

    def _run(self) -> None:
        lender = self._lender()
        behind: _Asked | asyncio.AbstractEventLoop | None = self._waiting.get()
        while behind is not None:
            if isinstance(behind, _Asked):
                behind = self._serve(lender, behind)
                continue
            asked = [self._queries.reading[name] for name in ("bring_access_keys", "bring_versions")]
            handed_over(connected(behind, self._lender(), asked), behind, self._take_channel)
            behind = self._waiting.get()
        lender.give_back()

    def _serve(self, lender: Lender, first: _Asked) -> _Asked | asyncio.AbstractEventLoop | None:
        """Bring what is wanted, together with what waits behind it; return what comes next."""
        together, rows = [first], first.rows
        behind: _Asked | asyncio.AbstractEventLoop | None = None
        has_more = True
        while has_more and rows < MAX_TOGETHER:
            try:
                behind = self._waiting.get_nowait()
            except queue.Empty:
                break
            has_more = isinstance(behind, _Asked)
            if isinstance(behind, _Asked):
                together.append(behind)
                rows += behind.rows
        self._tell(lender, together)
        return self._waiting.get() if has_more else behind

    def _tell(self, lender: Lender, together: list[_Asked]) -> None:
        try:
            brought = lender.use(lambda session: self._bring(session, together))
        except (psycopg.Error, PoolTimeout) as error:
            failure = StorageError(f"{type(error).__name__}: {error}")
            for asked in together:
                asked.told.set_exception(failure)
        except Exception as error:  # noqa: BLE001 - the thread must not end
            for asked in together:
                asked.told.set_exception(error)
        else:
            for asked, given in zip(together, brought, strict=True):
                asked.told.set_result(given)

    def _bring(self, session: Session, together: list[_Asked]) -> list[Given]:
        asked, distribute = questions([one.wanted for one in together], self._queries, None)
        with before_it_counts(session):
            answers = session.execute_together(asked)
        return distribute(answers)
