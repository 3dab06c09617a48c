"""The shapes of the ledger: what AWS does, how that is known, and what Strongroom makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Evidence(StrEnum):
    """How a fact about AWS is known, the strongest first."""

    RECORDED = "recorded"
    VERIFIED = "verified"
    REPORTED = "reported"
    DOCUMENTED = "documented"
    EMULATORS = "emulators only"
    INFERRED = "inferred"


class State(StrEnum):
    """What Strongroom makes of a fact."""

    KEPT = "kept"
    UNTESTED = "untested"
    DIFFERS = "differs"
    NOT_BUILT = "not built"


RECORDED, VERIFIED, REPORTED = Evidence.RECORDED, Evidence.VERIFIED, Evidence.REPORTED
DOCUMENTED, EMULATORS, INFERRED = Evidence.DOCUMENTED, Evidence.EMULATORS, Evidence.INFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact. `tests` are node ids below `tests`, without parameters; `why` tells of whatever is not kept."""

    what: str
    evidence: Evidence
    state: State
    tests: tuple[str, ...] = ()
    why: str = ""
    operations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Row):
    """A text on the wire; `what` says when. `{...}` marks what is filled in.

    Attributes:
        number: its place in the catalogue, empty for one that stands outside of it.
        code: the error's name.
        text: the whole text.
        pieces: the texts in the sources that make up `text`, where it does not stand there as a whole.
    """

    code: str
    text: str
    number: str = ""
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Row):
    """Something nobody has evidence for: the `choice` taken and its `places`, each `module:name`."""

    number: int
    choice: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap(Row):
    """Something that emulators get wrong or leave out."""

    number: int


@dataclass(frozen=True, slots=True)
class Section:
    """The rows under one heading of the page."""

    title: str
    rows: tuple[Row, ...]


def kept(what: str, evidence: Evidence, *tests: str, why: str = "", operations: str = "") -> Row:
    """Return the row of a rule that is kept, and shown by tests; `operations` are separated by blanks."""
    return Row(
        what=what, evidence=evidence, state=State.KEPT, tests=tests, why=why, operations=tuple(operations.split())
    )


def untested(what: str, evidence: Evidence, why: str = "", *, operations: str = "") -> Row:
    """Return the row of a rule that the code keeps and no test shows."""
    return Row(what=what, evidence=evidence, state=State.UNTESTED, why=why, operations=tuple(operations.split()))


def differs(what: str, evidence: Evidence, why: str, *tests: str, operations: str = "") -> Row:
    """Return the row of a rule that Strongroom does not follow, and why."""
    return Row(
        what=what, evidence=evidence, state=State.DIFFERS, tests=tests, why=why, operations=tuple(operations.split())
    )


def not_built(what: str, evidence: Evidence, why: str, *tests: str, operations: str = "") -> Row:
    """Return the row of something that Strongroom does not have yet; `tests` show what it does instead."""
    return Row(
        what=what, evidence=evidence, state=State.NOT_BUILT, tests=tests, why=why, operations=tuple(operations.split())
    )
