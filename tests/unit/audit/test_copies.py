"""Copies of trails that are written to, finished and compressed meanwhile."""

from __future__ import annotations

import pytest

from strongroom.audit import copies
from strongroom.audit.copies import copy_trails
from strongroom.audit.files import FinishedFile, compress, finished_files, open_path, trail_lines
from strongroom.audit.rotation import Rotation, rotate_if_due
from strongroom.audit.verify import verify_trail
from support.clock import NOW
from support.entropy import SeededEntropy
from support.trails import key_of_term, open_trail

ENTROPY = SeededEntropy(8)
TRAIL = "trail-0"
RECORD = b'{"eventName":"Event","eventTime":"2026-01-01T00:00:00Z"}'


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def trail(source):
    trail = open_trail(open_path(source, TRAIL))
    for _ in range(3):
        trail.append([RECORD, RECORD], durable=False)
        rotate(trail)
    trail.append([RECORD], durable=False)
    yield trail
    trail.close()


def rotate(trail):
    assert rotate_if_due(trail, Rotation(most_bytes=1), NOW, ENTROPY) is not None


def lines(folder):
    return list(trail_lines(folder, TRAIL))


def is_whole(folder) -> bool:
    return verify_trail(folder, TRAIL, key_of_term, None).broken_line is None


def test_a_copy_has_the_same_files_and_verifies(trail, source, target):
    compress(finished_files(source, TRAIL)[0])
    size = copy_trails(source, target)
    contents = {path.name: path.read_bytes() for path in source.iterdir()}
    assert {path.name: path.read_bytes() for path in target.iterdir()} == contents
    assert size == sum(map(len, contents.values()))
    assert is_whole(target)


def test_records_that_come_meanwhile_are_not_in_it_and_no_line_is_cut(trail, source, target):
    before = lines(source)
    with open_path(source, TRAIL).open("ab") as file:
        file.write(b"the beginning of a reco")
    copy_trails(source, target)
    assert lines(target) == before


def test_files_that_are_finished_and_compressed_meanwhile_are_in_it_once(trail, source, target):
    before, turns = lines(source), []

    def go_on(_seconds: float) -> None:
        turns.append(1)
        if len(turns) == 1:
            trail.append([RECORD], durable=False)
            rotate(trail)
            for finished in finished_files(source, TRAIL):
                if not finished.is_compressed:
                    compress(finished)

    copy_trails(source, target, sleep=go_on)
    copied = lines(target)
    assert copied[: len(before)] == before
    assert is_whole(target)


def test_a_file_that_was_compressed_just_before_it_is_opened_is_copied_compressed(trail, source, target, monkeypatch):
    listed = finished_files(source, TRAIL)
    compress(listed[0])
    monkeypatch.setattr(copies, "finished_files", lambda *_: [FinishedFile(one.first, one.path) for one in listed])
    copy_trails(source, target)
    assert lines(target) == lines(source)


def test_a_trail_without_finished_files_and_an_empty_one_are_copied(source, target):
    open_path(source, "trail-1").touch()
    open_path(source, "trail-1").chmod(0o600)
    assert copy_trails(source, target) == 0
    assert [path.name for path in target.iterdir()] == ["trail-1.jsonl"]
