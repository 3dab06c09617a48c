"""One point: a warm-up, then the measured run, with the server's CPU time and memory around it."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from bench import generator, processes
from bench.generator import Load, RunFailed
from bench.results import Point
from bench.servers import Server
from bench.servers.base import ask, require_success
from bench.workloads import EVERY, LISTINGS, PAGE, Call, Workload

FIRST_GUESS: Final = 1_500
"""Writes a second that a server is expected to do before it was measured for the first time."""

RESERVE: Final = 1.7
"""How many more requests are signed than the warm-up asks for."""

GROWTH: Final = 2.5
"""How many times more are signed when they were used up all the same."""

MAX_ATTEMPTS: Final = 4
SAMPLING_SECONDS: Final = 1.0

QUIET_CORES: Final = 0.1
"""What may be busy when a point begins. A server that was asked before may still copy its trail into its index."""

QUIET_LOOK_SECONDS: Final = 0.5
MAX_QUIET_SECONDS: Final = 40.0
"""How long a point waits for that at most, on a machine that others use; *others' cores* tells of them."""


@dataclass
class Bench:
    """Measures points. `seconds` and `warm_up` are whole seconds, as wrk counts them."""

    directory: Path
    seconds: int
    warm_up: int
    _runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _rates: dict[tuple[str, str, int], float] = field(default_factory=dict)

    def point(self, workload: Workload, server: Server, connections: int, round_number: int) -> Point:
        """Return what was measured; a failure is a point as well, and says why."""
        try:
            return self._measured(workload, server, connections, round_number)
        except RunFailed as error:
            reason = f"{error}{self._one_more(workload, server)}"
            return Point(workload.name, server.name, connections, round_number, error=reason)

    def _measured(self, workload: Workload, server: Server, connections: int, round_number: int) -> Point:
        self._require_right(workload, server)
        await_quiet()
        key = (workload.name, server.name, connections)
        requests = self._signed(workload, server, connections, self._rates.get(key, FIRST_GUESS) * self.warm_up)
        warm = self._prepared(requests, server.urls(workload), connections, self.warm_up).run()
        if not _used_up(workload, warm):
            warm.require_right()
        rate = max(warm.requests / warm.seconds, 1.0)
        for _ in range(MAX_ATTEMPTS):
            if workload.once:
                requests = self._signed(workload, server, connections, rate * RESERVE * self.seconds)
            prepared = self._prepared(requests, server.urls(workload), connections, self.seconds)
            with Watch(server.roots) as watch:
                load = prepared.run()
            if not _used_up(workload, load):
                load.require_right()
                break
            rate *= GROWTH
        else:
            raise RunFailed("the signed requests ran out every time; give it a longer --warm-up")
        self._rates[key] = max(rate, load.requests / load.seconds)
        return _point(workload, server, connections, round_number, load, watch)

    def _signed(self, workload: Workload, server: Server, connections: int, expected: float) -> list[list[bytes]]:
        """Return requests signed now, a list for each node: as many as the run may use up, or walk round."""
        urls = server.urls(workload)
        used = urls[: max(1, min(connections, len(urls)))]
        count = math.ceil(expected) + connections if workload.once else workload.limit
        calls = workload.calls(next(self._runs))
        share = math.ceil(count / len(used))
        return [[server.encode(call, url) or b"" for call in itertools.islice(calls, share)] for url in used]

    def _prepared(
        self, requests: list[list[bytes]], urls: list[str], connections: int, seconds: int
    ) -> generator.Prepared:
        used = urls[: len(requests)]
        return generator.prepare(requests, used, connections=connections, seconds=seconds, directory=self.directory)

    def _require_right(self, workload: Workload, server: Server) -> None:
        """Ask each node once before it is measured, so that a wrong answer is seen with its text."""
        calls = workload.calls(next(self._runs))
        for url in server.urls(workload):
            call = next(calls)
            require_right(call, require_success(ask(url, server.encode(call, url) or b""), call).json())

    def _one_more(self, workload: Workload, server: Server) -> str:
        """Return what the server answers to one more request, for an error that says only how many failed."""
        call = next(workload.calls(next(self._runs)))
        url = server.urls(workload)[0]
        try:
            answer = ask(url, server.encode(call, url) or b"")
        except OSError as error:
            return f"; one more: {error}"
        text = answer.body[:200].decode(errors="replace") if answer.status >= 400 else ""  # noqa: PLR2004 - HTTP
        return f"; one more: {answer.status} {text}".rstrip()


def _used_up(workload: Workload, load: Load) -> bool:
    """Tell whether requests that may be sent once were sent again, which servers refuse or do for less."""
    return workload.once and load.walked > 1


def require_right(call: Call, answer: dict[str, Any]) -> None:
    """Refuse an answer that gives another number of secrets than was asked for. Raises RunFailed.

    A filtered page may be shorter than what matches: AWS allows it, and servers stop looking after a while.
    """
    if "SecretValues" in answer:
        least = most = len(call.members["SecretIdList"])
    elif "SecretList" in answer:
        size = next(size for size, region in LISTINGS.items() if region == call.region)
        least, most = (1, min(PAGE, size // EVERY)) if "Filters" in call.members else (PAGE, PAGE)
    else:
        return
    count = len(answer.get("SecretValues") or answer.get("SecretList") or ())
    if not least <= count <= most:
        raise RunFailed(f"{call.operation} answered with {count} secrets instead of {least} to {most}")


def _point(workload: Workload, server: Server, connections: int, round_number: int, load: Load, watch: Watch) -> Point:
    others = watch.busy_seconds - watch.cpu_seconds - load.cpu_seconds
    return Point(
        workload=workload.name,
        server=server.name,
        connections=connections,
        round=round_number,
        requests_per_second=load.requests / load.seconds,
        p50_ms=load.p50 * 1e3,
        p99_ms=load.p99 * 1e3,
        cpu_us=watch.cpu_seconds / load.requests * 1e6,
        pss_bytes=watch.peak_pss_bytes,
        generator_cores=load.cpu_seconds / watch.seconds,
        other_cores=max(0.0, others) / watch.seconds,
        requests=load.requests,
    )


def await_quiet(busy_seconds: Callable[[], float] = processes.machine_busy_seconds) -> None:
    """Return when the machine has little to do, or has not had little to do for long enough."""
    for _ in range(int(MAX_QUIET_SECONDS / QUIET_LOOK_SECONDS)):
        before = busy_seconds()
        time.sleep(QUIET_LOOK_SECONDS)
        if busy_seconds() - before <= QUIET_CORES * QUIET_LOOK_SECONDS:
            return


class Watch:
    """CPU time of a server's trees and of the machine over a while, and the trees' memory once a second."""

    def __init__(self, roots: list[int]) -> None:
        self.roots = roots
        self.cpu_seconds = self.busy_seconds = self.seconds = 0.0
        self.peak_pss_bytes = 0
        self._began = (0.0, 0.0, 0.0)
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._began = self._now()
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        ended = self._now()
        self.cpu_seconds, self.busy_seconds, self.seconds = (
            end - began for began, end in zip(self._began, ended, strict=True)
        )
        self._ended.set()
        self._sampler.join()
        self.peak_pss_bytes = max(self.peak_pss_bytes, processes.pss_bytes(self.roots))

    def _now(self) -> tuple[float, float, float]:
        return processes.cpu_seconds(self.roots), processes.machine_busy_seconds(), time.monotonic()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            self.peak_pss_bytes = max(self.peak_pss_bytes, processes.pss_bytes(self.roots))
