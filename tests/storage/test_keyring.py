"""The keyring in a database: made once, opened by its own root key only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from strongroom.crypto.aead import context, wrap
from strongroom.crypto.keyring import Keyring, open_keyring
from strongroom.crypto.root_key import FileRootKey
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError, TamperedError
from strongroom.storage.base import WrappedKey
from support.clock import NOW
from support.entropy import SeededEntropy
from support.storages import opened, run_sql

ENTROPY = SystemEntropy()


@pytest.fixture
def provider(tmp_path):
    return FileRootKey(tmp_path / "root.key")


def open_once(storage, provider):
    return open_keyring(storage, provider, ENTROPY, NOW)


def test_the_first_start_makes_the_root_key_and_term_1(storage, provider, database_url):
    keyring = open_once(storage, provider)
    root_key = provider.load()
    assert keyring.active_term == 1
    assert run_sql(database_url, "SELECT term, root_key_id FROM key_terms") == [(1, root_key.key_id)]


def test_a_later_start_opens_what_the_first_one_sealed(storage, provider):
    blob = open_once(storage, provider).seal("purpose", b"plaintext", "field", 7)
    assert open_once(storage, provider).open("purpose", blob, "field", 7) == b"plaintext"


def test_another_root_key_refuses_to_start_and_both_are_named(storage, provider, tmp_path):
    open_once(storage, provider)
    other = FileRootKey(tmp_path / "other.key")
    other.create(ENTROPY)
    with pytest.raises(OperatorError, match=r"other\.key does not open this database") as caught:
        open_once(storage, other)
    assert provider.load().key_id in caught.value.why
    assert other.load().key_id in caught.value.why
    assert provider.load().key_id in caught.value.next_step


def test_a_missing_root_key_refuses_to_start_and_is_not_made_anew(storage, provider, tmp_path):
    open_once(storage, provider)
    key_id = provider.load().key_id
    (tmp_path / "root.key").unlink()
    with pytest.raises(OperatorError, match="The root key is missing") as caught:
        open_once(storage, provider)
    assert key_id in caught.value.why
    assert provider.load() is None


@pytest.mark.parametrize("column", ["wrapped_key", "term"])
def test_a_changed_term_refuses_to_start(storage, provider, database_url, column):
    open_once(storage, provider)
    change = {
        "wrapped_key": "UPDATE key_terms SET wrapped_key = :blob",
        "term": "UPDATE key_terms SET term = 2",
    }[column]
    blob = run_sql(database_url, "SELECT wrapped_key FROM key_terms")[0][0]
    params = {"blob": bytes(blob)[:-1] + b"\0"} if ":blob" in change else {}
    run_sql(database_url, change, **params)
    with pytest.raises(OperatorError, match="does not open this database"):
        open_once(storage, provider)


def test_one_term_that_does_not_open_is_enough_to_refuse(storage, provider):
    open_once(storage, provider)
    storage.write(lambda tx: tx.insert_term(WrappedKey(2, b"\x01" + bytes(92), "another"), NOW))
    with pytest.raises(OperatorError, match="does not open this database"):
        open_once(storage, provider)


def test_an_older_term_still_opens_and_the_newest_one_seals(storage, provider):
    old_blob = open_once(storage, provider).seal("purpose", b"old")
    root_key = provider.load()
    material = wrap(root_key.material, bytes(32), context("keyring term", 2, root_key.key_id), ENTROPY)
    storage.write(lambda tx: tx.insert_term(WrappedKey(2, material, root_key.key_id), NOW))
    keyring = open_once(storage, provider)
    assert keyring.active_term == 2
    assert keyring.open("purpose", old_blob) == b"old"
    new_blob = keyring.seal("purpose", b"new")
    assert (old_blob[:4], new_blob[:4]) == (b"\0\0\0\x01", b"\0\0\0\x02")
    assert keyring.derive("label") != keyring.derive("label", term=1)


def test_two_nodes_that_start_together_share_term_1(database_url, provider):
    provider.create(ENTROPY)
    together = Barrier(2)

    def start(_):
        with opened(database_url) as storage:
            read = storage.read
            first = []

            def read_together(work):
                answer = read(work)
                if not first:
                    first.append(1)
                    together.wait(30)
                return answer

            storage.read = read_together
            return open_once(storage, provider)

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(start, range(2))
    assert other.open("purpose", one.seal("purpose", b"shared")) == b"shared"
    assert len(run_sql(database_url, "SELECT term FROM key_terms")) == 1


def make_keyring(*terms: int):
    return Keyring({term: bytes([term]) * 32 for term in terms}, SeededEntropy())


def test_a_blob_opens_for_its_purpose_its_fields_and_its_term_only():
    keyring = make_keyring(1, 2)
    blob = keyring.seal("purpose", b"plaintext", "a", 1)
    assert keyring.open("purpose", blob, "a", 1) == b"plaintext"
    other_term = b"\0\0\0\x01" + blob[4:]
    for arguments in (
        ("other purpose", blob, "a", 1),
        ("purpose", blob, "a", 2),
        ("purpose", blob, "a"),
        ("purpose", other_term, "a", 1),
        ("purpose", b"\0\0\0\x09" + blob[4:], "a", 1),
        ("purpose", blob[:3], "a", 1),
        ("purpose", b"", "a", 1),
        ("purpose", blob[:-1], "a", 1),
    ):
        with pytest.raises(TamperedError):
            keyring.open(*arguments)


def test_a_keyring_does_not_print_its_keys():
    assert repr(make_keyring(1, 2)) == "Keyring(terms=[1, 2])"
