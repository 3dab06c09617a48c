"""Trails of several files: one chain over all of them, whatever is done or left half done."""

from __future__ import annotations

import gzip
import os
import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.audit.chain import take_apart
from strongroom.audit.files import (
    compress,
    finished_files,
    head_of,
    holds,
    open_path,
    records_after,
    trail_lines,
    trail_names,
)
from strongroom.audit.rotation import Rotation, continue_trail, departures, farewell, rotate_if_due
from strongroom.audit.trail import Durability, Trail, TrailError
from strongroom.audit.verify import deleted_up_to, verify_trail
from strongroom.storage.base import TrailHead
from support.clock import NOW
from support.entropy import SeededEntropy
from support.trails import KEY, TERM, key_of_term, open_trail

ENTROPY = SeededEntropy(7)


def dated(number, at=NOW):
    return msgspec.json.encode({"eventName": f"Event{number}", "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")})


def rotate(trail):
    return rotate_if_due(trail, Rotation(most_bytes=1), NOW, ENTROPY)


def fill(folder, *counts: int):
    """Write a trail with so many records in each of its files; the first of a later one continues the trail."""
    trail = open_trail(open_path(folder, "trail-0"))
    number = 0
    for place, count in enumerate(counts):
        if place:
            assert rotate(trail) is not None
        for _ in range(count):
            number += 1
            trail.append([dated(number)], durable=False)
    trail.close()


def verdict_on(folder, head=None):
    return verify_trail(folder, "trail-0", key_of_term, head)


def whole(folder, head=None):
    verdict = verdict_on(folder, head)
    assert verdict.broken_line is None, verdict
    return verdict.records


def names(folder):
    parts = [take_apart(line[:-1]) for line in trail_lines(folder, "trail-0")]
    found = [msgspec.json.decode(part.record)["eventName"] for part in parts]
    return [name for name in found if name != "ContinueAuditTrail"]


def numbered(count):
    return [f"Event{number}" for number in range(1, count + 1)]


def head_at_end(folder):
    line = head_of(folder, "trail-0")
    return TrailHead("node/trail-0", line.sequence, line.mac.hex())


def test_the_chain_goes_on_over_files_and_a_new_one_begins_with_the_head_of_the_one_before(tmp_path):
    fill(tmp_path, 3, 2, 1)
    assert [one.path.name for one in finished_files(tmp_path, "trail-0")] == ["trail-0.1.jsonl", "trail-0.4.jsonl"]
    assert whole(tmp_path) == 8
    assert names(tmp_path) == numbered(6)
    first = take_apart(open_path(tmp_path, "trail-0").read_bytes().splitlines()[0])
    last = take_apart((tmp_path / "trail-0.4.jsonl").read_bytes().splitlines()[-1])
    assert msgspec.json.decode(first.record)["additionalEventData"] == {
        "Trail": "trail-0",
        "PreviousRecord": last.sequence,
        "PreviousMac": last.mac.hex(),
    }


def test_a_file_is_finished_by_size_or_by_day_and_never_with_one_record(tmp_path):
    trail = open_trail(open_path(tmp_path, "trail-0"))
    by_size, by_day = Rotation(most_bytes=400), Rotation(days=2)
    trail.append([dated(1)], durable=False)
    assert not Rotation(most_bytes=1).is_due(trail, NOW)
    trail.append([dated(2)], durable=False)
    assert not by_size.is_due(trail, NOW)
    trail.append([dated(3)], durable=False)
    assert by_size.is_due(trail, NOW)
    assert not Rotation().is_due(trail, NOW + timedelta(days=1_000))
    assert not by_day.is_due(trail, NOW + timedelta(days=1))
    assert by_day.is_due(trail, NOW + timedelta(days=2))
    trail.close()


def test_a_finished_file_is_the_same_compressed_and_private(tmp_path):
    fill(tmp_path, 3, 2)
    head, lines = head_at_end(tmp_path), list(trail_lines(tmp_path, "trail-0"))
    before = (tmp_path / "trail-0.1.jsonl").stat()
    path = compress(finished_files(tmp_path, "trail-0")[0])
    assert path.name == "trail-0.1.jsonl.gz"
    assert not (tmp_path / "trail-0.1.jsonl").exists()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mtime == before.st_mtime
    assert list(trail_lines(tmp_path, "trail-0")) == lines
    assert whole(tmp_path, head) == 6
    first = take_apart(lines[0][:-1])
    assert holds(tmp_path, "trail-0", 1, first.mac.hex())
    assert not holds(tmp_path, "trail-0", 1, head.mac)


def test_reading_goes_on_from_any_place_over_files_of_both_kinds(tmp_path):
    fill(tmp_path, 3, 2, 2)
    compress(finished_files(tmp_path, "trail-0")[0])
    placed = list(records_after(tmp_path, "trail-0", None))
    assert [one.line.sequence for one in placed] == list(range(1, 10))
    for place in placed:
        rest = [one.line.sequence for one in records_after(tmp_path, "trail-0", place.position)]
        assert rest == list(range(place.line.sequence + 1, 10))


def test_a_reader_that_stands_in_a_file_that_is_finished_and_compressed_meanwhile_misses_nothing(tmp_path):
    trail = open_trail(open_path(tmp_path, "trail-0"))
    trail.append([dated(1), dated(2)], durable=True)
    position = next(iter(records_after(tmp_path, "trail-0", None))).position
    rotate(trail)
    compress(finished_files(tmp_path, "trail-0")[0])
    trail.append([dated(3)], durable=True)
    assert [one.line.sequence for one in records_after(tmp_path, "trail-0", position)] == [2, 3, 4]
    trail.close()


class PowerCutError(BaseException):
    """The process ends here; nothing of it runs on."""


CALLS = [
    (os, "fdatasync"),
    (os, "fsync"),
    (os, "write"),
    (os, "dup2"),
    (Path, "rename"),
    (Path, "unlink"),
    (os, "utime"),
]


class Cut:
    """Ends the process before or after the n-th of the calls that change files."""

    def __init__(self, patch, at: int, *, after: bool) -> None:
        self.left, self.after = at, after
        for owner, name in CALLS:
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call):
        def counted(*arguments: object, **named: object):
            self.left -= 1
            if self.left == 0 and not self.after:
                raise PowerCutError
            result = call(*arguments, **named)
            if self.left == 0:
                raise PowerCutError
            return result

        return counted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 16))
def test_a_crash_at_any_step_of_finishing_and_compressing_leaves_a_trail_that_is_whole(tmp_path, step, after):
    fill(tmp_path, 2, 2)
    trail = open_trail(open_path(tmp_path, "trail-0"))
    trail.append([dated(5)], durable=True)
    head = head_at_end(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        cut = Cut(patch, step, after=after)
        try:
            rotate(trail)
            compress(finished_files(tmp_path, "trail-0")[0])
        except PowerCutError:
            pass
        else:
            assert cut.left > 0, "there are no more steps"
    os.close(trail._descriptor)
    assert whole(tmp_path, head) >= 6
    again = open_trail(open_path(tmp_path, "trail-0"))
    continue_trail(again, NOW, ENTROPY)
    again.append([dated(6)], durable=True)
    rotate(again)
    again.append([dated(7)], durable=True)
    again.close()
    for finished in finished_files(tmp_path, "trail-0"):
        if not finished.is_compressed:
            compress(finished)
    assert whole(tmp_path, head) >= 9
    assert names(tmp_path) == numbered(7)
    assert trail_names(tmp_path) == ["trail-0"]


def test_a_file_that_cannot_be_finished_is_written_on(tmp_path, monkeypatch):
    trail = open_trail(open_path(tmp_path, "trail-0"))
    trail.append([dated(1), dated(2)], durable=True)

    def full(*_: object):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(TrailError, match="cannot be finished"):
            rotate(trail)
    trail.append([dated(3)], durable=True)
    assert finished_files(tmp_path, "trail-0") == []
    assert rotate(trail) is not None
    trail.append([dated(4)], durable=True)
    trail.close()
    assert names(tmp_path) == numbered(4)
    assert whole(tmp_path) == 5


def test_two_processes_never_write_one_trail_also_after_a_rotation(tmp_path):
    trail = open_trail(open_path(tmp_path, "trail-0"))
    trail.append([dated(1), dated(2)], durable=True)
    rotate(trail)
    with pytest.raises(Exception, match="is in use"):
        open_trail(open_path(tmp_path, "trail-0"))
    trail.close()
    open_trail(open_path(tmp_path, "trail-0")).close()


STEPS = st.lists(st.sampled_from(["append", "append", "append", "rotate", "compress", "reopen"]), max_size=30)


@settings(max_examples=60)
@given(steps=STEPS)
def test_any_sequence_of_writing_finishing_compressing_and_restarting_is_one_whole_trail(steps):
    with TemporaryDirectory() as directory:
        folder, count = Path(directory), 0
        trail = open_trail(open_path(folder, "trail-0"))
        for step in steps:
            if step == "append":
                count += 1
                trail.append([dated(count)], durable=False)
            elif step == "rotate":
                rotate(trail)
            elif step == "compress":
                for finished in finished_files(folder, "trail-0"):
                    if not finished.is_compressed:
                        compress(finished)
            else:
                trail.close()
                trail = open_trail(open_path(folder, "trail-0"))
                continue_trail(trail, NOW, ENTROPY)
        trail.close()
        assert names(folder) == numbered(count)
        assert whole(folder, head_at_end(folder) if count else None) >= count
        sequences = [one.line.sequence for one in records_after(folder, "trail-0", None)]
        assert sequences == list(range(1, len(sequences) + 1))


@pytest.fixture
def three(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    fill(folder, 3, 3, 3)
    return folder


def test_a_file_removed_from_the_middle_or_the_end_is_found(three):
    head = head_at_end(three)
    for name in ("trail-0.4.jsonl", "trail-0.jsonl"):
        copy = three.with_name(f"without-{name}")
        shutil.copytree(three, copy)
        (copy / name).unlink()
        assert verdict_on(copy, head).broken_line is not None, name


def test_a_removed_beginning_is_told(three):
    (three / "trail-0.1.jsonl").unlink()
    verdict = verdict_on(three, head_at_end(three))
    assert (verdict.broken_line, verdict.first, verdict.records) == (None, 4, 8)


def test_a_forged_beginning_is_found(three):
    (three / "trail-0.1.jsonl").unlink()
    path = three / "trail-0.4.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"PreviousMac":"', b'"PreviousMac":"00', 1))
    assert verdict_on(three).broken_line == 1


@pytest.mark.parametrize("name", ["trail-0.1.jsonl", "trail-0.4.jsonl", "trail-0.jsonl"])
def test_an_edited_cut_or_reordered_file_is_found(three, name):
    head = head_at_end(three)
    original = (three / name).read_bytes()
    lines = original.splitlines(keepends=True)
    for changed in (
        original.replace(b"Event", b"Evant", 1),
        b"".join(lines[:-1]),
        b"".join(lines[1:]),
        b"".join(reversed(lines)),
        original + lines[0],
        b"",
    ):
        (three / name).write_bytes(changed)
        verdict = verdict_on(three, head)
        assert verdict.broken_line is not None or verdict.first > 1, "a beginning that is gone is the caller's to judge"
    (three / name).write_bytes(original)
    assert verdict_on(three, head).broken_line is None


def test_files_under_each_others_names_are_found(three):
    one, other, aside = three / "trail-0.1.jsonl", three / "trail-0.4.jsonl", three / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    assert verdict_on(three, head_at_end(three)).broken_line is not None


@given(data=st.data())
@settings(max_examples=40)
def test_a_changed_byte_of_a_compressed_file_is_found_unless_the_content_is_the_same(data):
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        fill(folder, 3, 3)
        path = compress(finished_files(folder, "trail-0")[0])
        content = bytearray(path.read_bytes())
        before = gzip.decompress(content)
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        try:
            same = gzip.decompress(content) == before
        except Exception:  # noqa: BLE001 - whatever it is, it cannot be read
            same = False
        assert (verdict_on(folder, head_at_end(folder)).broken_line is None) is same


def test_what_may_go_is_compressed_old_indexed_and_never_the_last_file(three):
    for finished in finished_files(three, "trail-0"):
        compress(finished)
    for path in three.glob("*.gz"):
        os.utime(path, (NOW.timestamp() - 5 * 86_400,) * 2)
    old, young = NOW - timedelta(days=4), NOW - timedelta(days=6)
    assert departures(three, {"trail-0": 100}, young) == []
    assert departures(three, {}, old) == []
    (first,) = departures(three, {"trail-0": 3}, old)
    assert ([path.name for path in first.paths], first.last) == (["trail-0.1.jsonl.gz"], 3)
    (both,) = departures(three, {"trail-0": 100}, old)
    assert ([path.name for path in both.paths], both.last) == (["trail-0.1.jsonl.gz", "trail-0.4.jsonl.gz"], 7)
    open_path(three, "trail-0").write_bytes(b"")
    (without_open,) = departures(three, {"trail-0": 100}, old)
    assert [path.name for path in without_open.paths] == ["trail-0.1.jsonl.gz"]


def test_a_farewell_says_up_to_where_a_trail_is_gone_and_nothing_else_does(three):
    for finished in finished_files(three, "trail-0"):
        compress(finished)
    (going,) = departures(three, {"trail-0": 100}, NOW + timedelta(days=36_500))
    trail = open_trail(open_path(three, "trail-0"))
    trail.append([farewell(going, NOW, ENTROPY)], durable=True)
    trail.close()
    lines = [take_apart(line[:-1]) for line in trail_lines(three, "trail-0")]
    assert [deleted_up_to(line) for line in lines][-1] == ("trail-0", 7)
    assert {deleted_up_to(line) for line in lines[:-1]} == {None}


@pytest.mark.parametrize(
    ("durability", "expected"),
    [(Durability.RECORD, [True, True]), (Durability.BATCH, [False, True]), (Durability.INTERVAL, [False, False])],
)
def test_what_waits_for_the_disk_is_as_the_setting_says(tmp_path, monkeypatch, durability, expected):
    trail = Trail(open_path(tmp_path, "trail-0"), KEY, TERM, durability=durability)
    synced, waited = [], []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    for durable in (False, True):
        synced.clear()
        trail.append([dated(1)], durable=durable)
        waited.append(bool(synced))
    trail.close()
    assert waited == expected
