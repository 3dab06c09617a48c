"""A disk that others wait for is left to them half of the time."""

from __future__ import annotations

import pytest

from strongroom.shared_disk import LARGEST_PIECE, PIECE_SECONDS, SMALLEST_PIECE, SharedDisk, next_piece

MIDDLE = 8 << 20


@pytest.mark.parametrize(
    ("piece", "seconds", "following"),
    [
        (MIDDLE, PIECE_SECONDS * 3, MIDDLE // 2),
        (MIDDLE, PIECE_SECONDS * 0.7, MIDDLE),
        (MIDDLE, PIECE_SECONDS / 4, MIDDLE * 2),
        (SMALLEST_PIECE, 1.0, SMALLEST_PIECE),
        (LARGEST_PIECE, 0.0, LARGEST_PIECE),
    ],
)
def test_a_piece_grows_and_shrinks_until_the_disk_takes_it_in_its_time(piece: int, seconds: float, following: int):
    assert next_piece(piece, seconds) == following


def test_after_each_piece_the_disk_is_left_alone_for_as_long_as_it_took(tmp_path, monkeypatch):
    instants, slept = iter([1.0, 1.25, 2.0, 2.0]), []
    monkeypatch.setattr("strongroom.shared_disk.time.monotonic", lambda: next(instants))
    with (tmp_path / "file").open("wb") as file:
        disk = SharedDisk(file.fileno(), slept.append)
        disk.flush()
        assert disk.piece == SMALLEST_PIECE
        disk.flush()
        assert disk.piece == 2 * SMALLEST_PIECE
    assert slept == [0.25, 0.0]
