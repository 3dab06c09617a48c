"""Changes of many calls in one transaction of PostgreSQL, where it is foreseen what they read.

What such a transaction does, and why it is safe, is told in `postgresql_transaction`; here is who carries it out.

Who submits on a running event loop has its transactions carried out there (`postgresql_write_lane`). Where there is
none, and while a connection for the loop is being made ready, a thread carries them out. Calls that come while a
transaction is under way go together in the next one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import psycopg

from strongroom.promises import Told
from strongroom.storage.base import Foreseen, StorageError, Transaction
from strongroom.storage.postgresql_channel import Channel, connected, handed_over
from strongroom.storage.postgresql_session import COMMIT, Lender, Session
from strongroom.storage.postgresql_transaction import (
    CONFLICTS,
    MAX_TOGETHER,
    Asking,
    Committing,
    ForeseenCall,
    OutcomeUnknownError,
    SharedTransactions,
    Step,
    failed,
)
from strongroom.storage.postgresql_write_lane import Record, WriteLane


@dataclass(frozen=True, slots=True)
class WritingMeans:
    """What the writer works with.

    Args:
        lender: makes what lends a session.
        record: writes entries to the journal, on disk.
        alone: makes a call in a transaction of its own, elsewhere, and tells its caller.
        disk: runs what waits for the disk, and nothing else.
    """

    lender: Callable[[], Lender]
    record: Record
    alone: Callable[[ForeseenCall], None]
    disk: Executor


class PostgresqlWriter:
    """The thread, the calls that wait for it, and the lane of the loop.

    One of each, because two would share out what waits, and share less.
    """

    def __init__(self, transactions: SharedTransactions, around: WritingMeans) -> None:
        self._transactions = transactions
        self._around = around
        self._lane: WriteLane | None = None
        self._has_lane_made = False
        self._closing = threading.Lock()
        self._closed = False
        self._waiting: queue.SimpleQueue[ForeseenCall | asyncio.AbstractEventLoop | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="postgresql-writer")
        self._thread.start()

    def submit(self, work: Callable[[Transaction], Any], foreseen: Foreseen) -> Future[Any]:
        """Have a change made; on the loop of who submits it on one, which must not wait for it.

        Raises:
            StorageError: it is closed.
        """
        call = ForeseenCall(work, foreseen, Told())
        with self._closing:
            if self._closed:
                raise StorageError("the storage is closed")
            lane = self._lane_here()
            if lane is None:
                self._waiting.put(call)
        if lane is not None:
            lane.submit(call)
        return call.told

    def close(self) -> None:
        """Finish what the thread was given, then stop. The loop that has submitted runs no more."""
        with self._closing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        if self._lane is not None:
            self._lane.close()

    # The loop

    def _lane_here(self) -> WriteLane | None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        lane = self._lane
        if lane is not None and lane.loop is loop and not lane.is_closed:
            return lane
        if not self._has_lane_made:
            self._has_lane_made = True
            self._waiting.put(loop)
        return None

    def _take_channel(self, channel: Channel | None) -> None:
        """Use a channel from now on; without one the next call has it tried again."""
        self._has_lane_made = False
        if channel is not None:
            former, around = self._lane, self._around
            self._lane = WriteLane(channel, self._transactions, around.record, around.disk, self._told)
            if former is not None:
                former.close()

    def _told(self, calls: Sequence[ForeseenCall]) -> None:
        for call in calls:
            if call.goes_alone and not call.is_presumed:
                self._around.alone(call)
            else:
                call.tell()

    # The thread

    def _run(self) -> None:
        lender = self._around.lender()
        behind: ForeseenCall | asyncio.AbstractEventLoop | None = self._waiting.get()
        while behind is not None:
            if isinstance(behind, ForeseenCall):
                behind = self._serve(lender, behind)
                continue
            channel = connected(behind, self._around.lender(), self._transactions.statements)
            handed_over(channel, behind, self._take_channel)
            behind = self._waiting.get()
        lender.give_back()

    def _serve(self, lender: Lender, first: ForeseenCall) -> ForeseenCall | asyncio.AbstractEventLoop | None:
        """Make a call with those that wait behind it; return what comes next."""
        together = [first]
        behind: ForeseenCall | asyncio.AbstractEventLoop | None = None
        has_more = True
        while has_more and len(together) < MAX_TOGETHER:
            try:
                behind = self._waiting.get_nowait()
            except queue.Empty:
                break
            has_more = isinstance(behind, ForeseenCall)
            if isinstance(behind, ForeseenCall):
                together.append(behind)
        self._perform(lender, together)
        self._told(together)
        return self._waiting.get() if has_more else behind

    def _perform(self, lender: Lender, together: list[ForeseenCall]) -> None:
        """Make the calls; afterwards each has its result, its error, or goes alone."""
        try:
            lender.use(lambda session: self._transact(session, together))
        except Exception as error:  # noqa: BLE001 - the thread must not end, nor a caller wait for ever
            failed(together, error)

    def _transact(self, session: Session, together: list[ForeseenCall]) -> None:
        steps = self._transactions.steps(together)
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                step = steps.send(answer) if error is None else steps.throw(error)
                answer, error = self._taken(session, step)
        except StopIteration:
            return
        except BaseException:
            session.roll_back()
            raise

    def _taken(self, session: Session, step: Step) -> tuple[Any, Exception | None]:
        """Take a step; return the answer, or the error."""
        try:
            if isinstance(step, Asking):
                return session.execute_together(step.statements), None
            if isinstance(step, Committing):
                self._commit(session, step)
        except Exception as error:  # noqa: BLE001 - it is the transaction's
            return None, error
        return None, None

    def _commit(self, session: Session, step: Committing) -> None:
        if step.statements:
            session.execute_together(step.statements)
        if step.entries:
            self._around.record(step.entries)
        try:
            session.execute_together([(COMMIT, {})])
        except CONFLICTS:
            raise
        except psycopg.Error as error:
            raise OutcomeUnknownError(f"{type(error).__name__}: {error}") from error
