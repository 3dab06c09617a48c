"""What was worked out for a read, for as long as nothing that it depends on has been committed since.

A storage gives a mark that changes with every commit, and tells, if it knows, which secrets were changed between
two marks. The same question by the same caller has the same answer until then: whether the caller may, which
version is meant, whether its key may be used. An answer about a secret is forgotten with the first change of that
secret; whatever else is changed (identities, keys, accounts, or nobody knows what) makes everything forgotten. So
nothing is ever stale, and data keys of purged secrets do not stay. Signatures are verified, values decrypted and
records written each time.

Answers are of two generations. What was asked for lately is in the younger one; when that is full, it becomes the older
one, and what was there and was not asked for meanwhile is forgotten.

Only used by the thread of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, Final, TypeAlias

Mark: TypeAlias = bytes | str
"""Changes with everything that is committed."""

Subject: TypeAlias = bytes
"""What stands for a secret: eight bytes. Two secrets of the same are forgotten together."""

Changed: TypeAlias = Callable[[Mark, Mark], frozenset[Subject] | None]
"""Tells which secrets were changed between two marks; None if it may be anything."""

CAPACITY: Final = 6_144
"""Answers recalled, of both generations."""

MAX_SEALED_BYTES: Final = 4_096
"""Longest sealed value that is kept to be opened again, so that all of them together stay below 24 MiB."""


def subject_of(arn: str) -> Subject:
    """Return what stands for a secret."""
    return blake2b(arn.encode(), digest_size=8).digest()


class _Generation:
    """Answers and what they are about, by their questions."""

    __slots__ = ("about", "answers")

    def __init__(self) -> None:
        self.answers: dict[Hashable, tuple[Any, Subject | None]] = {}
        self.about: dict[Subject, list[Hashable]] = {}

    def keep(self, question: Hashable, answer: Any, subject: Subject | None) -> None:
        if subject is not None:
            about = self.about.setdefault(subject, [])
            if question not in self.answers or question not in about:
                about.append(question)
        self.answers[question] = answer, subject

    def forget(self, subject: Subject) -> None:
        for question in self.about.pop(subject, ()):
            self.answers.pop(question, None)


class Recall:
    """Answers by their questions, under one mark. Without `changed` every commit makes everything forgotten."""

    def __init__(self, changed: Changed = lambda _old, _new: None) -> None:
        self._changed = changed
        self._mark: Mark | None = None
        self._younger = _Generation()
        self._older = _Generation()

    def find(self, question: Hashable, mark: Mark | None) -> Any:
        """Return what was worked out and still holds under this mark, None if nothing does."""
        if mark is None:
            return None
        if mark != self._mark:
            self._move_to(mark)
        known = self._younger.answers.get(question)
        if known is None:
            known = self._older.answers.get(question)
            if known is None:
                return None
            self._keep(question, *known)
        return known[0]

    def keep(self, question: Hashable, answer: Any, mark: Mark | None, subject: Subject | None = None) -> None:
        """Keep what was worked out from a snapshot that began and ended under `mark`.

        With a `subject` it depends on that secret besides what is no secret's; without one on no secret at all.
        """
        if mark is not None and mark == self._mark:
            self._keep(question, answer, subject)

    def forget(self) -> None:
        """Forget everything."""
        self._younger, self._older = _Generation(), _Generation()

    def __len__(self) -> int:
        return len(self._younger.answers.keys() | self._older.answers.keys())

    def _keep(self, question: Hashable, answer: Any, subject: Subject | None) -> None:
        if len(self._younger.answers) >= CAPACITY // 2:
            self._older, self._younger = self._younger, _Generation()
        self._younger.keep(question, answer, subject)

    def _move_to(self, mark: Mark) -> None:
        changed = None if self._mark is None else self._changed(self._mark, mark)
        if changed is None:
            self.forget()
        else:
            for subject in changed:
                self._younger.forget(subject)
                self._older.forget(subject)
        self._mark = mark
