"""The keeper of the trail: what it tells the database, and that it never takes it back."""

from __future__ import annotations

import logging
import os

import pytest

from strongroom.audit.trail import TrailError
from strongroom.audit.verify import verify
from strongroom.workers.trail_keeper import TrailKeeper
from support.clock import FrozenClock
from support.storages import opened
from support.trails import key_of_term, open_trail, record, write_trail


@pytest.fixture
def storage(tmp_path):
    with opened(f"sqlite:///{tmp_path / 'strongroom.db'}") as storage:
        yield storage


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    return folder


@pytest.fixture
def trail(folder):
    trail = open_trail(folder / "trail-0.jsonl")
    yield trail
    trail.close()


def keep(trail, storage, folder):
    """Run a keeper from its start to its end, which anchors."""
    TrailKeeper(trail, storage, FrozenClock(), node="node", anchors=folder).stop()


def heads(storage):
    return {head.trail: head for head in storage.read(lambda tx: tx.list_trail_heads())}


def test_the_end_of_every_trail_of_the_node_is_remembered(trail, storage, folder):
    trail.append([record(1), record(2)], durable=False)
    write_trail(folder / "trail-cli.jsonl", 3)
    keep(trail, storage, folder)
    assert {name: head.sequence for name, head in heads(storage).items()} == {"node/trail-0": 2, "node/trail-cli": 3}
    for name, head in heads(storage).items():
        assert verify(folder / f"{name.removeprefix('node/')}.jsonl", key_of_term, head).broken_line is None


def test_a_trail_is_on_disk_before_its_end_is_remembered(trail, storage, folder, monkeypatch):
    synced = []
    fdatasync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (synced.append(heads(storage)), fdatasync(descriptor)))
    trail.append([record(1)], durable=False)
    write_trail(folder / "trail-1.jsonl", 1)
    synced.clear()
    keep(trail, storage, folder)
    assert len(synced) == 3, "its own, and each again when its end is read"
    assert "node/trail-1" not in synced[-1]


def test_a_process_that_does_not_anchor_only_syncs(trail, storage, monkeypatch):
    trail.append([record(1)], durable=False)
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    TrailKeeper(trail, storage, FrozenClock(), node="node", anchors=None).stop()
    assert heads(storage) == {}
    assert synced == [trail._descriptor]


def test_an_empty_trail_is_not_remembered(trail, storage, folder):
    keep(trail, storage, folder)
    assert heads(storage) == {}


@pytest.mark.parametrize("grown", [1, 10])
def test_what_is_remembered_does_not_follow_a_trail_that_was_cut_however_far_it_grew(storage, folder, caplog, grown):
    path = folder / "trail-0.jsonl"
    lines = write_trail(path, 5)
    trail = open_trail(path)
    keep(trail, storage, folder)
    trail.close()
    remembered = heads(storage)
    path.write_bytes(b"".join(lines[:3]))
    trail = open_trail(path)  # as a server does that is started after the cut
    trail.append([record(99)] * grown, durable=True)
    with caplog.at_level(logging.ERROR):
        keep(trail, storage, folder)
    trail.close()
    assert heads(storage) == remembered
    assert "was cut: record 5 is no longer there" in caplog.text
    assert verify(path, key_of_term, remembered["node/trail-0"]).broken_line == 5


def test_a_trail_that_cannot_be_kept_is_logged_and_the_keeper_goes_on(trail, storage, folder, monkeypatch, caplog):
    def failing():
        raise TrailError("the disk is gone")

    monkeypatch.setattr(trail, "sync", failing)
    with caplog.at_level(logging.ERROR):
        keep(trail, storage, folder)
    assert "The audit trail could not be kept" in caplog.text
    monkeypatch.undo()
