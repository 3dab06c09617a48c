"""There is room on the disk behind the end of a trail that is written durably; its length is that of its records."""

from __future__ import annotations

import os

import pytest

from strongroom.audit import room
from strongroom.audit.room import AHEAD_BYTES, RoomAhead

BLOCK_BYTES = 512


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / "trail", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"record\n")
    yield descriptor
    os.close(descriptor)


def kept(descriptor):
    """Return how many bytes of the disk a file has."""
    return os.fstat(descriptor).st_blocks * BLOCK_BYTES


@pytest.fixture
def ahead(descriptor):
    ahead = RoomAhead()
    ahead.see_to(descriptor, 7)
    if kept(descriptor) < AHEAD_BYTES:
        pytest.skip("this file system keeps no room ahead")
    return ahead


def test_room_is_kept_and_the_file_is_as_long_as_before(descriptor, ahead):
    assert os.fstat(descriptor).st_size == 7
    before = kept(descriptor)
    ahead.see_to(descriptor, AHEAD_BYTES)
    assert kept(descriptor) == before, "there is enough"
    ahead.see_to(descriptor, AHEAD_BYTES + 7)
    assert kept(descriptor) > before


def test_room_is_given_back_when_the_file_grows_no_more(descriptor, ahead):
    ahead.give_back(descriptor, 7)
    assert kept(descriptor) < AHEAD_BYTES
    assert os.pread(descriptor, 100, 0) == b"record\n"


def test_a_file_that_has_no_room_ahead_is_not_touched_when_it_ends(descriptor):
    RoomAhead().give_back(descriptor, 3)
    assert os.fstat(descriptor).st_size == 7


@pytest.mark.parametrize("fallocate", [None, lambda *_: -1], ids=["unknown", "refused"])
def test_without_such_a_call_or_with_a_full_disk_all_goes_on(descriptor, monkeypatch, fallocate):
    monkeypatch.setattr(room, "_fallocate", fallocate)
    ahead = RoomAhead()
    ahead.see_to(descriptor, 7)
    ahead.give_back(descriptor, 7)
    assert os.fstat(descriptor).st_size == 7
