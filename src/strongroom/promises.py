"""What is told later: the part of a future that callers use, one for the thread of an event loop alone, and one for any
thread.

`concurrent.futures.Future` is for any thread, and pays for it with two locks; making one, telling it and asking it
takes as long as verifying a signature. Who asks and who tells are often on one thread, and hardly anybody waits.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Awaited(Protocol[T_co]):
    """What is or will be known. A `Future` is one, of which `result` waits."""

    def result(self) -> T_co: ...
    def add_done_callback(self, fn: Callable[[Any], Any], /) -> None:
        """Have a callable called with this object when it is told; at once if it has been."""
        ...


class Promise(Generic[T]):
    """Told once, with a value or an error. Only for one thread: nobody can wait for it."""

    __slots__ = ("_callbacks", "_error", "_is_told", "_value")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], Any]] = []
        self._error: BaseException | None = None
        self._is_told = False
        self._value: T

    def tell(self, value: T) -> None:
        self._value = value
        self._call_back()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._call_back()

    def result(self) -> T:
        """Return what was told. Raises the error if it was one, and RuntimeError before anything was."""
        if self._error is not None:
            raise self._error
        if not self._is_told:
            raise RuntimeError("a promise cannot be waited for")
        return self._value

    def add_done_callback(self, fn: Callable[[Any], Any], /) -> None:
        if self._is_told:
            fn(self)
        else:
            self._callbacks.append(fn)

    def _call_back(self) -> None:
        self._is_told = True
        callbacks, self._callbacks = self._callbacks, []
        for call_back in callbacks:
            call_back(self)


class Told(Future[T]):
    """A future that is told once, by whoever made it, and cannot be cancelled. It has no lock: who waits makes one."""

    def __init__(self) -> None:  # the locks are what the base class would make
        self._callbacks: deque[Callable[[Future[T]], object]] = deque()
        self._failure: BaseException | None = None
        self._is_told = False
        self._value: T

    def set_result(self, result: T) -> None:
        self._value = result
        self._call_back()

    def set_exception(self, exception: BaseException | None) -> None:
        self._failure = exception
        self._call_back()

    def result(self, timeout: float | None = None) -> T:
        """Return what was told, when it is; raise it if it was an error. Raises TimeoutError after so many seconds."""
        if not self._is_told:
            self._wait(timeout)
        if self._failure is not None:
            raise self._failure
        return self._value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if not self._is_told:
            self._wait(timeout)
        return self._failure

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        self._callbacks.append(fn)
        if self._is_told:  # whoever tells at this moment may not have seen it
            self._call_back()

    def done(self) -> bool:
        return self._is_told

    def running(self) -> bool:
        return not self._is_told

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def set_running_or_notify_cancel(self) -> bool:
        return True

    def _wait(self, timeout: float | None) -> None:
        told = threading.Event()
        self.add_done_callback(lambda _: told.set())
        if not told.wait(timeout):
            raise TimeoutError

    def _call_back(self) -> None:
        self._is_told = True
        while self._callbacks:
            try:
                call_back = self._callbacks.popleft()
            except IndexError:  # another thread took it
                return
            try:
                call_back(self)
            except Exception:
                logger.exception("What was to follow a call went wrong")
