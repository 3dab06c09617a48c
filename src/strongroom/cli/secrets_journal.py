"""The journal of a bulk change: what is to be done, and what was done, so that an interrupted run can go on.

Rules:
- The first line says what is done, where and to which secrets (ARNs); it is on disk before the first change. After
  each change a line is added and put on disk.
- A run that goes on reads it, passes over the secrets that have a line, and adds lines to the same file. The last
  line may be torn by a crash: it is cut off, and that secret is looked at again. A change that was made but not
  written down is found out by the secret's state, and not made twice.
- The file has names and outcomes, no value. It is its owner's alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from strongroom.errors import OperatorError

VERSION: Final = 1

_encode: Final = msgspec.json.Encoder().encode


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk change does: the journal's first line."""

    version: int = VERSION
    action: str
    account_id: str
    region: str
    started_at: datetime
    recovery_window_in_days: int | None = None
    force: bool = False
    secrets: list[str] = []


class Outcome(msgspec.Struct, frozen=True):
    """What came of one secret: deleted, restored, nothing to do, kept, or refused and why."""

    arn: str
    name: str
    outcome: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """A plan with the outcomes so far."""

    path: Path
    plan: Plan
    done: dict[str, Outcome]

    def run(self, change: Callable[[str], Outcome], progress: Callable[[int, int, Outcome], None]) -> list[Outcome]:
        """Do what is not done yet, one after the other, and return all outcomes."""
        with self.path.open("ab") as file:
            for number, arn in enumerate(self.plan.secrets, start=1):
                if arn in self.done:
                    continue
                outcome = change(arn)
                _append(file.fileno(), outcome)
                self.done[arn] = outcome
                progress(number, len(self.plan.secrets), outcome)
        return [self.done[arn] for arn in self.plan.secrets]


def begin(path: Path, plan: Plan) -> Journal:
    """Write a new journal. Raises OperatorError if the file is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OperatorError(
            f"The journal {path} cannot be made.", why=str(error), next_step="name another file with --journal"
        ) from error
    try:
        _append(descriptor, plan)
    finally:
        os.close(descriptor)
    return Journal(path, plan, {})


def resume(path: Path) -> Journal:
    """Read a journal, and cut off a line that a crash has torn. Raises OperatorError."""
    try:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        first, *lines = whole.splitlines()
        plan = msgspec.json.decode(first, type=Plan)
        outcomes = [msgspec.json.decode(line, type=Outcome) for line in lines]
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    if plan.version != VERSION:
        raise _unreadable(path, f"it has version {plan.version}")
    os.truncate(path, len(whole))
    return Journal(path, plan, _by_arn(outcomes))


def _by_arn(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    return {outcome.arn: outcome for outcome in outcomes}


def _append(descriptor: int, line: Plan | Outcome) -> None:
    os.write(descriptor, _encode(line) + b"\n")
    os.fsync(descriptor)


def _unreadable(path: Path, why: str) -> OperatorError:
    return OperatorError(
        f"The journal {path} cannot be read.", why=why, next_step="name the file that the interrupted run has printed"
    )
