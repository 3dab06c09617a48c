"""Verification: a whole trail is proven, and of a changed one the first broken record is named."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit.chain import take_apart
from strongroom.audit.trail import Trail
from strongroom.audit.verify import verify
from strongroom.storage.base import TrailHead
from support.trails import key_of_term, open_trail, record, write_trail

COUNT = 6


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return write_trail(tmp_path_factory.mktemp("trail") / "trail-0.jsonl", COUNT)


def head_at(lines, sequence):
    return TrailHead("node/trail-0", sequence, take_apart(lines[sequence - 1].rstrip(b"\n")).mac.hex())


def verdict_on(content, head=None, keys=key_of_term):
    with TemporaryDirectory() as directory:
        path = Path(directory) / "trail-0.jsonl"
        path.write_bytes(content)
        return verify(path, keys, head)


def broken_at(content, head=None):
    verdict = verdict_on(content, head)
    if verdict.broken_line is not None:
        assert verdict.reason
        assert verdict.records == verdict.broken_line - 1
    return verdict.broken_line


def test_a_whole_trail_is_proven(lines):
    for sequence in range(1, COUNT + 1):
        verdict = verdict_on(b"".join(lines), head_at(lines, sequence))
        assert (verdict.records, verdict.broken_line, verdict.reason) == (COUNT, None, None)


def test_an_empty_trail_is_whole_if_nothing_is_remembered():
    assert verdict_on(b"").records == 0
    assert broken_at(b"") is None


@given(data=st.data())
def test_a_flipped_bit_is_found_in_its_record(lines, data):
    line = data.draw(st.integers(0, COUNT - 1), "line")
    position = data.draw(st.integers(0, len(lines[line]) * 8 - 1), "bit")
    changed = bytearray(lines[line])
    changed[position // 8] ^= 1 << position % 8
    assert broken_at(b"".join([*lines[:line], bytes(changed), *lines[line + 1 :]])) == line + 1


def test_every_flipped_bit_of_one_record_is_found(lines):
    for position in range(len(lines[2]) * 8):
        changed = bytearray(lines[2])
        changed[position // 8] ^= 1 << position % 8
        assert broken_at(b"".join([*lines[:2], bytes(changed), *lines[3:]])) == 3, position


@given(data=st.data())
def test_inserted_and_removed_bytes_are_found_in_their_record(lines, data):
    line = data.draw(st.integers(0, COUNT - 1), "line")
    start = data.draw(st.integers(0, len(lines[line]) - 1), "start")
    end = data.draw(st.integers(start, len(lines[line])), "end")
    new = data.draw(st.binary(max_size=5), "new")
    changed = lines[line][:start] + new + lines[line][end:]
    content = b"".join([*lines[:line], changed, *lines[line + 1 :]])
    head = head_at(lines, COUNT)
    assert broken_at(content, head) == (None if content == b"".join(lines) else line + 1)


@pytest.mark.parametrize("number", range(1, COUNT))
def test_a_dropped_record_is_found(lines, number):
    assert broken_at(b"".join(lines[: number - 1] + lines[number:])) == number


@given(one=st.integers(0, COUNT - 1), other=st.integers(0, COUNT - 1))
def test_swapped_records_are_found_at_the_first_of_them(lines, one, other):
    swapped = list(lines)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert broken_at(b"".join(swapped)) == (None if one == other else min(one, other) + 1)


@given(copied=st.integers(0, COUNT - 1), place=st.integers(0, COUNT))
def test_a_doubled_record_is_found(lines, copied, place):
    doubled = [*lines[:place], lines[copied], *lines[place:]]
    found = broken_at(b"".join(doubled))
    assert found == (place + 2 if place == copied else place + 1)


@given(place=st.integers(0, COUNT), text=st.binary(max_size=40))
def test_an_inserted_line_is_found(lines, place, text):
    content = b"".join([*lines[:place], text.replace(b"\n", b"") + b"\n", *lines[place:]])
    assert broken_at(content) == place + 1


def test_a_record_of_a_forger_without_the_key_is_found(lines, tmp_path):
    forger = tmp_path / "forged.jsonl"
    forged = write_trail(forger, 2)
    assert forged[0] == lines[0], "same key, same records, same chain"
    with_another_key = tmp_path / "other.jsonl"
    trail = Trail(with_another_key, b"another key", 3)
    trail.append([record(1)], durable=False)
    trail.close()
    assert broken_at(with_another_key.read_bytes()) == 1


@pytest.mark.parametrize("kept", range(COUNT))
def test_records_cut_off_the_end_are_found_against_the_remembered_head(lines, kept):
    content = b"".join(lines[:kept])
    assert broken_at(content) is None, "the file alone cannot tell"
    verdict = verdict_on(content, head_at(lines, COUNT))
    assert (verdict.records, verdict.broken_line) == (kept, kept + 1)
    assert verdict.reason == f"records {kept + 1} to {COUNT} were cut off"


@pytest.mark.parametrize("cut", [1, 20])
def test_a_last_line_cut_short_is_found(lines, cut):
    assert broken_at(b"".join(lines)[:-cut]) == COUNT


def test_a_trail_cut_and_continued_with_the_key_is_found_against_the_remembered_head(lines, tmp_path):
    path = tmp_path / "trail-0.jsonl"
    path.write_bytes(b"".join(lines[:3]))
    trail = open_trail(path)
    for number in range(10):
        trail.append([record(100 + number)], durable=False)
    trail.close()
    verdict = verify(path, key_of_term, head_at(lines, COUNT))
    assert verdict.broken_line == COUNT
    assert verdict.reason == "the record is not the one the database remembers"


def test_a_term_that_the_keyring_lacks_is_named(lines):
    def no_keys(term):
        raise KeyError(term)

    verdict = verdict_on(b"".join(lines), keys=no_keys)
    assert (verdict.broken_line, verdict.reason) == (1, "there is no keyring term 3")


def test_a_trail_goes_on_under_a_newer_term(tmp_path):
    path = tmp_path / "trail-0.jsonl"
    keys = {1: b"one", 2: b"two"}
    for term, key in keys.items():
        trail = Trail(path, key, term)
        trail.append([record(term)], durable=False)
        trail.close()
    assert verify(path, keys.__getitem__, None).broken_line is None
