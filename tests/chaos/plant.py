"""The server under attack, its database, and the ways to kill them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

from chaos.client import Client
from chaos.violation import require
from support.postgres import PrivatePostgres
from support.server import REGION, Server
from support.storages import run_sql

RECOVERY_SECONDS: Final = 60.0
LINGER_SECONDS: Final = 1.0
"""After a kill of a part: what the other parts were doing for clients that are gone has ended by then."""


class Strike(StrEnum):
    ALL = "kill -9 of every process of the server"
    WRITER = "kill -9 of worker 0"
    READER = "kill -9 of the last worker"
    BACKEND = "kill -9 of a backend of PostgreSQL, which makes it recover"
    POSTGRES = "kill -9 of PostgreSQL"


@dataclass
class Plant:
    """One data directory and what serves it."""

    server: Server
    workers: int
    postgres: PrivatePostgres | None
    database_url: str

    def strikes(self) -> list[Strike]:
        """Return the ways to strike, the likelier ones several times."""
        parts = [Strike.WRITER, Strike.READER] if self.workers > 1 else []
        databases = [Strike.BACKEND, Strike.POSTGRES] if self.postgres is not None else []
        return [Strike.ALL] * max(2, len(parts) + len(databases)) + parts + databases

    def client(self) -> Client:
        return Client(self.server.credentials, self.server.port, REGION)

    def strike(self, how: Strike, random: Random) -> None:
        """Kill at once."""
        match how:
            case Strike.ALL:
                self.server.kill()
            case Strike.WRITER | Strike.READER:
                os.kill(self._worker(0 if how is Strike.WRITER else self.workers - 1), signal.SIGKILL)
            case Strike.POSTGRES if self.postgres is not None:
                self.postgres.crash()
            case Strike.BACKEND if self.postgres is not None:
                children = self.postgres.processes()[1:]
                with contextlib.suppress(ProcessLookupError):
                    os.kill(random.choice(children), signal.SIGKILL)

    def recover(self, how: Strike) -> None:
        """Return when the server is ready: started again if all of it was killed, up by itself if a part was."""
        if how is Strike.ALL:
            self.server.start()
            return
        time.sleep(LINGER_SECONDS)
        if self.postgres is not None:
            self.postgres.wait_until_ready()
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not self._is_ready():
            require(time.monotonic() < deadline, f"the server did not recover within {RECOVERY_SECONDS} s from a {how}")
            time.sleep(0.05)

    def sql(self, statement: str, **params: Any) -> list[tuple[Any, ...]]:
        return run_sql(self.database_url, statement, **params)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, StopIteration):
            for worker in range(self.workers):
                self._worker(worker)
            with urllib.request.urlopen(f"{self.server.url}/readyz", timeout=5):
                return True
        return False

    def _worker(self, number: int) -> int:
        """Return the process that holds a worker's trail open."""
        assert self.server.process is not None
        if self.workers == 1:
            return self.server.process.pid
        held = str(self.server.data_dir / "audit" / f"trail-{number}.jsonl")
        listed = subprocess.run(
            ["pgrep", "-P", str(self.server.process.pid)], check=False, capture_output=True, text=True
        ).stdout.split()
        return next(int(pid) for pid in listed if held in _open_files(pid))


def _open_files(pid: str) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(link.readlink())


@contextmanager
def running_plant(folder: Path, *, database: str, workers: int) -> Iterator[Plant]:
    """Start a server on a fresh database, and end both afterwards."""
    postgres = PrivatePostgres(durable=True, revives=True).start() if database == "postgresql" else None
    try:
        url = f"sqlite:///{folder / 'data' / 'strongroom.db'}"
        arguments: tuple[str, ...] = ("--workers", str(workers))
        if postgres is not None:
            postgres.create_database("chaos")
            url = postgres.url("chaos")
            arguments += ("--database", url)
        server = Server(folder / "data", arguments).start()
        try:
            yield Plant(server, workers, postgres, url)
        finally:
            server.kill()
    finally:
        if postgres is not None:
            postgres.stop()
