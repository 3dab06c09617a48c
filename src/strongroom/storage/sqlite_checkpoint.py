"""Moves SQLite's write-ahead log into the database file, off the commit path."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator
from typing import Final

import apsw

CHECKPOINT_AT_PAGES: Final = 1_000
"""Length of the log, in pages of 4 KiB, from which a passive checkpoint runs."""

RESTART_AT_PAGES: Final = 32_000
"""Length from which the writer itself waits for a checkpoint, so that the log stays below about 128 MiB."""

logger = logging.getLogger(__name__)


class Checkpointer:
    """Watches the log of the writer's connection; runs on a thread and a connection of its own."""

    def __init__(self, writer: apsw.Connection, connect: Callable[[], apsw.Connection]) -> None:
        self._writer = writer
        self._connect = connect
        self._pages = 0
        self._wanted = threading.Event()
        self._stopping = False
        writer.set_wal_hook(self._on_commit)
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def after_commit(self) -> None:
        """Called by the writer between batches, when no transaction is open."""
        if self._pages >= RESTART_AT_PAGES:
            with _postponed_on_failure():
                self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        elif self._pages >= CHECKPOINT_AT_PAGES:
            self._wanted.set()

    def stop(self) -> None:
        self._stopping = True
        self._wanted.set()
        self._thread.join()

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        connection = self._connect()
        while not self._stopping:
            self._wanted.wait()
            self._wanted.clear()
            with _postponed_on_failure():
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        with _postponed_on_failure():
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()


@contextlib.contextmanager
def _postponed_on_failure() -> Generator[None]:
    """Nothing is lost when a checkpoint fails: the log stays, and a later one moves it. Neither thread may end."""
    try:
        yield
    except apsw.BusyError:
        pass
    except apsw.Error:
        logger.exception("A checkpoint failed; the write-ahead log grows until one succeeds")
