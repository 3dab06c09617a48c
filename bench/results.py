"""What was measured: points, their medians, and the file they are kept in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: one workload, one server, one round. `error` is set, and the rest 0, where it failed.

    Times in milliseconds and microseconds as named; memory in bytes; shares in cores. `generator_cores` is
    the CPU of wrk, `other_cores` that of everything but wrk and the server.
    """

    workload: str
    server: str
    connections: int
    round: int
    requests_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float = 0.0
    pss_bytes: int = 0
    generator_cores: float = 0.0
    other_cores: float = 0.0
    requests: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The rounds of one workload on one server: medians, and the spread of the request rate."""

    requests_per_second: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    pss_bytes: int
    generator_cores: float
    other_cores: float
    rounds: int


Key = tuple[str, int, str]
"""Workload, connections, server."""


@dataclass
class Results:
    """A run: where, of what, how, and every point so far."""

    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, Any]
    servers: dict[str, dict[str, str]]
    """Each server's title and guarantees."""
    workloads: dict[str, dict[str, str]]
    """Each workload's title and group, in the order of the plan."""
    began: str
    note: str = ""
    startup_seconds: dict[str, float] = field(default_factory=dict)
    idle_cores: dict[str, float] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, so that an interruption leaves the last state."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> Results:
        members = json.loads(path.read_text())
        points = [Point(**point) for point in members.pop("points")]
        return cls(**members, points=points)

    def failures(self) -> list[Point]:
        return [point for point in self.points if point.error is not None]

    def summaries(self) -> dict[Key, Summary]:
        """Return the medians of what succeeded, in the order of measuring."""
        groups: dict[Key, list[Point]] = {}
        for point in self.points:
            if point.error is None:
                groups.setdefault((point.workload, point.connections, point.server), []).append(point)
        return {key: summarise(points) for key, points in groups.items()}


def summarise(points: Iterable[Point]) -> Summary:
    """Return the medians over the rounds of one workload on one server; memory is the highest seen."""
    points = list(points)
    rates = [point.requests_per_second for point in points]
    return Summary(
        requests_per_second=statistics.median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50_ms=statistics.median(point.p50_ms for point in points),
        p99_ms=statistics.median(point.p99_ms for point in points),
        cpu_us=statistics.median(point.cpu_us for point in points),
        pss_bytes=max(point.pss_bytes for point in points),
        generator_cores=statistics.median(point.generator_cores for point in points),
        other_cores=statistics.median(point.other_cores for point in points),
        rounds=len(points),
    )
