"""Our own server, by its ordinary command line, with every default in force."""

from __future__ import annotations

import configparser
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.credentials import Credentials

from bench import loader
from bench.processes import free_port, plain_environment
from bench.servers.base import Server, ask, require_success, signed
from bench.workloads import GUARDED, HOT, LISTINGS, Call, Workload, guarding_policy
from strongroom.errors import OperatorError
from support.certificates import make_certificate
from support.postgres import PostgresUnavailable, PrivatePostgres

_DATABASE = "bench"


@dataclass(frozen=True)
class _Node:
    """One `strongroom serve`."""

    data_dir: Path
    port: int
    scheme: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class Strongroom(Server):
    """Strongroom on SQLite, or one or more nodes of it on one PostgreSQL."""

    guarantees = (
        "checks signatures; evaluates policies; AES-256-GCM with a data key for each value; chained audit trail, "
        "handed to the system before the answer; a write and its record are on disk (fsync)"
    )
    most_secrets = max(LISTINGS)

    def __init__(
        self,
        home: Path,
        name: str,
        *,
        workers: int = 1,
        nodes: int = 1,
        postgresql: bool = False,
        tls: bool = False,
    ) -> None:
        super().__init__(home)
        self.name = name
        self._workers = workers
        self._tls = tls
        scheme = "https" if tls else "http"
        self._nodes = [_Node(home / f"node-{number}", free_port(), scheme) for number in range(nodes)]
        self._postgres = PrivatePostgres(durable=True) if postgresql else None
        self._credentials = Credentials("", "")
        self.settings: dict[str, str] = {}
        self.title = self._title()

    def _title(self) -> str:
        where = "SQLite"
        if self._postgres is not None:
            where = f"PostgreSQL (included), {len(self._nodes)} node{'s' * (len(self._nodes) > 1)}"
        return f"`strongroom serve`, {where}, --workers {self._workers}{', TLS' * self._tls}"

    @property
    def roots(self) -> list[int]:
        keeper = None if self._postgres is None else self._postgres.pid
        return [*super().roots, *([] if keeper is None else [keeper])]

    def set_up(self, kinds: Sequence[str]) -> None:
        database = self._start_database()
        first, *others = self._nodes
        template = self.home.with_name(f"filled-{'-'.join(kinds)}")
        if database is None:
            loader.deploy(template, first.data_dir, kinds)
        else:
            loader.deploy_on_postgresql(template, first.data_dir, database, kinds)
        for node in others:
            node.data_dir.mkdir(mode=0o700)
            shutil.copy(first.data_dir / "root.key", node.data_dir / "root.key")
        self._credentials = credentials_of(first.data_dir)
        started = time.monotonic()
        for node in self._nodes:
            self._serve(node, database)
        self.await_answer(self._all_answer, started)
        policy = {"SecretId": GUARDED, "ResourcePolicy": json.dumps(guarding_policy())}
        self._perform(Call("PutResourcePolicy", policy))

    def urls(self, workload: Workload) -> list[str]:
        return [node.url for node in self._nodes] if workload.tls == self._tls else []

    def runs(self, workload: Workload) -> bool:
        return bool(self.urls(workload))

    def encode(self, call: Call, url: str) -> bytes | None:
        return signed(call, url, self._credentials)

    def stop(self) -> None:
        super().stop()
        if self._postgres is not None:
            self._postgres.stop()

    def _start_database(self) -> str | None:
        if self._postgres is None:
            return None
        try:
            self._postgres.start()
        except PostgresUnavailable as error:
            raise OperatorError(
                "No PostgreSQL could be started for the bench.",
                why=str(error),
                next_step="mend that, or leave the strongroom-pg servers out with --servers",
            ) from error
        self._postgres.create_database(_DATABASE)
        return self._postgres.url(_DATABASE)

    def _serve(self, node: _Node, database: str | None) -> None:
        command: list[str | Path] = [sys.executable, "-m", "strongroom", "serve"]
        command += ["--data-dir", node.data_dir, "--port", str(node.port), "--workers", str(self._workers)]
        if database is not None:
            command += ["--database", database]
        if self._tls:
            certificate, key = make_certificate(self.home)
            command += ["--tls-cert", certificate, "--tls-key", key]
        self.launch(*command, environment=plain_environment(**self.settings))

    def _all_answer(self) -> bool:
        read = Call("GetSecretValue", {"SecretId": HOT})
        answers = [ask(node.url, signed(read, node.url, self._credentials)) for node in self._nodes]
        return all(answer.status == 200 for answer in answers)  # noqa: PLR2004

    def _perform(self, call: Call) -> None:
        url = self._nodes[0].url
        require_success(ask(url, signed(call, url, self._credentials)), call)


def credentials_of(data_dir: Path) -> Credentials:
    parser = configparser.ConfigParser()
    parser.read(data_dir / "credentials")
    profile = parser["default"]
    return Credentials(profile["aws_access_key_id"], profile["aws_secret_access_key"])
