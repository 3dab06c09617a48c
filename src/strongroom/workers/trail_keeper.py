"""Keeps the audit trail durable and anchored.

Records of reads are put on disk within a second of being written, and files that are large or old enough are
finished (`audit.rotation`). Every few seconds the database is told
how far each trail of this node has come, so that a trail cut off at its end is found out. What it remembers
moves on only while the record it remembers is still in the file: a trail that was cut, or replaced, and has
grown since stays an error in the log and broken for `audit verify`.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from strongroom.audit.chain import ChainedLine
from strongroom.audit.files import head_of, holds, trail_names
from strongroom.audit.rotation import Rotation, rotate_if_due
from strongroom.audit.trail import Trail
from strongroom.clock import Clock
from strongroom.entropy import Entropy, SystemEntropy
from strongroom.storage.base import Storage, TrailHead

SYNC_SECONDS: Final = 1.0
ANCHOR_EVERY: Final = 5
"""Rounds of `SYNC_SECONDS` between two anchors in the database."""

logger = logging.getLogger(__name__)


class TrailKeeper:
    """A thread per process; only the one with `anchors` writes to the database.

    `broken` are the trails that were found out to be cut or replaced since the start.
    """

    def __init__(
        self,
        trail: Trail,
        storage: Storage,
        clock: Clock,
        *,
        node: str,
        anchors: Path | None,
        rotation: Rotation | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._rotation = rotation or Rotation()
        self._entropy = entropy or SystemEntropy()
        self._trail = trail
        self._storage = storage
        self._clock = clock
        self._node = node
        self._folder = anchors
        self._known: dict[str, TrailHead] | None = None
        self._checked: set[str] = set()
        self.broken: frozenset[str] = frozenset()
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
            rotate_if_due(self._trail, self._rotation, self._clock.now(), self._entropy)
            if anchor and self._folder is not None:
                self._anchor(self._folder)
        except Exception:
            logger.exception("The audit trail could not be kept")

    def _anchor(self, folder: Path) -> None:
        if self._known is None:
            self._known = {head.trail: head for head in self._storage.read(lambda tx: tx.list_trail_heads())}
        for trail in trail_names(folder):
            name, head = f"{self._node}/{trail}", head_of(folder, trail)
            known = self._known.get(name)
            if known is not None and not self._still_holds(folder, trail, head, known):
                self.broken |= {name}
                logger.error("The audit trail %s was cut: record %d is no longer there", trail, known.sequence)
            elif head is not None and (known is None or head.sequence > known.sequence):
                anchored, now = TrailHead(name, head.sequence, head.mac.hex()), self._clock.now()
                self._storage.write(lambda tx, one=anchored, now=now: tx.put_trail_head(one, now))  # type: ignore[misc]
                self._known[name] = anchored

    def _still_holds(self, folder: Path, trail: str, head: ChainedLine | None, known: TrailHead) -> bool:
        """Tell whether a trail holds the record that is remembered: searched for once, and again if the file shrank."""
        if head is None or head.sequence < known.sequence:
            self._checked.discard(known.trail)
            return False
        if known.trail not in self._checked and not holds(folder, trail, known.sequence, known.mac):
            return False
        self._checked.add(known.trail)
        return True
