"""What was worked out for a read, for as long as nothing at all has been committed since.

A storage gives a mark that changes with every commit. While it is the same, the same question by the same
caller has the same answer: whether the caller may, which version is meant, whether its key may be used.
Nothing is recalled under another mark, so nothing is ever stale; a change forgets everything, data keys
of purged secrets among it. Signatures are verified, values decrypted and records written each time.

Only used by the thread of the event loop.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, TypeAlias

Mark: TypeAlias = bytes | str
"""Changes with everything that is committed."""

CAPACITY: Final = 8_192
"""Answers recalled. When there are more, all are forgotten: the next reads fill it again."""

MAX_SEALED_BYTES: Final = 4_096
"""Longest sealed value that is kept to be opened again, so that all of them together stay below 32 MiB."""


class Recall:
    """Answers by their questions, under one mark."""

    def __init__(self) -> None:
        self._mark: Mark | None = None
        self._answers: dict[Hashable, Any] = {}

    def find(self, question: Hashable, mark: Mark | None) -> Any:
        """Return what was worked out under this very mark, None if nothing was."""
        if mark is None:
            return None
        if mark != self._mark:
            self._answers.clear()
            self._mark = mark
        return self._answers.get(question)

    def keep(self, question: Hashable, answer: Any, mark: Mark | None) -> None:
        """Keep what was worked out from a snapshot that began and ended under `mark`."""
        if mark is None or mark != self._mark:
            return
        if len(self._answers) >= CAPACITY:
            self._answers.clear()
        self._answers[question] = answer

    def __len__(self) -> int:
        return len(self._answers)
