"""The trail: whole records or none, one writer, and a chain that goes on after every mishap."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.audit import trail as trail_module
from strongroom.audit.chain import FIRST_MAC, chain_mac, take_apart
from strongroom.audit.files import synced_head_of
from strongroom.audit.trail import TrailError
from strongroom.audit.verify import verify
from strongroom.errors import OperatorError
from support.trails import KEY, TERM, key_of_term, names_in, open_trail, record, write_trail


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trail-0.jsonl"


@pytest.fixture
def trail(path):
    trail = open_trail(path)
    yield trail
    trail.close()


def whole(path):
    verdict = verify(path, key_of_term, None)
    assert verdict.broken_line is None, verdict
    return verdict.records


class FailingWrite:
    """os.write on a disk that is full: `kept` bytes of the next write are taken, then it fails or falls short."""

    def __init__(self, monkeypatch, kept: int, *, raises: bool) -> None:
        self._write, self._kept, self._raises = os.write, kept, raises
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor, content) -> int:
        self._monkeypatch.undo()
        written = self._write(descriptor, content[: self._kept]) if self._kept else 0
        if self._raises:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written


def test_a_record_is_there_when_append_returns(trail, path):
    trail.append([record(1)], durable=False)
    assert names_in(path) == ["Event1"]


def test_records_of_a_batch_stand_in_order(trail, path):
    trail.append([record(1), record(2)], durable=True)
    trail.append([record(3)], durable=False)
    assert names_in(path) == ["Event1", "Event2", "Event3"]
    assert whole(path) == 3


def test_a_line_is_the_record_with_the_chain_as_its_last_member(trail, path):
    trail.append([record(1), record(2)], durable=False)
    first, second = (take_apart(line) for line in path.read_bytes().splitlines())
    assert (first.record, first.term, first.sequence) == (record(1), TERM, 1)
    assert first.mac == chain_mac(KEY, FIRST_MAC, 1, record(1))
    assert second.mac == chain_mac(KEY, first.mac, 2, record(2))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"a":1}',
        b'{"a":1,"chain":{"key":1,"seq":1,"mac":"' + b"0" * 63 + b'"}}',
        b'{"a":1,"chain":{"key":1,"seq":1,"mac":"' + b"A" * 64 + b'"}}',
        b'{"a":1,"chain":{"key":01,"seq":1,"mac":"' + b"0" * 64 + b'"}}',
        b'{"a":1,"chain":{"key":1,"seq":01,"mac":"' + b"0" * 64 + b'"}}',
        b'{"a":1,"chain":{"key":1,"seq":0,"mac":"' + b"0" * 64 + b'"}}',
        b'{"a":1,"chain":{"key":1,"seq":1,"mac":"' + b"0" * 64 + b'"}} ',
    ],
)
def test_a_line_of_another_spelling_is_none_of_ours(line):
    assert take_apart(line) is None


def test_a_durable_append_waits_for_the_disk_and_another_does_not(trail, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    trail.append([record(1)], durable=False)
    assert synced == []
    trail.append([record(2)], durable=True)
    assert len(synced) == 1
    trail.sync()
    assert len(synced) == 1, "nothing was left to flush"
    trail.append([record(3)], durable=False)
    trail.sync()
    assert len(synced) == 2


def test_reading_calls_do_not_wait_while_a_change_is_put_on_disk(trail, monkeypatch, path):
    entered, go_on = threading.Event(), threading.Event()

    def slow_disk(_descriptor):
        entered.set()
        assert go_on.wait(30)

    monkeypatch.setattr(os, "fdatasync", slow_disk)
    change = threading.Thread(target=trail.append, args=([record(1)], True))
    change.start()
    assert entered.wait(30)
    trail.append([record(2)], durable=False)
    assert names_in(path) == ["Event1", "Event2"]
    go_on.set()
    change.join()


def test_a_disk_that_does_not_flush_fails_the_call(path, monkeypatch):
    def failing(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    trail = open_trail(path)
    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(TrailError, match="cannot be put on disk"):
        trail.append([record(1)], durable=True)
    with pytest.raises(TrailError, match="cannot be put on disk"):
        trail.sync()
    with pytest.raises(TrailError, match="cannot be put on disk"):
        trail.close()
    open_trail(path).close()  # the lock was let go all the same


@pytest.mark.parametrize("raises", [True, False], ids=["refused", "short"])
@pytest.mark.parametrize("kept", [0, 1, 50, 150])
def test_a_write_that_fails_or_falls_short_is_taken_back_and_the_chain_goes_on(trail, path, monkeypatch, kept, raises):
    trail.append([record(1)], durable=True)
    before = path.read_bytes()
    FailingWrite(monkeypatch, kept, raises=raises)
    with pytest.raises(TrailError, match="cannot be written"):
        trail.append([record(2), record(3)], durable=True)
    assert path.read_bytes() == before
    trail.append([record(4)], durable=True)
    assert names_in(path) == ["Event1", "Event4"]
    assert whole(path) == 2


def test_remains_that_cannot_be_taken_back_yet_are_taken_back_before_the_next_record(trail, path, monkeypatch):
    trail.append([record(1)], durable=True)
    truncate, failures = os.ftruncate, [1, 1]

    def failing_truncate(descriptor, length):
        if failures:
            failures.pop()
            raise OSError(errno.EIO, "Input/output error")
        truncate(descriptor, length)

    FailingWrite(monkeypatch, 40, raises=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "ftruncate", failing_truncate)
        with pytest.raises(TrailError):
            trail.append([record(2)], durable=True)
        assert not path.read_bytes().endswith(b"\n"), "half a line is still there"
        with pytest.raises(TrailError):
            trail.append([record(3)], durable=True)
        trail.append([record(4)], durable=True)
    assert names_in(path) == ["Event1", "Event4"]
    assert whole(path) == 2


def fill(trail):
    for number in range(2, 10_000):
        trail.append([record(number, "x" * 3_000)], durable=True)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small file system takes root")
def test_a_full_disk_refuses_and_room_lets_the_chain_go_on(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        path = small / "trail-0.jsonl"
        trail = open_trail(path)
        trail.append([record(1)], durable=True)
        ballast = small / "ballast"
        ballast.write_bytes(bytes(40_000))
        with pytest.raises(TrailError, match=r"No space left|wrote \d+ of \d+ bytes"):
            fill(trail)
        kept = len(names_in(path))
        ballast.unlink()
        trail.append([record(0)], durable=True)
        trail.close()
        assert names_in(path)[-1] == "Event0"
        assert whole(path) == kept + 1
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("torn", [1, 10, -2, -1])
def test_a_torn_last_line_is_cut_off_at_opening_and_the_chain_goes_on(path, torn):
    lines = write_trail(path, 3)
    path.write_bytes(lines[0] + lines[1] + lines[2][:torn])
    trail = open_trail(path)
    assert trail.torn_bytes == len(lines[2][:torn])
    trail.append([record(4)], durable=True)
    trail.close()
    assert names_in(path) == ["Event1", "Event2", "Event4"]
    assert whole(path) == 3


def test_a_file_of_a_torn_line_alone_begins_anew(path):
    lines = write_trail(path, 1)
    path.write_bytes(lines[0][:-1])
    trail = open_trail(path)
    trail.append([record(2)], durable=True)
    trail.close()
    assert names_in(path) == ["Event2"]
    assert whole(path) == 1


def test_zeros_that_a_power_cut_left_are_cut_off(path):
    lines = write_trail(path, 1)
    path.write_bytes(lines[0] + bytes(5_000))
    trail = open_trail(path)
    assert trail.torn_bytes == 5_000
    trail.close()
    assert path.read_bytes() == lines[0]


def test_a_whole_trail_is_continued(path):
    write_trail(path, 2)
    trail = open_trail(path)
    assert trail.torn_bytes == 0
    trail.append([record(3)], durable=False)
    trail.close()
    assert whole(path) == 3


def test_the_chain_is_found_behind_a_long_trail(path, monkeypatch):
    monkeypatch.setattr(trail_module, "TAIL_BYTES", 1_000)
    write_trail(path, 50)
    trail = open_trail(path)
    trail.append([record(51)], durable=False)
    trail.close()
    assert whole(path) == 51
    assert synced_head_of(path).sequence == 51


@pytest.mark.parametrize("last", [b"not a record\n", b"{}\n", b"\n"])
def test_a_trail_that_ends_in_something_else_is_refused_and_left_alone(path, last):
    lines = write_trail(path, 2)
    path.write_bytes(b"".join(lines) + last)
    with pytest.raises(OperatorError, match="does not end in a record of its chain") as caught:
        open_trail(path)
    assert "audit verify" in caught.value.next_step
    assert path.read_bytes() == b"".join(lines) + last


def test_a_second_trail_on_the_file_is_refused(trail, path):
    with pytest.raises(OperatorError, match="is in use"):
        open_trail(path)


def test_another_process_on_the_file_is_refused(trail, path):
    program = (
        "import sys; from pathlib import Path; from strongroom.audit.trail import Trail\n"
        "Trail(Path(sys.argv[1]), bytes(32), 1)"
    )
    other = subprocess.run([sys.executable, "-c", program, path], check=False, capture_output=True, text=True)
    assert other.returncode != 0
    assert "is in use" in other.stderr


def test_a_closed_trail_lets_the_next_one_in(path):
    open_trail(path).close()
    open_trail(path).close()


def test_the_file_is_its_owners_alone_whatever_the_umask(path):
    before = os.umask(0)
    try:
        open_trail(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_threads_share_one_chain(trail, path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: trail.append([record(number)], durable=number % 5 == 0), range(300)))
    assert sorted(names_in(path)) == sorted(f"Event{number}" for number in range(300))
    assert whole(path) == 300


def test_an_empty_file_has_no_head(path):
    path.touch()
    assert synced_head_of(path) is None


def test_the_head_is_the_last_whole_record(path):
    lines = write_trail(path, 2)
    path.write_bytes(b"".join(lines) + b'{"torn')
    assert synced_head_of(path).sequence == 2
