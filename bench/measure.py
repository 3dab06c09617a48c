"""One point: a warm-up, then the measured run, with the server's CPU time and memory around it."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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

MAX_ATTEMPTS: Final = 3
SAMPLING_SECONDS: Final = 1.0


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
        urls = server.urls(workload)
        self._require_right(workload, server, urls)
        key = (workload.name, server.name, connections)
        warm = self._load(workload, server, connections, self.warm_up, self._rates.get(key, FIRST_GUESS))
        rate = warm.requests / warm.seconds
        for _ in range(MAX_ATTEMPTS):
            with _watched(server) as watch:
                load = self._load(workload, server, connections, self.seconds, rate * RESERVE, watch)
            rate = max(rate, load.requests / load.seconds)
            if not (workload.once and load.walked > 1):
                break
        else:
            raise RunFailed("the signed requests ran out every time; give it a longer --warm-up")
        self._rates[key] = rate
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
            other_cores=max(0.0, watch.busy_seconds - watch.cpu_seconds - load.cpu_seconds) / watch.seconds,
            requests=load.requests,
        )

    def _load(
        self,
        workload: Workload,
        server: Server,
        connections: int,
        seconds: int,
        rate: float,
        watch: Watch | None = None,
    ) -> Load:
        """Sign as many requests as the time may need, and send them. The watch starts after the signing."""
        urls = server.urls(workload)
        used = urls[: max(1, min(connections, len(urls)))]
        count = math.ceil(rate * seconds) + connections if workload.once else workload.limit
        calls = workload.calls(next(self._runs))
        requests = [list(_encoded(server, itertools.islice(calls, -(-count // len(used))), url)) for url in used]
        prepared = generator.prepare(requests, used, connections=connections, seconds=seconds, directory=self.directory)
        if watch is not None:
            watch.start()
        return prepared.run()

    def _require_right(self, workload: Workload, server: Server, urls: list[str]) -> None:
        """Ask each node once before it is measured, so that a wrong answer is seen with its text."""
        calls = workload.calls(next(self._runs))
        for url in urls:
            call = next(calls)
            answer = require_success(ask(url, server.encode(call, url) or b""), call)
            entries = answer.json().get("SecretList")
            if entries is not None:
                require_page(call, len(entries))

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


def require_page(call: Call, entries: int) -> None:
    """Refuse a page that is not what its filters ask for. Raises RunFailed.

    A page may be shorter than what matches: AWS allows it, and servers stop looking after a while.
    """
    size = next(size for size, region in LISTINGS.items() if region == call.region)
    most = min(PAGE, size // EVERY if "Filters" in call.members else size)
    if not 0 < entries <= most:
        raise RunFailed(f"a page had {entries} secrets where at most {most} match")


def _encoded(server: Server, calls: Iterator[Call], url: str) -> Iterator[bytes]:
    return (server.encode(call, url) or b"" for call in calls)


class Watch:
    """CPU time of a server's trees and of the machine over a while, and the trees' memory once a second."""

    def __init__(self, roots: list[int]) -> None:
        self.roots = roots
        self.cpu_seconds = self.busy_seconds = self.seconds = 0.0
        self.peak_pss_bytes = 0
        self._began = (0.0, 0.0, 0.0)
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        self._began = self._now()
        self._sampler.start()

    def stop(self) -> None:
        now = self._now()
        self.cpu_seconds, self.busy_seconds, self.seconds = (
            end - start for start, end in zip(self._began, now, strict=True)
        )
        self._ended.set()
        if self._sampler.is_alive():
            self._sampler.join()
        self.peak_pss_bytes = max(self.peak_pss_bytes, processes.pss_bytes(self.roots))

    def _now(self) -> tuple[float, float, float]:
        return processes.cpu_seconds(self.roots), processes.machine_busy_seconds(), time.monotonic()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            self.peak_pss_bytes = max(self.peak_pss_bytes, processes.pss_bytes(self.roots))


@contextmanager
def _watched(server: Server) -> Iterator[Watch]:
    watch = Watch(server.roots)
    try:
        yield watch
    finally:
        watch.stop()
