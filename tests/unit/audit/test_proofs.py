"""The Merkle tree, checkpoints and proofs: what holds is proven with the public key alone, and nothing else is."""

from __future__ import annotations

import string
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit import checkpoints
from strongroom.audit.chain import take_apart
from strongroom.audit.files import compress, finished_files, open_path
from strongroom.audit.notes import (
    Checkpoint,
    NoteError,
    Proof,
    PublicKey,
    Signer,
    open_checkpoint,
    parse_proof,
    parse_public_key,
    signing_term,
    verify_proof,
)
from strongroom.audit.rotation import Rotation, rotate_if_due
from strongroom.audit.tree import EMPTY_ROOT, inclusion_proof, leaf_hash, node_hash, root_from_proof, root_of
from support.clock import NOW
from support.entropy import SeededEntropy
from support.trails import open_trail, record, write_trail

SIGNER = Signer(1, bytes(range(32)))
KEY = SIGNER.public_key
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def root_by_definition(hashes):
    """The definition of RFC 6962, word for word: split at the largest power of two below the number of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(root_by_definition(hashes[:split]), root_by_definition(hashes[split:]))


BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def leaves(count):
    return [leaf_hash(record(number)) for number in range(count)]


@pytest.mark.parametrize("size", range(1, 40))
def test_roots_are_those_of_the_definition(size):
    assert root_of(leaves(size)) == root_by_definition(leaves(size))


def test_the_root_over_nothing_and_the_order_of_nodes():
    assert root_of([]) == EMPTY_ROOT == sha256(b"").digest()
    assert leaf_hash(b"") == sha256(b"\0").digest()
    assert node_hash(b"a", b"b") == sha256(b"\1ab").digest()


@given(size=st.integers(1, 70), data=st.data())
def test_a_proof_leads_to_the_root_from_its_leaf_and_place_only(size, data):
    hashes, index = leaves(size), data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, hashes), root_of(hashes)
    assert root_from_proof(index, size, hashes[index], proof) == root
    other = data.draw(st.integers(0, size + 3))
    if other != index:
        assert root_from_proof(other, size, hashes[index], proof) != root
    assert root_from_proof(index, size, leaf_hash(b"other"), proof) != root
    assert root_from_proof(index, size, hashes[index], [*proof, bytes(32)]) != root
    if proof:
        assert root_from_proof(index, size, hashes[index], proof[:-1]) != root
        changed = [bytes(32), *proof[1:]]
        assert root_from_proof(index, size, hashes[index], changed) != root


def test_a_checkpoint_is_a_signed_note():
    note = SIGNER.sign(Checkpoint("strongroom/node/trail-0", 3, root_of(leaves(3))))
    lines = note.splitlines()
    assert lines[:2] == ["strongroom/node/trail-0", "3"]
    assert lines[3] == ""
    assert lines[4].startswith("\N{EM DASH} strongroom-audit-1 ")
    assert open_checkpoint(note, KEY) == ("strongroom/node/trail-0", 3, root_of(leaves(3)))
    assert signing_term(note) == 1


@given(data=st.data())
def test_a_changed_checkpoint_is_refused(data):
    note = SIGNER.sign(Checkpoint("strongroom/node/trail-0", 3, root_of(leaves(3))))
    content = bytearray(note.encode())
    place = data.draw(st.integers(0, len(content) - 2))
    content[place] ^= data.draw(st.integers(1, 127))
    try:
        changed = content.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(NoteError):
        open_checkpoint(changed, KEY)


def test_a_signature_is_written_in_one_way_only():
    note = SIGNER.sign(Checkpoint("strongroom/node/trail-0", 3, root_of(leaves(3))))
    assert note.endswith("=\n"), "its last character has bits that say nothing"
    following = BASE64[BASE64.index(note[-3]) + 1]
    with pytest.raises(NoteError, match="bits behind its end"):
        open_checkpoint(f"{note[:-3]}{following}=\n", KEY)


def test_another_key_is_refused():
    note = SIGNER.sign(Checkpoint("o", 1, bytes(32)))
    with pytest.raises(NoteError, match="has not signed"):
        open_checkpoint(note, Signer(1, bytes(32)).public_key)


def test_a_public_key_is_read_as_it_is_written():
    assert parse_public_key(KEY.text + "\n") == KEY
    assert KEY.key_id == sha256(b"strongroom-audit-1\n\1" + KEY.material).digest()[:4]
    for text in ("", "a", "a+b", KEY.text[:-4], KEY.text.replace("audit", "other"), f"{KEY.name}+00000000+AAAA"):
        with pytest.raises(NoteError):
            parse_public_key(text)


def proof_of(number, size):
    hashes = leaves(size)
    note = SIGNER.sign(Checkpoint("o", size, root_of(hashes)))
    return Proof(record(number), number, tuple(inclusion_proof(number, hashes)), note)


@given(size=st.integers(1, 20), data=st.data())
def test_a_proof_is_read_as_it_is_written_and_holds(size, data):
    proof = proof_of(data.draw(st.integers(0, size - 1)), size)
    assert parse_proof(proof.text) == proof
    assert verify_proof(proof, KEY).size == size


@given(data=st.data())
def test_a_changed_proof_never_proves_another_record_or_place(data):
    proof = proof_of(3, 7)
    content = bytearray(proof.text.encode())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 127))
    try:
        changed = parse_proof(content.decode())
        verify_proof(changed, KEY)
    except (NoteError, UnicodeDecodeError):
        return
    assert (changed.record, changed.index) == (proof.record, proof.index)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    return folder


def hashes_of(lines):
    return [leaf_hash(take_apart(line.rstrip(b"\n")).record) for line in lines]


def test_a_checkpoint_is_about_all_records_and_made_only_when_there_are_more(folder):
    lines = write_trail(folder / "trail-0.jsonl", 5)
    (path,) = checkpoints.make_checkpoints(folder, "node", SIGNER)
    assert path.name == "trail-0.5.checkpoint"
    assert path.stat().st_mode & 0o777 == 0o600
    checkpoint = open_checkpoint(path.read_text(), KEY)
    assert checkpoint == ("strongroom/node/trail-0", 5, root_of(hashes_of(lines)))
    assert checkpoints.make_checkpoints(folder, "node", SIGNER) == []
    assert (
        checkpoints.difference(path.read_text(), "strongroom/node/trail-0", hashes_of(lines), lambda _: SIGNER) is None
    )


def test_leaves_grow_with_the_trail_over_files_and_outlive_them(folder):
    trail = open_trail(open_path(folder, "trail-0"))
    for number in range(4):
        trail.append([record(number)], durable=True)
    checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER)
    rotate_if_due(trail, Rotation(most_bytes=1), NOW, SeededEntropy(1))
    path = compress(finished_files(folder, "trail-0")[0])
    trail.append([record(9)], durable=True)
    checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER)
    before = checkpoints.leaves(folder, "trail-0")
    assert len(before) == 6
    path.unlink()
    trail.append([record(10)], durable=True)
    trail.close()
    checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER)
    assert checkpoints.leaves(folder, "trail-0")[:6] == before
    assert [size for size, _ in checkpoints.stored(folder, "trail-0")] == [4, 6, 7]


def test_a_part_of_a_hash_that_a_crash_left_is_cut_off(folder):
    lines = write_trail(folder / "trail-0.jsonl", 3)
    checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER)
    path = folder / "checkpoints" / "trail-0.leaves"
    path.write_bytes(path.read_bytes()[:70])
    (folder / "checkpoints" / "trail-0.3.checkpoint").unlink()
    checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER)
    assert checkpoints.leaves(folder, "trail-0") == hashes_of(lines)


def test_a_trail_that_was_rewritten_with_the_key_differs_from_its_checkpoint(folder, tmp_path):
    write_trail(folder / "trail-0.jsonl", 4)
    note = checkpoints.make_checkpoint(folder, "node", "trail-0", SIGNER).read_text()
    forged = tmp_path / "forged.jsonl"
    trail = open_trail(forged)  # by somebody who has the root key
    for number in (1, 2, 99, 4):
        trail.append([record(number)], durable=True)
    trail.close()
    hashes = hashes_of(forged.read_bytes().splitlines(keepends=True))
    origin = "strongroom/node/trail-0"

    def told(note, origin, hashes, signer=SIGNER):
        return checkpoints.difference(note, origin, hashes, {1: signer}.__getitem__)

    assert told(note, origin, hashes) == "the records are not those that the checkpoint is about"
    assert "4 records, and there are 3" in told(note, origin, hashes[:3])
    assert "is about" in told(note, "strongroom/node/trail-1", hashes)
    assert "not signed" in told(note, origin, hashes, Signer(1, bytes(32)))
    assert "not signed" in told(note.replace("audit-1", "audit-2"), origin, hashes)
    assert "not signed" in told("nonsense", origin, hashes)


def test_the_seed_is_not_shown():
    assert "1f" not in repr(SIGNER)
    assert isinstance(KEY, PublicKey)
