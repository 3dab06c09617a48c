"""Several processes write to one SQLite database: each gets its turn, none waits behind who has had one since."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from strongroom.storage import sqlite as sqlite_module
from strongroom.storage import sqlite_checkpoint
from strongroom.storage.base import StorageError
from strongroom.storage.sqlite_turn import Turn
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import opened, sqlite_path

WAIT_SECONDS = 30

HOLDER = """
import sys, time
from pathlib import Path
from strongroom.storage.sqlite_turn import Turn
turn = Turn(Path(sys.argv[1]))
with turn:
    print("holds", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def database(tmp_path):
    return tmp_path / "strongroom.db"


@pytest.fixture
def holder(database):
    """Another process, which is writing."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def insert(name):
    return lambda tx: tx.insert_secret(make_secret(name=name))


def complaint(storage):
    try:
        storage.check()
    except StorageError as error:
        return str(error)
    return None


def test_a_turn_is_taken_while_another_has_it(database):
    with closing(Turn(database)) as mine, closing(Turn(database)) as other:
        assert not mine.is_taken()
        with other:
            assert mine.is_taken()
        assert not mine.is_taken()


def test_who_wrote_last_does_not_go_before_who_waits(database):
    order = []

    def write_once():
        with closing(Turn(database)) as turn, turn:
            order.append("other")

    with closing(Turn(database)) as turn, ThreadPoolExecutor(1) as threads:
        for _ in range(20):
            with turn:
                other = threads.submit(write_once)
                wait_until_next_is_taken(database)
            with turn:
                order.append("again")
            other.result(WAIT_SECONDS)
    assert order == ["other", "again"] * 20


def wait_until_next_is_taken(database):
    with database.with_name(database.name + "-next").open("r+") as file:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(file, fcntl.LOCK_UN)
    raise AssertionError("nobody waits")


def test_a_process_that_is_killed_leaves_its_turn(database, holder):
    with closing(Turn(database)) as turn:
        assert turn.is_taken()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with turn:
            pass


def test_one_who_writes_for_long_is_told_by_the_check_and_writing_goes_on_afterwards(sqlite_url, monkeypatch):
    monkeypatch.setattr(sqlite_module, "BUSY_TIMEOUT_MS", 50)
    with opened(sqlite_url) as storage:
        with closing(Turn(sqlite_path(sqlite_url))) as other:
            with other:
                waiting = storage.submit(insert("app"))
                until = time.monotonic() + WAIT_SECONDS
                while (told := complaint(storage)) is None and time.monotonic() < until:
                    time.sleep(0.01)
                assert told is not None
                assert "another process has been writing for 0.05 s" in told
                assert not waiting.done()
            waiting.result(WAIT_SECONDS)
        assert complaint(storage) is None


def test_all_of_several_writers_are_acknowledged_and_the_log_begins_anew_meanwhile(sqlite_url, monkeypatch):
    monkeypatch.setattr(sqlite_checkpoint, "CHECKPOINT_AT_PAGES", 40)
    monkeypatch.setattr(sqlite_checkpoint, "REST_PAGES", 10)
    path = sqlite_path(sqlite_url)
    log = path.with_name(path.name + "-wal")
    with ExitStack() as stack:
        storages = [stack.enter_context(opened(sqlite_url)) for _ in range(3)]

        def write(number):
            storages[number % 3].write(insert(f"n{number:04d}"))

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(write, range(1_200)))
        assert storages[0].read(lambda tx: tx.count_secrets(ACCOUNT_ID, REGION)) == 1_200
        pages = log.stat().st_size // 4_120
    assert pages < 2_000, "1,200 commits write some 7,000 pages"
