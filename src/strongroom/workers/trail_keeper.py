"""Keeps the audit trail durable and anchored.

Records of reads are put on disk within a second of being written. Every few seconds the database is told
how far each trail of this node has come, so that a trail cut off at its end is found out.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from strongroom.audit.trail import Trail, head_of
from strongroom.clock import Clock
from strongroom.storage.base import Storage, TrailHead

SYNC_SECONDS: Final = 1.0
ANCHOR_EVERY: Final = 5
"""Rounds of `SYNC_SECONDS` between two anchors in the database."""

logger = logging.getLogger(__name__)


class TrailKeeper:
    """A thread per process; only the one with `anchors` writes to the database."""

    def __init__(self, trail: Trail, storage: Storage, clock: Clock, *, node: str, anchors: Path | None) -> None:
        self._trail = trail
        self._storage = storage
        self._clock = clock
        self._node = node
        self._folder = anchors
        self._known: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trail-keeper")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._round(anchor=True)

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.wait(SYNC_SECONDS):
            rounds += 1
            self._round(anchor=rounds % ANCHOR_EVERY == 0)

    def _round(self, *, anchor: bool) -> None:
        try:
            self._trail.sync()
            if anchor and self._folder is not None:
                self._anchor(self._folder)
        except Exception:
            logger.exception("The audit trail could not be kept")

    def _anchor(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.jsonl")):
            head = head_of(path)
            if head is not None and self._known.get(path.stem) != head.sequence:
                anchored = TrailHead(f"{self._node}/{path.stem}", head.sequence, head.mac.hex())
                now = self._clock.now()
                self._storage.write(lambda tx, one=anchored, now=now: tx.put_trail_head(one, now))  # type: ignore[misc]
                self._known[path.stem] = head.sequence
