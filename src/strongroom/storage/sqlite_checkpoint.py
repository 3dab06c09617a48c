"""Moves SQLite's write-ahead log into the database file, off the commit path, and erases it after deletions.

A passive checkpoint on a thread of its own does nearly all of the work. While calls keep coming it never
meets the end of the log, so the log would grow for ever: the rest, a few pages, is moved by the writer itself
between two batches, or by the thread when there are none, while no other process writes either. After that the log
begins anew. More than a few pages are never left to the writer: when a long reader, such as a backup, ends, all that
it kept in the log can be moved at once, and whoever does it is busy for seconds.

A checkpoint that does not meet the end of the log does not wait for the disk (walCheckpoint in SQLite's wal.c), so
the one that does would wait for all pages that others have moved. The thread flushes the database file after each of
its own, and so the writer waits for the rest alone.

When a wrapped key was deleted or replaced, the log is cut to nothing instead: its bytes are gone from the
database and from the log within a few seconds, or when the last long reader, such as a backup, has ended. The log
begins anew as usual meanwhile: cutting a long one takes the file system longer than callers should wait.
Nothing here waits for readers longer than `READERS_MS`; a log that is in use grows until they have ended.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Final

import apsw

from strongroom.storage.sqlite_turn import Turn

CHECKPOINT_AT_PAGES: Final = 4_000
"""Length of the log, in pages of 4 KiB, from which a checkpoint runs."""

REST_PAGES: Final = 200
"""What may be left to the writer."""

REST_SHARE: Final = 64
"""Of a long log one page in so many may be left, lest it grows for ever where calls come faster than a slow disk takes
them."""

MAX_ROUNDS: Final = 4
"""Passive checkpoints that try to leave no more than that."""

ERASE_AFTER_SECONDS: Final = 2.0
"""How long deletions are gathered before the log is cut."""

IDLE_SECONDS: Final = 0.05
"""How long the thread leaves the rest to the writer before it takes it for idle."""

READERS_MS: Final = 3

logger = logging.getLogger(__name__)


class Checkpointer:
    """Watches the log of the writer's connection; runs on a thread and a connection of its own."""

    def __init__(
        self,
        writer: apsw.Connection,
        connect: Callable[[], apsw.Connection],
        turn: Turn,
        *,
        busy_timeout_ms: int,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch the log of `writer`; `flush` returns when what was written to the database file is on disk. The `turn`
        is the checkpointer's own.
        """
        self._writer = writer
        self._connect = connect
        self._turn = turn
        self._busy_timeout_ms = busy_timeout_ms
        self._flush = flush
        self._pages = 0
        self._erasing = False
        self._erase_at = 0.0
        self._only_the_rest = False
        self._finishing = threading.Lock()
        self._wanted = threading.Event()
        self._finished = threading.Event()
        self._stopping = threading.Event()
        writer.set_wal_hook(self._on_commit)
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def after_commit(self, *, erases: bool = False) -> None:
        """Called by the writer between batches, when no transaction is open; `erases` after one that deleted keys."""
        if erases and not self._erasing:
            self._erase_at = time.monotonic() + ERASE_AFTER_SECONDS
            self._erasing = True
        if self._only_the_rest:
            self._finish(self._writer)
        if self._erasing or self._pages >= CHECKPOINT_AT_PAGES:
            self._wanted.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()
        self._finished.set()
        self._thread.join()

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        connection = self._connect()
        while not self._stopping.is_set():
            self._wanted.wait()
            self._gather_deletions()
            self._wanted.clear()
            if self._stopping.is_set():
                break
            with _postponed_on_failure():
                if self._catch_up(connection):
                    self._finished.clear()
                    self._only_the_rest = True
            if not self._stopping.is_set():  # `stop` says so before it ends this wait, which was cleared just now
                (self._finished if self._only_the_rest else self._stopping).wait(IDLE_SECONDS)
            self._finish(connection)
            if self._erasing:
                self._wanted.set()
        with _postponed_on_failure(), self._turn:
            connection.set_busy_timeout(READERS_MS)  # other processes may be there, and read or write on
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()
        self._turn.close()

    def _gather_deletions(self) -> None:
        """Wait before the log is cut for deletions, unless it gets long meanwhile."""
        while self._erasing and self._pages < CHECKPOINT_AT_PAGES and not self._stopping.is_set():
            left = self._erase_at - time.monotonic()
            if left <= 0:
                return
            self._stopping.wait(min(left, IDLE_SECONDS))

    def _catch_up(self, connection: apsw.Connection) -> bool:
        """Move what can be moved, and tell whether only a short rest is left."""
        pages = left = 0
        for _ in range(MAX_ROUNDS):
            pages, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            left = pages - moved
            self._flush()
            if left <= REST_PAGES:
                return True
        return left <= pages // REST_SHARE

    def _finish(self, connection: apsw.Connection) -> None:
        """Move the rest, unless the other thread does or has done so."""
        if not self._finishing.acquire(blocking=False):
            return
        try:
            if self._only_the_rest:
                self._only_the_rest = False
                with _postponed_on_failure(), self._turn:  # or another process would write on behind the end
                    self._move_rest(connection)
        finally:
            self._finished.set()
            self._finishing.release()

    def _move_rest(self, connection: apsw.Connection) -> None:
        if not self._erasing or time.monotonic() < self._erase_at:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            return
        self._erasing = False
        connection.set_busy_timeout(READERS_MS)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            self._erase_at = time.monotonic() + ERASE_AFTER_SECONDS
            self._erasing = True
            raise
        finally:
            connection.set_busy_timeout(self._busy_timeout_ms)


@contextlib.contextmanager
def _postponed_on_failure() -> Generator[None]:
    """Nothing is lost when a checkpoint fails: the log stays, and a later one moves it. Neither thread may end."""
    try:
        yield
    except apsw.BusyError:
        pass
    except (apsw.Error, OSError):
        logger.exception("A checkpoint failed; the write-ahead log grows until one succeeds")
