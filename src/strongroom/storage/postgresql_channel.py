"""A connection to PostgreSQL whose round trips an event loop waits for, as it does for its clients.

A thread that waits for a round trip is woken at its end and wakes the loop then, and each of the two waits for the
other to let go of the interpreter: that cost as much as the round trip itself (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import psycopg
from psycopg_pool import PoolTimeout

from strongroom.storage.postgresql_session import Lender, Session, before_it_counts
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Query

Came: TypeAlias = Callable[[list[list[Row]]], None]
Failed: TypeAlias = Callable[[Exception], None]


class Channel:
    """One round trip at a time. Made on any thread by `connected`, used on that of its loop alone.

    `came` is called with the rows of each statement of a round trip, `failed` if it failed or could not be begun. A
    connection may also turn out to be lost while nothing is asked: `is_lost` tells, and what is asked then fails.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lender: Lender, session: Session) -> None:
        self.loop = loop
        self.is_closed = False
        self.is_busy = False
        self._lender = lender
        self._session = session
        self._descriptor = session.descriptor
        self._is_cut_off = False
        self._is_listening = False
        self._is_pushing = False
        self._came: Came
        self._failed: Failed

    @property
    def is_lost(self) -> bool:
        return self.is_closed or self._is_cut_off

    def listen(self, came: Came, failed: Failed) -> None:
        """Begin, also to notice the end of the connection when nothing is asked."""
        self._came, self._failed = came, failed
        self._is_listening = True
        self.loop.add_reader(self._descriptor, self._receive)

    def ask(self, statements: Sequence[tuple[Query, Params]]) -> None:
        """Begin a round trip, or end one that was begun with `begin`.

        One that cannot be begun fails in the next turn of the loop.
        """
        self._send(statements, is_whole=True)

    def begin(self, statements: Sequence[tuple[Query, Params]]) -> None:
        """Have the server work on statements whose round trip `ask` will end: it has failed if this has."""
        self._send(statements, is_whole=False)

    def _send(self, statements: Sequence[tuple[Query, Params]], *, is_whole: bool) -> None:
        self.is_busy = True
        try:
            if self._is_cut_off:
                raise psycopg.OperationalError("the connection is lost")
            while self._session.is_readable:  # no answer is due yet: it is a notice, or the end
                self._session.receive()
            if not self._session.send(statements, is_whole=is_whole):
                self._is_pushing = True
                self.loop.add_writer(self._descriptor, self._push)
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            self._note_loss()
            self.loop.call_soon(self._fail, error)

    def close(self) -> None:
        """Give the connection back; end it if it is not known what happens on it."""
        if self.is_closed:
            return
        self.is_closed = True
        self._stop_listening()
        if self.is_busy or self._is_cut_off or self._session.has_begun or self._session.is_lost:
            self._session.end()
        else:
            try:
                self._session.wait_again()
            except psycopg.Error:
                self._session.end()
        self._lender.give_back()

    def _receive(self) -> None:
        try:
            rows = self._session.receive()
            # uvloop tells of an error of a socket once, and never again of anything: it is read to its end at once.
            while rows is None and self._session.is_readable:
                rows = self._session.receive()
        except Exception as error:  # noqa: BLE001
            self._fail(error)
            return
        if rows is not None:
            self.is_busy = False
            self._came(rows)

    def _push(self) -> None:
        try:
            is_sent = self._session.push()
        except Exception as error:  # noqa: BLE001
            self._fail(error)
            return
        if is_sent:
            self._stop_pushing()

    def _fail(self, error: Exception) -> None:
        """Tell who asked; what is not known to have ended leaves the connection of no use to anybody."""
        was_asked, self.is_busy = self.is_busy, False
        self._note_loss()
        if was_asked and not self.is_closed:
            self._failed(error)

    def _note_loss(self) -> None:
        """Stop listening to what is of no use any more, in the very turn of the loop in which that shows.

        libpq closes a lost connection by itself, and its descriptor may be another one's in the next.
        """
        if self._session.is_receiving or self._session.is_lost:
            self._is_cut_off = True
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._is_listening and not self.loop.is_closed():
            self._is_listening = False
            self.loop.remove_reader(self._descriptor)
            self._stop_pushing()

    def _stop_pushing(self) -> None:
        if self._is_pushing:
            self._is_pushing = False
            self.loop.remove_writer(self._descriptor)


def connected(loop: asyncio.AbstractEventLoop, lender: Lender, statements: Sequence[Query]) -> Channel | None:
    """Return a channel on which these statements can be asked; None if there is no connection now. Waits."""

    def made_ready(session: Session) -> Session:
        with before_it_counts(session):
            session.stop_waiting(statements)
        return session

    try:
        return Channel(loop, lender, lender.use(made_ready))
    except (psycopg.Error, PoolTimeout):  # whoever asks without a channel is told what is wrong
        return None


def handed_over(
    channel: Channel | None, loop: asyncio.AbstractEventLoop, take: Callable[[Channel | None], None]
) -> None:
    """Have `take` called on the loop; the channel is closed if the loop has been closed meanwhile."""
    try:
        loop.call_soon_threadsafe(take, channel)
    except RuntimeError:
        if channel is not None:
            with suppress(psycopg.Error):
                channel.close()
