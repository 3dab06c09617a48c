"""A running event loop on a thread of its own, for what does its work on the loop of whoever asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from strongroom.wire.exchange import Answer, Outcome, Pending, waited

if TYPE_CHECKING:
    from strongroom.promises import Awaited
    from strongroom.storage.base import Foreseen, Given, Transaction, WantedVersion
    from strongroom.storage.postgresql import PostgresqlStorage

T = TypeVar("T")
WAIT_SECONDS = 30


class RunningLoop:
    """The loop; `close` it before what was used on it."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="a loop")
        self._thread.start()

    def told(self, ask: Callable[[], Awaited[T]]) -> Future[T]:
        """Ask on the loop, and return what can be waited for elsewhere."""
        told: Future[T] = Future()

        def tell(awaited: Awaited[T]) -> None:
            if told.set_running_or_notify_cancel():
                try:
                    told.set_result(awaited.result())
                except Exception as error:  # noqa: BLE001 - it is the caller's
                    told.set_exception(error)

        def begin() -> None:
            try:
                ask().add_done_callback(tell)
            except Exception as error:  # noqa: BLE001
                told.set_exception(error)

        self._loop.call_soon_threadsafe(begin)
        return told

    def answer(self, begin: Callable[[], Outcome]) -> Answer:
        """Return what an outcome comes to, when all that it waits for is asked for on the loop."""
        told: Future[Answer] = Future()

        def follow(outcome: Outcome) -> None:
            if isinstance(outcome, Pending):
                finish = outcome.finish
                outcome.future.add_done_callback(
                    lambda done: self._loop.call_soon_threadsafe(attempt, lambda: finish(done))
                )
            else:
                told.set_result(waited(outcome))

        def attempt(take: Callable[[], Outcome]) -> None:
            try:
                follow(take())
            except Exception as error:  # noqa: BLE001
                told.set_exception(error)

        self._loop.call_soon_threadsafe(attempt, begin)
        return told.result(WAIT_SECONDS)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class OnLoop:
    """A PostgreSQL storage of which changes are submitted and rows are brought on a loop; all else as it is."""

    def __init__(self, storage: PostgresqlStorage, loop: RunningLoop) -> None:
        self._storage = storage
        self.loop = loop
        self.bringer = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def submit(self, work: Callable[[Transaction], T], foreseen: Foreseen | None = None) -> Future[T]:
        return self.loop.told(lambda: self._storage.submit(work, foreseen))

    def access_key(self, access_key_id: str) -> Future[Given]:
        return self.loop.told(lambda: self._storage.bringer.access_key(access_key_id))

    def versions(self, wanted: tuple[WantedVersion, ...]) -> Future[Given]:
        return self.loop.told(lambda: self._storage.bringer.versions(wanted))

    def await_lanes(self, foreseen: Foreseen) -> None:
        """Ask until both are done on the loop itself."""
        self.submit(lambda _: None, foreseen).result(WAIT_SECONDS)
        self.access_key("nobody").result(WAIT_SECONDS)
        until = time.monotonic() + WAIT_SECONDS
        while self._storage._writer._lane is None or self._storage.bringer._lane is None:
            assert time.monotonic() < until, "no connection was made ready for the loop"
            time.sleep(0.01)


@contextmanager
def running_loop() -> Iterator[RunningLoop]:
    loop = RunningLoop()
    try:
        yield loop
    finally:
        loop.close()
