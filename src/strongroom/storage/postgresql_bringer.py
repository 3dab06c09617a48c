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
        self._waiting.put(None)
        self._thread.join()
        if self._lane is not None:
            self._lane.close()

    def _ask(self, wanted: Wanted) -> Awaited[Given]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._ask_thread(wanted)
        lane = self._lane
        if lane is None or lane.is_closed or lane.loop is not loop:
            self._have_lane_made(loop)
            return self._ask_thread(wanted)
        return lane.ask(wanted)

    def _ask_thread(self, wanted: Wanted) -> Future[Given]:
        told: Future[Given] = Future()
        self._waiting.put(_Asked(wanted, told))
        return told

    def _have_lane_made(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._has_lane_made:
            self._has_lane_made = True
            self._waiting.put(loop)

    def _take_lane(self, lane: Lane | None) -> None:
        """Use a lane from now on; without one the next call has it tried again."""
        self._has_lane_made = False
        if lane is not None:
            former, self._lane = self._lane, lane
            if former is not None:
                former.close()
            lane.open()

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

    def _run(self) -> None:
        lender = self._lender()
        try:
            while (first := self._waiting.get()) is not None:
                if isinstance(first, asyncio.AbstractEventLoop):
                    self._make_lane(first)
                elif self._serve(lender, first):
                    return
        finally:
            lender.give_back()

    def _make_lane(self, loop: asyncio.AbstractEventLoop) -> None:
        lender, lane = self._lender(), None
        with suppress(psycopg.Error, PoolTimeout):  # calls that the thread serves tell what is wrong
            session = lender.use(self._made_ready)
            lane = Lane(loop, lender, session, self._queries, self.history, self._ask_again)
        try:
            loop.call_soon_threadsafe(self._take_lane, lane)
        except RuntimeError:  # the loop was closed meanwhile
            self._has_lane_made = False
            if lane is not None:
                lane.close()

    def _made_ready(self, session: Session) -> Session:
        with before_it_counts(session):
            session.stop_waiting(self._queries.reading[name] for name in ("bring_access_keys", "bring_versions"))
        return session

    def _serve(self, lender: Lender, first: _Asked) -> bool:
        """Bring what is wanted, with what waits behind it; tell whether this was the end."""
        together, behind = self._gather(first)
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
        if isinstance(behind, asyncio.AbstractEventLoop):
            self._make_lane(behind)
            return False
        return behind

    def _gather(self, first: _Asked) -> tuple[list[_Asked], asyncio.AbstractEventLoop | bool]:
        """Return `first` and the calls that wait behind it; and what came that is no call: a loop, or the end."""
        together, rows = [first], first.rows
        while rows < MAX_TOGETHER:
            try:
                asked = self._waiting.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                return together, True
            if not isinstance(asked, _Asked):
                return together, asked
            together.append(asked)
            rows += asked.rows
        return together, False

    def _bring(self, session: Session, together: list[_Asked]) -> list[Given]:
        asked, distribute = questions([one.wanted for one in together], self._queries, None)
        with before_it_counts(session):
            answers = session.execute_together(asked)
        return distribute(answers)
