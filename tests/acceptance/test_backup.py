"""`strongroom backup` beside a running server, and starting from what it made."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from support.server import STRONGROOM, Server, clean_environment, running

NAMES = [f"name-{number}" for number in range(20)]
WAIT_SECONDS = 30


def restored(server: Server, backup: Path, directory: Path) -> Server:
    """Put a backup and the root key in place as docs/operations.md says, and start a server on them."""
    shutil.copytree(backup, directory)
    for name in ("root.key", "credentials"):
        shutil.copy2(server.data_dir / name, directory / name)
    return Server(directory, (), {}).start()


def test_what_was_acknowledged_before_a_backup_is_in_it_though_others_write_and_its_trails_verify(tmp_path: Path):
    backup = tmp_path / "backup"
    with running(tmp_path, "--workers", "2") as server:
        client = server.client()
        for name in NAMES:
            client.create_secret(Name=name, SecretString="before")
        ended = threading.Event()

        def write() -> None:
            own = server.client()
            while not ended.wait(0.01):
                own.put_secret_value(SecretId=NAMES[0], SecretString="meanwhile")

        writer = threading.Thread(target=write)
        writer.start()
        done = server.command("backup", str(backup))
        ended.set()
        writer.join()
        assert done.returncode == 0, done.stderr
        assert "root.key" in done.stdout
        assert f"database: {(backup / 'strongroom.db').stat().st_size:,} bytes" in done.stdout
        assert sorted(path.name for path in backup.iterdir()) == ["audit", "node-id", "strongroom.db"]
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert "BackUpDatabase" in server.command("audit", "tail", "-n", "100").stdout
        server.kill()
        copy = restored(server, backup, tmp_path / "restored")
    try:
        values = {name: copy.client().get_secret_value(SecretId=name)["SecretString"] for name in NAMES}
        assert set(values.values()) <= {"before", "meanwhile"}
        assert {values[name] for name in NAMES[1:]} == {"before"}
        assert copy.command("audit", "verify").returncode == 0
        assert copy.command("doctor").returncode == 0
    finally:
        copy.kill()


def test_for_programs_it_tells_sizes_in_bytes(tmp_path: Path):
    with running(tmp_path) as server:
        told = json.loads(server.command("backup", str(tmp_path / "backup"), "--json").stdout)
        assert told["database"] == (tmp_path / "backup" / "strongroom.db").stat().st_size
        assert told["backup"] == str(tmp_path / "backup")


def test_a_backup_is_never_written_over_another_nor_into_a_directory_that_is_not_mounted(tmp_path: Path):
    with running(tmp_path) as server:
        (tmp_path / "backup").mkdir()
        for target in (tmp_path / "backup", tmp_path / "elsewhere" / "backup"):
            done = server.command("backup", str(target))
            assert done.returncode == 1
            assert "next:" in done.stderr
        assert list((tmp_path / "backup").iterdir()) == []
        assert "BackUpDatabase" not in server.command("audit", "tail", "-n", "100").stdout


def test_a_backup_that_is_ended_leaves_nothing_behind(tmp_path: Path):
    with running(tmp_path) as server:
        folder = tmp_path / "backups"
        folder.mkdir(mode=0o700)
        arguments = [*STRONGROOM, "backup", str(folder / "one"), "--data-dir", str(server.data_dir)]
        process = subprocess.Popen(arguments, env=clean_environment(), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_SECONDS
        while not list(folder.iterdir()):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_SECONDS)
        assert [path.name for path in folder.iterdir()] in ([], ["one"])


def test_on_postgresql_the_operator_is_sent_to_its_own_tools(tmp_path: Path):
    with running(tmp_path) as server:
        done = server.command("backup", str(tmp_path / "backup"), "--database", "postgresql://nobody@127.0.0.1:1/none")
        assert done.returncode == 1
        assert "pg_dump" in done.stderr
        assert not (tmp_path / "backup").exists()
