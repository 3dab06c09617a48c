"""The server under attack, its database, and the ways to kill them.

A node is a server with a data directory of its own; several share one PostgreSQL.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

from chaos.client import Client
from chaos.violation import Violation, require
from support.postgres import PrivatePostgres
from support.server import REGION, Server
from support.storages import run_sql

AWAY: Final = ("eu-west-1", "us-east-1")
"""Where replicas are."""

RECOVERY_SECONDS: Final = 60.0
LINGER_SECONDS: Final = 1.0
"""After a kill of a part: what the other parts were doing for clients that are gone has ended by then."""

ORPHAN_SECONDS: Final = 40.0
"""How long workers may take to notice that their parent is gone, and to finish what they were asked: a server that
stops has thirty seconds for requests under way (`shutdown_grace_seconds`).
"""


class Strike(StrEnum):
    ALL = "kill -9 of every process of the server"
    WRITER = "kill -9 of worker 0"
    READER = "kill -9 of the last worker"
    PARENT = "kill -9 of the parent alone"
    NODE = "kill -9 of one node of several"
    BACKEND = "kill -9 of a backend of PostgreSQL, which makes it recover"
    POSTGRES = "kill -9 of PostgreSQL"

    @property
    def stops_everything(self) -> bool:
        return self in {Strike.ALL, Strike.PARENT}


@dataclass
class Plant:
    """The nodes of one deployment and their database."""

    nodes: list[Server]
    workers: int
    postgres: PrivatePostgres | None
    database_url: str
    down: set[int] = field(default_factory=set)
    """Nodes that were killed while others went on."""

    _turns: Iterator[int] = field(default_factory=itertools.count)

    @property
    def server(self) -> Server:
        return self.nodes[0]

    def strikes(self) -> list[Strike]:
        """Return the ways to strike, the likelier ones several times."""
        parts = [Strike.WRITER, Strike.READER, Strike.PARENT] if self.workers > 1 else []
        nodes = [Strike.NODE] * 3 if len(self.nodes) > 1 else []
        databases = [Strike.BACKEND, Strike.POSTGRES] if self.postgres is not None else []
        return [Strike.ALL] * max(2, len(parts) + len(databases)) + parts + databases + nodes

    def client(self, node: int | None = None) -> Client:
        """Return a client of a node, or of the next in turn."""
        chosen = next(self._turns) % len(self.nodes) if node is None else node
        return Client.of(self.server.credentials, self.nodes[chosen].port, REGION)

    def strike(self, how: Strike, random: Random) -> None:
        """Kill at once."""
        match how:
            case Strike.ALL:
                for node in self.nodes:
                    node.kill()
            case Strike.NODE:
                self.down = {random.randrange(len(self.nodes))}
                for number in self.down:
                    self.nodes[number].kill()
            case Strike.PARENT:
                for node in self.nodes:
                    _kill_parent(node)
            case Strike.WRITER | Strike.READER:
                os.kill(self._worker(0 if how is Strike.WRITER else self.workers - 1), signal.SIGKILL)
            case Strike.POSTGRES if self.postgres is not None:
                self.postgres.crash()
            case Strike.BACKEND if self.postgres is not None:
                children = self.postgres.processes()[1:]
                with contextlib.suppress(ProcessLookupError):
                    os.kill(random.choice(children), signal.SIGKILL)

    def recover(self, how: Strike) -> None:
        """Return when every node is ready: started again if it was killed, up by itself if a part of it was."""
        if self.postgres is not None:
            self.postgres.wait_until_ready()
        for node in self.nodes:
            if node.process is None:
                node.start()
        self.down = set()
        if how.stops_everything:
            return
        time.sleep(LINGER_SECONDS)
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
            for node in self.nodes:
                with urllib.request.urlopen(f"{node.url}/readyz", timeout=5):
                    pass
            return True
        return False

    def _worker(self, number: int) -> int:
        """Return the process of the first node that holds a worker's trail open."""
        assert self.server.process is not None
        if self.workers == 1:
            return self.server.process.pid
        held = str(self.server.data_dir / "audit" / f"trail-{number}.jsonl")
        return next(pid for pid in _children(self.server) if held in _open_files(pid))


def _kill_parent(node: Server) -> None:
    """kill -9 the parent alone; return when its workers have ended by themselves."""
    assert node.process is not None
    workers = _children(node)
    node.process.kill()
    node.process.wait()
    node.process = None
    deadline = time.monotonic() + ORPHAN_SECONDS
    while left := [pid for pid in workers if _is_running(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise Violation(f"the workers {left} go on {ORPHAN_SECONDS} s after their parent")
        time.sleep(0.02)


def _children(node: Server) -> list[int]:
    assert node.process is not None
    listed = subprocess.run(["pgrep", "-P", str(node.process.pid)], check=False, capture_output=True, text=True)
    return [int(pid) for pid in listed.stdout.split()]


def _is_running(pid: int) -> bool:
    """Tell whether a process is there and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def _open_files(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(link.readlink())


@contextmanager
def running_plant(folder: Path, *, database: str, workers: int, nodes: int = 1) -> Iterator[Plant]:
    """Start nodes on a fresh database, and end all of it afterwards."""
    with ExitStack() as ends:
        postgres, url = None, f"sqlite:///{folder / 'data' / 'strongroom.db'}"
        arguments: tuple[str, ...] = ("--workers", str(workers))
        if database == "postgresql":
            postgres = PrivatePostgres(durable=True, revives=True).start()
            ends.callback(postgres.stop)
            postgres.create_database("chaos")
            url = postgres.url("chaos")
            arguments += ("--database", url)
        servers = [Server(folder / "data", arguments)]
        servers += [Server(folder / f"data-{number}", arguments) for number in range(1, nodes)]
        for server in servers:
            ends.callback(server.kill)
            if server is not servers[0]:
                server.data_dir.mkdir(mode=0o700)
                shutil.copy(servers[0].data_dir / "root.key", server.data_dir)
            server.start()
        yield Plant(servers, workers, postgres, url)
