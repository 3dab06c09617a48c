"""Calls on their way to the writer: they are passed on together, at the end of the turn of the loop that brought them.

If somebody writes just then they have to wait, and their drafts are made meanwhile. A draft costs more than working the
call out in its turn, for its connection reads anew what other connections have committed; so none is made of a call
that need not wait, or whose turn is short anyway. In a row drafts cost a third less than each by itself between two
requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import apsw

from strongroom.recall import Mark
from strongroom.storage.base import StorageError
from strongroom.storage.sqlite_draft import Drafts, WaitingCall
from strongroom.storage.sqlite_writer import SLICE_SECONDS

logger = logging.getLogger(__name__)


class Drafter:
    """Calls on their way to the writer. Used on the thread of a loop and of the connection, but for `pass_on`."""

    def __init__(
        self,
        cursor: apsw.Cursor,
        drafts: Drafts,
        pays: Callable[[], bool],
        mark: Callable[[], Mark | None],
        submit: Callable[[Sequence[WaitingCall]], None],
    ) -> None:
        """Take a cursor of a reader's connection, what makes drafts with it, what tells whether that pays now, and
        where calls go then.
        """
        self._cursor = cursor
        self._drafts = drafts
        self._pays = pays
        self._mark = mark
        self._submit = submit
        self._calls: deque[WaitingCall] = deque()

    def take(self, call: WaitingCall, loop: asyncio.AbstractEventLoop) -> None:
        """Have a call submitted at the end of this turn of the loop, with a draft if it has to wait anyway."""
        self._calls.append(call)
        if len(self._calls) == 1:
            loop.call_soon(self._slice, loop)

    def pass_on(self) -> None:
        """Submit what is there as it is. On any thread, when the loop has stopped."""
        taken: list[WaitingCall] = []
        self._take_all(taken)
        self._submit(taken)

    def _slice(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._calls:  # they were passed on
            return
        taken: list[WaitingCall] = []
        try:
            if self._pays():
                self._draft(taken)
            else:
                self._take_all(taken)
        finally:  # whatever happened, they are owed an answer
            self._submit_together(taken)
            if self._calls:
                loop.call_soon(self._slice, loop)

    def _draft(self, taken: list[WaitingCall]) -> None:
        """Take calls for as long as a slice lasts, and give them drafts where that can be done."""
        until = time.perf_counter() + SLICE_SECONDS
        mark = self._mark()
        if mark is None:
            self._take_all(taken)
            return
        try:
            self._drafts.begin(mark)
            self._cursor.execute("BEGIN")
            try:
                while self._calls:
                    call = self._calls.popleft()
                    taken.append(call)
                    call.draft = self._drafts.make(call.work)
                    if time.perf_counter() >= until:
                        break
            finally:
                self._cursor.execute("COMMIT")
        except Exception:
            logger.exception("No drafts can be made; changes are worked out in their turn")
            self._take_all(taken)

    def _take_all(self, taken: list[WaitingCall]) -> None:
        with suppress(IndexError):  # whoever else takes some, each is taken once
            while True:
                taken.append(self._calls.popleft())

    def _submit_together(self, calls: list[WaitingCall]) -> None:
        try:
            self._submit(calls)
        except StorageError as error:
            for call in calls:
                call.future.set_exception(error)
