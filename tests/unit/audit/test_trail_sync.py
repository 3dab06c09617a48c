"""The trail and its disk: callers share a sync, and a sync that failed proves nothing to anyone."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.audit.trail import Trail, TrailError
from strongroom.audit.verify import verify
from strongroom.metrics import Metrics
from support.trails import KEY, TERM, key_of_term, names_in, open_trail, record

CALLERS = 12
WAIT_SECONDS = 30


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trail-0.jsonl"


class Disk:
    """os.fdatasync of a disk whose first sync takes until it is let go; those in `failing` (1 is the first) fail."""

    def __init__(self, monkeypatch, failing: tuple[int, ...] = ()) -> None:
        self.syncs = 0
        self.entered, self.go_on = threading.Event(), threading.Event()
        self._failing = failing
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, _descriptor) -> None:
        self.syncs += 1
        number = self.syncs
        if number == 1:
            self.entered.set()
            assert self.go_on.wait(WAIT_SECONDS)
        if number in self._failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def append_together(trail, path, disk):
    """Append one record, and many more while the disk is busy with it; return the first's outcome and the others'."""
    with ThreadPoolExecutor(CALLERS + 1) as threads:
        first = threads.submit(trail.append, [record(0)], durable=True)
        assert disk.entered.wait(WAIT_SECONDS)
        others = [threads.submit(trail.append, [record(number)], durable=True) for number in range(1, CALLERS + 1)]
        while path.read_bytes().count(b"\n") <= CALLERS:
            assert not any(other.done() for other in others), "its record is not on disk yet"
        wait_until_all_wait(trail)
        disk.go_on.set()
        return first.exception(WAIT_SECONDS), [other.exception(WAIT_SECONDS) for other in others]


def wait_until_all_wait(trail, callers=CALLERS):
    until = time.monotonic() + WAIT_SECONDS
    while len(trail._turn._waiters) < callers:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_callers_that_wait_together_share_one_sync(path, monkeypatch):
    metrics = Metrics()
    trail = Trail(path, KEY, TERM, metrics=metrics)
    disk = Disk(monkeypatch)
    assert append_together(trail, path, disk) == (None, [None] * CALLERS)
    assert disk.syncs == 2, "the one under way began before their records were written"
    assert metrics.value("trail_syncs_total") == 2
    trail.close()
    assert disk.syncs == 2, "nothing was left"


def test_a_caller_whose_record_was_there_when_the_sync_began_waits_for_no_other(path, monkeypatch):
    trail = Trail(path, KEY, TERM)
    disk, lead = Disk(monkeypatch), Trail._lead
    disk.go_on.set()
    about_to_begin, go_on = threading.Event(), threading.Event()

    def lead_later(self, sync):
        about_to_begin.set()
        assert go_on.wait(WAIT_SECONDS)
        lead(self, sync)

    monkeypatch.setattr(Trail, "_lead", lead_later)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(trail.append, [record(0)], durable=True)
        assert about_to_begin.wait(WAIT_SECONDS)
        second = threads.submit(trail.append, [record(1)], durable=True)
        wait_until_all_wait(trail, 1)
        go_on.set()
        assert (first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)) == (None, None)
    assert disk.syncs == 1
    trail.close()


def test_a_failed_sync_refuses_everyone_it_covered_and_no_one_else(path, monkeypatch):
    metrics = Metrics()
    trail = Trail(path, KEY, TERM, metrics=metrics)
    disk = Disk(monkeypatch, failing=(2,))
    first, others = append_together(trail, path, disk)
    assert first is None
    assert [type(error) for error in others] == [TrailError] * CALLERS
    assert disk.syncs == 2, "nobody tries again on his own"
    assert metrics.value("trail_syncs_total") == 1
    trail.append([record(99)], durable=True)
    trail.close()
    assert verify(path, key_of_term, None).broken_line is None
    assert len(names_in(path)) == CALLERS + 2


def failed_once(path, monkeypatch):
    """Return a trail with one record on disk and two that a failed sync left in doubt, on a disk that works again."""
    trail = open_trail(path)
    trail.append([record(1)], durable=True)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, failing=(1,))
        disk.go_on.set()
        with pytest.raises(TrailError, match="cannot be put on disk"):
            trail.append([record(2), record(3)], durable=True)
    return trail


def test_what_a_failed_sync_left_in_doubt_is_written_again_before_a_sync_is_believed(path, monkeypatch):
    trail = failed_once(path, monkeypatch)
    before = path.read_bytes()
    steps, pwrite, fdatasync = [], os.pwrite, os.fdatasync
    monkeypatch.setattr(os, "pwrite", lambda *args: (steps.append(args[1:]), pwrite(*args))[1])
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (steps.append("sync"), fdatasync(descriptor)))
    trail.append([record(4)], durable=True)
    (lines, offset), sync = steps
    assert sync == "sync"
    assert before[offset:] == lines[: len(before) - offset]
    assert names_in(path) == ["Event1", "Event2", "Event3", "Event4"]
    trail.append([record(5)], durable=True)
    assert steps[2:] == ["sync"], "once is enough"
    trail.close()
    assert verify(path, key_of_term, None).records == 5


def test_records_that_a_failed_sync_lost_are_never_reported_as_durable(path, monkeypatch):
    trail = failed_once(path, monkeypatch)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100] + bytes(100))  # as a page that was dropped from memory is read again
    for _ in range(2):
        with pytest.raises(TrailError, match="are lost"):
            trail.append([record(4)], durable=True)
    assert path.stat().st_size > size, "the calls that failed are recorded, as far as can be"
    with pytest.raises(TrailError, match="are lost"):
        trail.close()


def test_what_is_in_doubt_stays_so_while_the_disk_takes_a_part_only(path, monkeypatch):
    trail = failed_once(path, monkeypatch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", lambda _descriptor, lines, _offset: len(lines) - 1)
        with pytest.raises(TrailError, match="takes only a part"):
            trail.append([record(4)], durable=True)
    trail.append([record(5)], durable=True)
    trail.close()
    assert verify(path, key_of_term, None).records == 5
