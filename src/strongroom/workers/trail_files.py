"""Looks after the files of this node's trails: compresses finished ones, deletes those that may go, and signs
checkpoints.

A thread of its own, because compressing takes seconds. Whatever it does can be left half done: `audit.files`
reads either form of a file, and what is to go is on the trail before it goes.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.audit import rotation
from strongroom.audit.checkpoints import make_checkpoints
from strongroom.audit.files import compress, finished_files, trail_names
from strongroom.audit.notes import Signer
from strongroom.audit.trail import Trail
from strongroom.clock import Clock
from strongroom.entropy import Entropy
from strongroom.storage.base import Storage

TEND_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


class TrailFiles:
    """One for each node. With `kept_days` 0 nothing is deleted."""

    def __init__(
        self,
        trail: Trail,
        storage: Storage,
        clock: Clock,
        entropy: Entropy,
        *,
        node: str,
        folder: Path,
        kept_days: int,
        signer: Signer | None = None,
        checkpoint_minutes: int = 0,
    ) -> None:
        self._signer = signer
        self._checkpoint_seconds = checkpoint_minutes * 60
        self._checkpoint_due = 0.0
        self._trail = trail
        self._storage = storage
        self._clock = clock
        self._entropy = entropy
        self._node = node
        self._folder = folder
        self._kept_days = kept_days
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trail-files")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def tend(self) -> None:
        """Do what is to be done now."""
        for trail in trail_names(self._folder):
            for finished in finished_files(self._folder, trail):
                if not finished.is_compressed and not self._stopping.is_set():
                    compress(finished)
        if self._signer is not None and self._checkpoint_seconds and time.monotonic() >= self._checkpoint_due:
            make_checkpoints(self._folder, self._node, self._signer)
            self._checkpoint_due = time.monotonic() + self._checkpoint_seconds
        if self._kept_days:
            self._delete_old()

    def _delete_old(self) -> None:
        now = self._clock.now()
        going = rotation.departures(self._folder, self._indexed(), now - timedelta(days=self._kept_days))
        if going:
            if self._signer is not None:
                make_checkpoints(self._folder, self._node, self._signer)  # proofs outlive the files
            self._trail.append([rotation.farewell(one, now, self._entropy) for one in going], True)
            for path in (path for one in going for path in one.paths):
                path.unlink()

    def _indexed(self) -> dict[str, int]:
        names = trail_names(self._folder)
        found = self._storage.read(
            lambda tx: {name: tx.trail.position(f"{self._node}/{name}") for name in names},
        )
        return {name: position.sequence for name, position in found.items() if position is not None}

    def _run(self) -> None:
        while not self._stopping.wait(TEND_SECONDS):
            try:
                self.tend()
            except Exception:
                logger.exception("The files of the audit trail could not be looked after")
