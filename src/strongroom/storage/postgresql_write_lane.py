"""Shared transactions on one channel to PostgreSQL, for calls that were submitted on an event loop.

Calls that come while a transaction is under way go together in the next one. They are worked out on the loop, a
millisecond at a time; only the journal is put on disk by a thread, while PostgreSQL makes the changes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from strongroom.storage.base import StorageError
from strongroom.storage.postgresql_channel import Channel
from strongroom.storage.postgresql_session import COMMIT, ROLLBACK
from strongroom.storage.postgresql_transaction import (
    MAX_TOGETHER,
    Asking,
    Committing,
    ForeseenCall,
    OutcomeUnknownError,
    SharedTransactions,
    Steps,
    failed,
)
from strongroom.storage.rows import Row

SLICE_SECONDS: Final = 0.001
"""How long the loop works out calls before it looks after its clients again."""

GATHER_SECONDS: Final = 0.002
"""How long a transaction waits for as many calls as there were when the last one ended (docs/adr/0022)."""

MAX_TRANSACTIONS: Final = 20_000
"""Transactions after which the connection is given back: the pool renews those that are old."""

Record: TypeAlias = Callable[[Sequence[bytes]], None]


@dataclass(slots=True)
class _Commit:
    """How far the last step of a transaction has come: the journal, and what PostgreSQL does meanwhile."""

    is_recorded: bool = False
    refusal: Exception | None = None
    """Why the journal was not put on disk. Then nothing is committed."""

    loss: Exception | None = None
    """Why PostgreSQL can be asked no more, if that showed before the journal was on disk."""


class WriteLane:
    """One transaction at a time, for those who wait together; used on the thread of its loop alone.

    `told` gets the calls of a transaction when it has ended, those that were left over too. `disk` runs `record`, which
    puts the journal on disk. When the connection fails the lane is closed.
    """

    def __init__(
        self,
        channel: Channel,
        transactions: SharedTransactions,
        record: Record,
        disk: Executor,
        told: Callable[[Sequence[ForeseenCall]], None],
    ) -> None:
        self.loop = channel.loop
        self._channel = channel
        self._transactions = transactions
        self._record = record
        self._disk = disk
        self._told = told
        self._count = 0
        self._expected = 0
        self._gathering: asyncio.Handle | None = None
        self._waiting: deque[ForeseenCall] = deque()
        self._under_way: list[ForeseenCall] = []
        self._steps: Steps | None = None
        self._failure: Exception | None = None
        self._commit: _Commit | None = None
        channel.listen(self._go_on, self._throw)

    @property
    def is_closed(self) -> bool:
        return self._channel.is_lost and not self._under_way

    def submit(self, call: ForeseenCall) -> None:
        """Make a call, together with all that are submitted in this turn of the loop or before it is their turn."""
        self._waiting.append(call)
        if not self._under_way:
            self._gather()

    def close(self) -> None:
        """Give the connection back; what is under way is undone, or as good as, and nobody is told that it is done."""
        self._channel.close()
        left, self._under_way = [*self._under_way, *self._waiting], []
        self._waiting.clear()
        failed(left, StorageError("the storage is closed"))
        self._told(left)

    def _gather(self) -> None:
        """Wait a moment for as many calls as there were when the last transaction ended: the answered ask again."""
        if self._gathering is None:
            self._gathering = self.loop.call_later(GATHER_SECONDS, self._set_out)
        if len(self._waiting) >= self._expected:
            self._gathering.cancel()
            self._gathering = self.loop.call_soon(self._set_out)

    def _set_out(self) -> None:
        self._gathering = None
        if self._under_way or not self._waiting:
            return
        if self._channel.is_lost or self._count >= MAX_TRANSACTIONS:
            self._retire()
            return
        self._count += 1
        self._under_way = [self._waiting.popleft() for _ in range(min(MAX_TOGETHER, len(self._waiting)))]
        self._steps = self._transactions.steps(self._under_way)
        self._failure = self._commit = None
        self._take_steps(None)

    def _go_on(self, answer: list[list[Row]]) -> None:
        if self._failure is None:
            self._take_steps(answer, None if self._commit is None else self._commit.refusal)
        else:  # that was the answer to ROLLBACK
            self._end()

    def _throw(self, error: Exception) -> None:
        """Take a failed round trip into account."""
        commit = self._commit
        if self._failure is None and commit is None:
            self._take_steps(None, error)
        elif self._failure is None and commit is not None:
            self._throw_at_commit(commit, error)
        else:  # not even ROLLBACK: the server undoes what a lost connection leaves
            self._end()

    def _take_steps(self, answer: Any, error: Exception | None = None) -> None:
        steps, until = self._steps, time.perf_counter() + SLICE_SECONDS
        assert steps is not None
        try:
            while True:
                step = steps.send(answer) if error is None else steps.throw(error)
                answer = error = None
                if isinstance(step, Asking):
                    self._channel.ask(step.statements)
                    return
                if isinstance(step, Committing):
                    self._begin_commit(step)
                    return
                if time.perf_counter() >= until:
                    self.loop.call_soon(self._take_steps, None)
                    return
        except StopIteration:
            self._end()
        except Exception as failure:  # noqa: BLE001 - whatever it is, its callers are told
            self._undo(failure)

    def _begin_commit(self, step: Committing) -> None:
        """Have the changes made while the journal is put on disk; COMMIT follows when it is there."""
        if step.statements:
            self._channel.begin(step.statements)
            if self._channel.is_lost:  # that is told in the next turn: nothing is recorded
                return
        commit = self._commit = _Commit()

        def come_back(done: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._recorded, commit, _failure_of(done))

        if step.entries:
            self._disk.submit(self._record, step.entries).add_done_callback(come_back)
        else:
            self._recorded(commit, None)

    def _recorded(self, commit: _Commit, refusal: Exception | None) -> None:
        if not self._under_way:  # closed meanwhile, and everybody told
            return
        commit.is_recorded, commit.refusal = True, refusal
        if commit.loss is not None:
            self._take_steps(None, refusal or commit.loss)
        elif refusal is None:
            self._channel.ask([(COMMIT, {})])
        else:  # what was begun is ended; then it is undone
            self._channel.ask([])

    def _throw_at_commit(self, commit: _Commit, error: Exception) -> None:
        if not commit.is_recorded:
            commit.loss = error
        elif commit.refusal is not None:
            self._take_steps(None, commit.refusal)
        elif self._channel.is_lost:
            self._take_steps(None, OutcomeUnknownError(f"{type(error).__name__}: {error}"))
        else:  # refused, and COMMIT passed over
            self._take_steps(None, error)

    def _undo(self, failure: Exception) -> None:
        self._failure = failure
        failed(self._under_way, failure)
        if self._channel.is_lost:
            self._end()
        else:
            self._channel.ask([(ROLLBACK, {})])

    def _end(self) -> None:
        made, self._under_way, self._steps = self._under_way, [], None
        self._expected = min(MAX_TOGETHER, len(made) + len(self._waiting))
        self._told(made)
        if self._channel.is_lost:
            self._retire()
        elif self._waiting:
            self._gather()

    def _retire(self) -> None:
        """Close the channel, and have whoever waits make the call alone."""
        self._channel.close()
        waiting = list(self._waiting)
        self._waiting.clear()
        for call in waiting:
            call.goes_alone = True
        self._told(waiting)


def _failure_of(done: Future[None]) -> Exception | None:
    error = done.exception()
    return error if error is None or isinstance(error, Exception) else RuntimeError(repr(error))
