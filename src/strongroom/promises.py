"""What is told later: the part of a future that callers use, and one for the thread of an event loop alone.

`concurrent.futures.Future` is for any thread, and pays for it with two locks; making one, telling it and asking it
takes as long as verifying a signature. Who asks and who tells are often on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

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
