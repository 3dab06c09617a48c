"""The credentials file: for its owner only, and never lost half way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from strongroom import data_directory
from strongroom.config import Config

if TYPE_CHECKING:
    from pathlib import Path


def test_a_further_account_is_added_to_the_credentials(tmp_path: Path) -> None:
    data_directory.write_credentials(Config(data_dir=tmp_path), "ONE", "1")
    data_directory.write_credentials(Config(data_dir=tmp_path, account_id="000000000002"), "TWO", "2")
    path = tmp_path / "credentials"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [line for line in path.read_text().splitlines() if line.startswith("[")] == ["[default]", "[000000000002]"]
    assert list(tmp_path.iterdir()) == [tmp_path / "credentials"]


def test_a_write_that_fails_leaves_the_credentials_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_directory.write_credentials(Config(data_dir=tmp_path), "ONE", "1")
    before = (tmp_path / "credentials").read_text()

    def full(_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        data_directory.write_credentials(Config(data_dir=tmp_path, account_id="000000000002"), "TWO", "2")
    assert (tmp_path / "credentials").read_text() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "credentials"]
