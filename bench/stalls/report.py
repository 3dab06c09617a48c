"""From waits to a table: pure, so that it can be tested without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, NamedTuple

from bench.table import digits, table

STALL_SECONDS: Final = 0.05
"""An answer that takes longer is a stall."""

SHARE: Final = 0.5
"""A stall is the machine's if during this much of it the disk was waited for, or a processor, by somebody else too."""

_COLUMNS: Final = (
    "meanwhile",
    "what was done",
    "s",
    "calls",
    "answers",
    "median ms",
    "p99 ms",
    "longest ms",
    "stalls",
    "of them the machine's",
    "fdatasync longest ms",
    "processor longest ms",
    "server cores",
    "others' cores",
)


class Wait(NamedTuple):
    """When something began (monotonic), and how many seconds it took."""

    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


class Summary(NamedTuple):
    """Seconds that answers took, and how many of them were stalls: in all, and by the machine's doing."""

    answers: int
    median: float
    p99: float
    longest: float
    stalls: int
    of_the_machine: int


@dataclass(frozen=True)
class Scene:
    """What was seen while one thing went on."""

    title: str
    done: str
    seconds: float
    answers: dict[str, Sequence[Wait]]
    failures: int
    disk: Sequence[Wait]
    processor: Sequence[Wait]
    server_cores: float
    others_cores: float


def summarise(answers: Sequence[Wait], *machine: Sequence[Wait]) -> Summary:
    """Return what answers took; `machine` are the waits, of the disk and of a processor, that no server could spare."""
    seconds = [answer.seconds for answer in answers]
    if not seconds:
        return Summary(0, 0.0, 0.0, 0.0, 0, 0)
    stalls = [answer for answer in answers if answer.seconds > STALL_SECONDS]
    blamed = [stall for stall in stalls if max(_overlap(stall, waits) for waits in machine) >= SHARE * stall.seconds]
    p99 = quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]
    return Summary(len(seconds), median(seconds), p99, max(seconds), len(stalls), len(blamed))


def _overlap(stall: Wait, waits: Sequence[Wait]) -> float:
    """Return for how long these waits, of which no two overlap, went on during a stall."""
    return sum(max(0.0, min(stall.ended, wait.ended) - max(stall.began, wait.began)) for wait in waits)


def render(scenes: Sequence[Scene]) -> str:
    """Return the table, a line for each kind of call in each scene."""
    return table(_COLUMNS, [_line(scene, calls) for scene in scenes for calls in scene.answers])


def _line(scene: Scene, calls: str) -> list[str]:
    found = summarise(scene.answers[calls], scene.disk, scene.processor)
    times = [found.median, found.p99, found.longest]
    machine = [max((wait.seconds for wait in waits), default=0.0) for waits in (scene.disk, scene.processor)]
    return [
        scene.title,
        scene.done + (f"; {scene.failures} calls FAILED" if scene.failures else ""),
        digits(scene.seconds),
        calls,
        f"{found.answers:,}",
        *(digits(1_000 * seconds) for seconds in times),
        str(found.stalls),
        str(found.of_the_machine),
        *(digits(1_000 * seconds) for seconds in machine),
        f"{scene.server_cores:.2f}",
        f"{scene.others_cores:.2f}",
    ]
