"""The server under measurement: on SQLite, filled, and started again with other settings or contents."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import apsw

from bench import loader
from bench.servers.strongroom import Strongroom, credentials_of
from bench.workloads import LISTINGS
from strongroom.domain.timestamps import to_micros
from strongroom.operations.call import PURGE_JOB

WINDOW_MICROS: Final = 7 * 86_400 * 1_000_000


class Node(Strongroom):
    """One `strongroom serve` that can be stopped, changed and started again."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, "strongroom-sqlite-1")
        self.data_dir = self._nodes[0].data_dir
        self.url = self._nodes[0].url

    def fill(self, template: Path, secrets: int) -> None:
        """Put the secrets in place; `template` is a filled deployment, made if it is not there."""
        loader.deploy(template, self.data_dir, ["main", str(secrets)])
        self._credentials = credentials_of(self.data_dir)
        os.sync()  # or the disk would be taking gigabytes during the first scene

    def start(self, **settings: str) -> None:
        self.settings = settings
        started = time.monotonic()
        self._serve(self._nodes[0], None)
        self.await_answer(self._all_answer, started)

    @property
    def database(self) -> Path:
        return self.data_dir / "strongroom.db"

    def schedule(self, secrets: int, due: datetime) -> None:
        """Have a stopped server's listing of so many secrets fall due for their purge, one after the other."""
        connection = apsw.Connection(str(self.database))
        params = {"region": LISTINGS[secrets], "due": to_micros(due), "window": WINDOW_MICROS, "kind": PURGE_JOB}
        connection.execute("BEGIN")
        connection.execute(
            "UPDATE secrets SET deleted_at = :due - :window + rowid, purge_at = :due + rowid WHERE region = :region",
            params,
        )
        connection.execute(
            "INSERT INTO jobs (kind, subject, account_id, region, run_at, fence, attempts)"
            " SELECT :kind, arn, account_id, region, purge_at, 0, 0 FROM secrets WHERE region = :region",
            params,
        )
        connection.execute("COMMIT")
        connection.close()

    def purges_left(self) -> int:
        """Return how many purges wait. Counts them: not to be asked often."""
        return self._ask("SELECT COUNT(*) FROM jobs WHERE kind = ?", PURGE_JOB)

    def indexed(self) -> int:
        """Return how many records of the trails were copied into the index."""
        return self._ask("SELECT COALESCE(SUM(sequence), 0) FROM trail_positions WHERE trail <> ?", "")

    def _ask(self, statement: str, value: str) -> int:
        connection = apsw.Connection(str(self.database), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(connection.execute(statement, (value,)).get)
        finally:
            connection.close()
