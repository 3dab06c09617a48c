"""The root key's file: only its owner reads it, nothing overwrites it, and garbage is said to be garbage."""

from __future__ import annotations

import base64
import os
import stat

import pytest

from strongroom.crypto.aead import KEY_BYTES
from strongroom.crypto.root_key import FileRootKey, RootKey
from strongroom.errors import OperatorError
from support.entropy import SeededEntropy

MATERIAL = bytes(range(KEY_BYTES))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "root.key"


def write(path, text, mode=0o600):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def line(material=MATERIAL, magic="strongroom-root-key-v1"):
    return f"{magic} {base64.b64encode(material).decode()}\n"


def test_there_is_no_key_before_it_was_made(path):
    assert FileRootKey(path).load() is None
    assert not path.exists()


def test_a_key_made_is_the_key_loaded(path):
    made = FileRootKey(path).create(SeededEntropy())
    assert FileRootKey(path).load() == made
    assert len(made.material) == KEY_BYTES


def test_the_file_is_its_owners_alone_whatever_the_umask(path):
    before = os.umask(0)
    try:
        FileRootKey(path).create(SeededEntropy())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_else_is_left_in_the_directory(path):
    FileRootKey(path).create(SeededEntropy())
    assert [entry.name for entry in path.parent.iterdir()] == ["root.key"]


@pytest.mark.parametrize("present", [b"", b"garbage", line().encode()])
def test_making_a_key_never_overwrites_a_file(path, present):
    write(path, present)
    with pytest.raises(OperatorError, match=r"root\.key cannot be made"):
        FileRootKey(path).create(SeededEntropy())
    assert path.read_bytes() == present
    assert [entry.name for entry in path.parent.iterdir()] == ["root.key"]


def test_a_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(OperatorError, match=r"nowhere/root\.key cannot be made"):
        FileRootKey(tmp_path / "nowhere" / "root.key").create(SeededEntropy())


def test_a_crash_while_the_key_is_written_leaves_no_half_key(path, monkeypatch):
    def crash(_descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        FileRootKey(path).create(SeededEntropy())
    assert FileRootKey(path).load() is None


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_accepted(path, mode):
    write(path, line(), mode)
    assert FileRootKey(path).load() == RootKey.of(MATERIAL)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o601, 0o644])
def test_a_file_that_others_may_read_write_or_run_is_refused(path, mode):
    write(path, line(), mode)
    with pytest.raises(OperatorError, match="can be read by other users") as caught:
        FileRootKey(path).load()
    assert f"{mode:04o}" in caught.value.why
    assert base64.b64encode(MATERIAL).decode() not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "garbage",
        line(magic="strongroom-root-key-v2"),
        base64.b64encode(MATERIAL).decode(),
        line(MATERIAL[:-1]),
        line(MATERIAL + b"\0"),
        line().replace("=", "*"),
        line() + line(),
        "strongroom-root-key-v1",
        b"\xff\xfe" + line().encode(),
        bytes(64),
    ],
    ids=range(12),
)
def test_garbage_is_refused_and_never_replaced(path, content):
    write(path, content)
    before = path.read_bytes()
    with pytest.raises(OperatorError, match=r"root\.key is not a usable root key"):
        FileRootKey(path).load()
    assert path.read_bytes() == before


def test_a_directory_in_its_place_is_refused(path):
    path.mkdir(mode=0o700)
    with pytest.raises(OperatorError, match="is not a usable root key"):
        FileRootKey(path).load()


def test_the_key_id_tells_keys_apart_and_tells_nothing_else():
    one, other = RootKey.of(MATERIAL), RootKey.of(MATERIAL[::-1])
    assert one.key_id != other.key_id
    assert one.key_id == RootKey.of(MATERIAL).key_id
    assert MATERIAL.hex()[:8] not in one.key_id
    assert "material" not in repr(one)
