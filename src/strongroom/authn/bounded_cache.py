"""A dictionary that forgets what was not asked for lately."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """At most `capacity` entries in two generations; the older one goes when the younger one is full.

    What is asked for moves to the younger generation, so half of `capacity` entries in use always stay.
    Several threads may share a cache: each step is one operation of a dictionary, and threads that
    collide may at worst miss, or keep an entry for longer than needed.
    """

    __slots__ = ("_half", "_older", "_younger")

    def __init__(self, capacity: int) -> None:
        self._half = capacity // 2
        self._younger: dict[Key, Value] = {}
        self._older: dict[Key, Value] = {}

    def find(self, key: Key) -> Value | None:
        value = self._younger.get(key)
        if value is None:
            value = self._older.get(key)
            if value is not None:
                self.keep(key, value)
        return value

    def keep(self, key: Key, value: Value) -> None:
        if len(self._younger) >= self._half:
            self._older, self._younger = self._younger, {}
        self._younger[key] = value

    def forget(self, key: Key) -> None:
        self._younger.pop(key, None)
        self._older.pop(key, None)

    def __len__(self) -> int:
        return len(self._younger.keys() | self._older.keys())
