"""Watches callers of a running server while something goes on beside them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import processes
from bench.stalls import steady
from bench.stalls.node import Node
from bench.stalls.probes import Disk, Probe, Processor
from bench.stalls.report import Scene
from bench.stalls.steady import Stream

WARM_UP_SECONDS: Final = 2.0
"""How long calls go on before what they take counts, and after the end of what is watched."""


class Watch:
    """Each scene has callers of its own, and every write of all scenes its own token."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._folder = folder
        self._runs = itertools.count(1)

    def scene(self, title: str, act: Callable[[], str]) -> Scene:
        """Return what callers saw while `act` went on; it says what it did."""
        streams = {
            "reads": self._stream(steady.reads(), steady.READS_A_SECOND),
            "writes": self._stream(steady.writes(next(self._runs)), steady.WRITES_A_SECOND),
        }
        probes = (disk, processor) = (Disk(self._folder), Processor())
        threads: list[Probe | Stream] = [*probes, *streams.values()]
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_SECONDS)
        before, began = self._spent(), time.monotonic()
        done = act()
        ended, after = time.monotonic(), self._spent()
        time.sleep(WARM_UP_SECONDS)
        for thread in reversed(threads):
            thread.stop()
        server, own, busy = ((end - begin) / (ended - began) for begin, end in zip(before, after, strict=True))
        return Scene(
            title=title,
            done=done,
            seconds=ended - began,
            answers={calls: [one for one in stream.answers if one.ended > began] for calls, stream in streams.items()},
            failures=sum(stream.failures for stream in streams.values()),
            disk=[wait for wait in disk.waits if wait.ended > began],
            processor=[wait for wait in processor.waits if wait.ended > began],
            server_cores=server,
            others_cores=max(0.0, busy - server - own),
        )

    def _stream(self, calls: steady.Calls, a_second: int) -> Stream:
        return Stream(self._node.url, self._node.encode, calls, a_second)

    def _spent(self) -> tuple[float, float, float]:
        """Return the processor time of the server, of this process with what it started, and of the machine."""
        server, own = processes.cpu_seconds(self._node.roots), processes.cpu_seconds([os.getpid()])
        return server, own - server, processes.machine_busy_seconds()
