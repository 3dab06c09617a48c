"""What goes on beside the callers: each scene brings the server into its state, watches, and says what was done."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench import generator
from bench.stalls.node import Node
from bench.stalls.report import Scene
from bench.stalls.watch import Watch
from bench.workloads import Call, plan

POLL_SECONDS: Final = 1.0
RECORDS_A_SECOND: Final = 2_500
"""What the server is expected to answer, when the trail is filled for the index."""

CREATING_CONNECTIONS: Final = 16
CREATED_A_SECOND: Final = 2_000
"""More secrets than the server makes in a second; as many requests are signed beforehand."""

NO_INDEX: Final = {"STRONGROOM_AUDIT_INDEX_DAYS": "0"}

_VACUUM: Final = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', (sys.argv[2],))"


class Scenes:
    """The scenes of one deployment, which holds `secrets` beside those that are called.

    A scene takes `seconds`; the backup and the purge are watched to their end, unless `longest` comes first.
    """

    def __init__(self, node: Node, folder: Path, secrets: int, seconds: int, longest: int) -> None:
        self._node = node
        self._folder = folder
        self._secrets = secrets
        self._seconds = seconds
        self._longest = longest
        self._watch = Watch(node, folder)

    def calm(self) -> Scene:
        """Nothing else, and not even the trail is copied."""
        self._restart(**NO_INDEX)
        return self._watch.scene("nothing, no index of the trail", self._idle)

    def calm_with_index(self) -> Scene:
        self._restart()
        self._catch_up()
        return self._watch.scene("nothing", self._idle)

    def index(self) -> Scene:
        """The index of the trail catches up with what was recorded while it was off."""
        self._restart(**NO_INDEX)
        wanted = self._seconds * RECORDS_A_SECOND
        work = next(one for one in plan(()) if one.name == "read")
        calls = [self._node.encode(next(work.calls(0)), self._node.url) or b""]
        made = 0
        while made < wanted:
            load = generator.prepare(
                [calls], [self._node.url], connections=8, seconds=min(self._seconds, 60), directory=self._folder
            ).run()
            load.require_right()
            made += load.requests
        self._restart()
        return self._watch.scene("the index of the trail catches up", self._copying)

    def backup(self) -> Scene:
        """A backup, as docs/operations.md says."""
        return self._beside_a_copy("strongroom backup", self._back_up)

    def vacuum_into(self) -> Scene:
        """The same by SQLite's own means, which leave it to the kernel when the copy goes to disk."""
        return self._beside_a_copy("VACUUM INTO", self._vacuum)

    def creation(self) -> Scene:
        """Others create secrets as fast as they can."""
        self._restart()
        self._catch_up()
        create = next(one for one in plan(()) if one.name == "create")
        count = self._seconds * CREATED_A_SECOND
        encode: Callable[[Call], bytes] = lambda call: self._node.encode(call, self._node.url) or b""  # noqa: E731
        requests = [encode(call) for call in itertools.islice(create.calls(int(time.time())), count)]
        load = generator.prepare(
            [requests],
            [self._node.url],
            connections=CREATING_CONNECTIONS,
            seconds=self._seconds,
            directory=self._folder,
        )
        return self._watch.scene("CreateSecret", lambda: _created(load))

    def purge(self) -> Scene:
        """All secrets of the listing fall due."""
        self._node.stop()
        self._node.schedule(self._secrets, datetime.now(UTC) - timedelta(days=1))
        self._restart()
        return self._watch.scene("purges", self._purging)

    def _restart(self, **settings: str) -> None:
        self._node.stop()
        self._node.start(**settings)

    def _idle(self) -> str:
        time.sleep(self._seconds)
        return "-"

    def _catch_up(self) -> None:
        """Wait until the index has what earlier scenes left behind."""
        before = -1
        while (now := self._node.indexed()) - before > RECORDS_A_SECOND // 10:
            before = now
            time.sleep(3 * POLL_SECONDS)

    def _copying(self) -> str:
        before = self._node.indexed()
        time.sleep(self._seconds)
        return f"{self._node.indexed() - before:,} records copied"

    def _beside_a_copy(self, name: str, work: Callable[[Path], Path]) -> Scene:
        self._restart()
        self._catch_up()
        # The copy goes after the scene: on ext4 the end of a file of gigabytes stops every flush for a moment.
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            return self._watch.scene(name, lambda: f"{work(Path(folder)).stat().st_size / 2**20:,.0f} MiB")

    def _back_up(self, folder: Path) -> Path:
        self._run("-m", "strongroom", "backup", folder / "backup", "--data-dir", self._node.data_dir)
        return folder / "backup" / self._node.database.name

    def _vacuum(self, folder: Path) -> Path:
        self._run("-c", _VACUUM, self._node.database, folder / "copy.db")
        return folder / "copy.db"

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run([sys.executable, *arguments], check=True, timeout=self._longest)

    def _purging(self) -> str:
        before, until = self._node.purges_left(), time.monotonic() + self._longest
        while (left := self._node.purges_left()) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return f"{before - left:,} purged, {left:,} left"


def _created(load: generator.Prepared) -> str:
    return f"{load.run().requests:,} created by {CREATING_CONNECTIONS} connections"
