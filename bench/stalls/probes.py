"""What the machine itself makes a caller wait for: its disk, and its processors when others have them."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from bench.stalls.report import Wait

FLUSHED_BYTES: Final = 4_096
FLUSH_EVERY: Final = 0.05  # seconds
NAP: Final = 0.005  # seconds


class Probe(ABC):
    """A thread that does one small thing again and again, and keeps how long each time took."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.waits: list[Wait] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...


class Disk(Probe):
    """Appends 4 KiB to a file of its own on the server's disk, and waits until they are there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / "flushed"

    def _run(self) -> None:
        with self._path.open("wb", buffering=0) as file:
            while not self._stopping.wait(FLUSH_EVERY):
                began = time.monotonic()
                file.write(bytes(FLUSHED_BYTES))
                os.fdatasync(file.fileno())
                self.waits.append(Wait(began, time.monotonic() - began))
        self._path.unlink()


class Processor(Probe):
    """Sleeps for a moment; what it oversleeps is time during which it could not run."""

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            time.sleep(NAP)
            self.waits.append(Wait(began, time.monotonic() - began - NAP))
