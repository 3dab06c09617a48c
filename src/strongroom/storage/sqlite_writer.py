"""The thread of a process through which all of its changes to an SQLite database go, many in one commit.

Calls that wait together share one commit, hence one flush of the log and one of the journal. Who submits on a running
event loop has its call worked out there, while the thread waits: the interpreter lets one thread run Python at a time,
and a statement lets go of it. Beside a busy loop the thread would wait for its turn again after each statement, some
twenty times a call. So the thread does what waits for other processes and for the disk, and the loop the rest, a
millisecond at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import apsw

from strongroom.storage.base import StorageError
from strongroom.storage.sql import Queries
from strongroom.storage.sqlite_batch import Batch
from strongroom.storage.sqlite_changes import ChangeNotes
from strongroom.storage.sqlite_checkpoint import Checkpointer
from strongroom.storage.sqlite_draft import Standing, WaitingCall
from strongroom.storage.sqlite_turn import Turn
from strongroom.storage.sqlite_watched import Watched

T = TypeVar("T")

MAX_BATCH: Final = 256
"""Calls that may share one COMMIT."""

GATHER_SECONDS: Final = 0.002
"""How long a commit waits for as many calls as the last one had. Callers that were just answered ask again one after
the other; without this the first of them has a commit, and its waiting for the disk, to itself."""

GATHER_STEP_SECONDS: Final = 0.0005

SLICE_SECONDS: Final = 0.001
"""How long a loop works out calls, or drafts of them, before it looks after its clients again."""

WATCH_LOOP_SECONDS: Final = 0.1
"""How soon it is noticed that a loop has stopped."""


@dataclass(frozen=True, slots=True)
class Commits:
    """What a commit is made with, beside its connection."""

    queries: Queries
    watched: Watched
    notes: ChangeNotes
    record: Callable[[Sequence[bytes]], None]
    """Puts journal entries on disk."""
    committed: Callable[[int], None]
    """Told after each commit of how many calls."""


class SqliteWriter:
    """Makes changes. `submit` and `close` are for any thread."""

    def __init__(self, connection: apsw.Connection, turn: Turn, checkpointer: Checkpointer, commits: Commits) -> None:
        self._connection = connection
        self._turn = turn
        self._checkpointer = checkpointer
        self._commits = commits
        self._waiting: deque[WaitingCall] = deque()
        self._came = threading.Event()
        self._closing = threading.Lock()
        self._closed = False
        self._waits_since: float | None = None
        self._shared = 0
        self._thread = threading.Thread(target=self._run, name="sqlite-writer")
        self._thread.start()

    def submit(self, calls: Iterable[WaitingCall]) -> None:
        """Have changes made: on their loops if they have one, which must not wait for it, and as in drafts that stand.

        Raises:
            StorageError: it is closed.
        """
        with self._closing:
            if self._closed:
                raise StorageError("the storage is closed")
            self._waiting.extend(calls)
        self._came.set()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    @property
    def shared(self) -> int:
        """How many calls the last commit had."""
        return self._shared

    def waits_longer_than(self, seconds: float) -> bool:
        """Tell whether other processes have kept this one from writing for so long."""
        since = self._waits_since
        return since is not None and time.monotonic() - since > seconds

    def close(self) -> None:
        """Finish what was submitted, and stop."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._came.set()
        self._thread.join()
        self._turn.close()

    def _run(self) -> None:
        while self._some_wait():
            if not self._turn.is_taken():  # else more come while this one waits for its turn
                self._await_others(self._shared)
            self._waits_since = time.monotonic()
            with self._turn:
                self._waits_since = None
                batch = self._gather()
                self._shared = len(batch)
                self._commit(batch)
            for call in batch:
                with contextlib.suppress(Exception):  # one caller gone must not silence the others
                    if call.error is None:
                        call.future.set_result(call.result)
                    else:
                        call.future.set_exception(call.error)
            self._checkpointer.after_commit(erases=self._commits.watched.erased())
        self._connection.close()
        self._checkpointer.stop()

    def _some_wait(self) -> bool:
        """Wait until there is a call, and return True; or return False when there will be none any more."""
        while not self._waiting:
            if self._closed:
                return bool(self._waiting)  # what came just before the end
            self._came.wait()
            self._came.clear()
        return True

    def _await_others(self, most: int) -> None:
        """Wait until so many calls wait, for a moment at most."""
        deadline = time.monotonic() + GATHER_SECONDS
        while len(self._waiting) < most and time.monotonic() < deadline:
            time.sleep(GATHER_STEP_SECONDS)

    def _gather(self) -> list[WaitingCall]:
        """Return the calls that wait, as many as may share a commit."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]

    def _commit(self, batch: list[WaitingCall]) -> None:
        """Make the calls; afterwards each has its result or its error."""
        connection, commits = self._connection, self._commits
        work = Batch(connection, commits.watched, commits.queries, Standing(commits.notes.changed_since))
        try:
            connection.execute("BEGIN IMMEDIATE")
            commits.watched.forget()
            for loop, calls in _by_loop(batch).items():
                if loop is None:
                    work.perform_all(calls)
                else:
                    _Share(loop, calls, work).wait()
            commits.record([entry for call in work.calls for entry in call.entries])
            commits.notes.write(commits.watched.reach.taken())
            connection.execute("COMMIT")
            commits.notes.committed()
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody's change is on disk
            with contextlib.suppress(apsw.Error):  # SQLite may have undone it by itself
                connection.execute("ROLLBACK")
            failure = StorageError(f"{type(error).__name__}: {error}")
            failure.__cause__ = error
            for call in batch:
                call.error = failure
        else:
            commits.committed(sum(call.error is None for call in batch))


def _by_loop(batch: Iterable[WaitingCall]) -> dict[asyncio.AbstractEventLoop | None, list[WaitingCall]]:
    shares: dict[asyncio.AbstractEventLoop | None, list[WaitingCall]] = {}
    for call in batch:
        shares.setdefault(call.loop, []).append(call)
    return shares


class _Share:
    """The calls of a batch that are worked out on a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: Iterable[WaitingCall], batch: Batch) -> None:
        self._loop = loop
        self._calls = deque(calls)
        self._batch = batch
        self._error: BaseException | None = None
        self._done = threading.Event()

    def wait(self) -> None:
        """Have them performed, and wait for it. Raises what kept one from being performed."""
        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._slice)
            while not self._done.wait(WATCH_LOOP_SECONDS):
                if not self._loop.is_running():
                    break
        if self._error is not None:
            raise self._error
        while self._calls:  # of a loop that has stopped: nobody but this thread takes any more
            self._batch.perform(self._calls.popleft())
        self._batch.tell()

    def _slice(self) -> None:
        until = time.perf_counter() + SLICE_SECONDS
        try:
            while self._calls:
                self._batch.perform(self._calls.popleft())
                if self._calls and time.perf_counter() >= until:
                    self._loop.call_soon(self._slice)
                    return
            self._batch.tell()
        except BaseException as error:  # noqa: BLE001 - it is the batch's
            self._error = error
            self._calls.clear()
        self._done.set()
