"""Signed checkpoints and proofs of a trail, in the forms that transparency logs use.

- A checkpoint (c2sp.org/tlog-checkpoint) is a signed note (c2sp.org/signed-note): origin, number of records, root
  of the Merkle tree, and an Ed25519 signature (RFC 8032) over these lines.
- A proof (c2sp.org/tlog-proof) is the place of a record, the hashes up to the root, and a checkpoint; the record
  itself is its extra data, so that the file speaks for itself.
- A public key is written as notes write it: name, id, and the key. The id is the first four bytes of SHA-256 over
  the name, a line end, the byte 1 and the key.

The key is derived from a term of the keyring. Whoever holds the public key alone can verify.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.audit.tree import HASH_BYTES, leaf_hash, root_from_proof

SIGNING_LABEL: Final = "audit checkpoints"
"""Purpose of the key that is derived from a keyring term."""

_ED25519: Final = b"\1"
_KEY_ID_BYTES: Final = 4
_PROOF: Final = "c2sp.org/tlog-proof@v1"
_DASH: Final = "\N{EM DASH} "
_SIGNED_BY: Final = re.compile(rf"^{_DASH}strongroom-audit-([1-9]\d{{0,8}}) ", re.MULTILINE)


class NoteError(Exception):
    """A checkpoint, a proof or a public key is not what it should be; the text says why."""


class Checkpoint(NamedTuple):
    """How many records a trail had, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Proof:
    """That a record is one of those that a checkpoint is about."""

    record: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        lines = [_PROOF, f"extra {_encoded(self.record)}", f"index {self.index}", *map(_encoded, self.hashes)]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signs checkpoints."""

    name: str
    material: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.material).digest()[:_KEY_ID_BYTES]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_encoded(_ED25519 + self.material)}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs checkpoints with the key of one keyring term."""

    term: int
    seed: bytes

    def __repr__(self) -> str:
        return f"Signer(term={self.term})"

    @property
    def public_key(self) -> PublicKey:
        material = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return PublicKey(f"strongroom-audit-{self.term}", material)

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the signed note."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(checkpoint.text.encode())
        key = self.public_key
        return f"{checkpoint.text}\n{_DASH}{key.name} {_encoded(key.key_id + signature)}\n"


def parse_public_key(text: str) -> PublicKey:
    """Return a public key as `PublicKey.text` writes it. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _decoded(encoded)
    key = PublicKey(name, material[1:])
    if material[:1] != _ED25519 or len(material) != 1 + HASH_BYTES or key.key_id.hex() != key_id:
        raise NoteError("this is no Ed25519 key in the form NAME+ID+KEY")
    return key


def open_checkpoint(note: str, key: PublicKey) -> Checkpoint:
    """Return what a note says, if the key has signed it. Raises NoteError."""
    text, separator, signatures = note.partition("\n\n")
    text += "\n"
    lines = text.splitlines()
    if not separator or len(lines) < 3 or not lines[1].isdigit():  # noqa: PLR2004 - origin, size, root
        raise NoteError("this is no checkpoint")
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or name != key.name:
            continue
        signature = _decoded(encoded)
        if signature[:_KEY_ID_BYTES] == key.key_id and _is_signed(key, text.encode(), signature[_KEY_ID_BYTES:]):
            return Checkpoint(lines[0], int(lines[1]), _decoded(lines[2]))
    raise NoteError(f"the key {key.name} has not signed this checkpoint")


def signing_term(note: str) -> int | None:
    """Return the keyring term whose key a note says that it was signed with."""
    match = _SIGNED_BY.search(note)
    return None if match is None else int(match[1])


def parse_proof(text: str) -> Proof:
    """Return a proof as `Proof.text` writes it. Raises NoteError."""
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.splitlines()
    if not separator or len(lines) < 3 or lines[0] != _PROOF:  # noqa: PLR2004 - form, record, place
        raise NoteError("this is no proof")
    record, place = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
    if not place.isdigit():
        raise NoteError("the proof does not say which record it is about")
    return Proof(_decoded(record), int(place), tuple(map(_decoded, lines[3:])), checkpoint)


def verify_proof(proof: Proof, key: PublicKey) -> Checkpoint:
    """Return the checkpoint that a record is proven to be part of. Raises NoteError."""
    checkpoint = open_checkpoint(proof.checkpoint, key)
    root = root_from_proof(proof.index, checkpoint.size, leaf_hash(proof.record), proof.hashes)
    if root != checkpoint.root:
        raise NoteError("the record is not the one that the checkpoint is about")
    return checkpoint


def _is_signed(key: PublicKey, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.material).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes:
    """Return what base64 says, if it is written in the one way that RFC 4648 (3.5) has for it. Raises NoteError."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise NoteError("a part that should be base64 is not") from None
    if _encoded(content) != text:
        raise NoteError("a part that should be base64 has bits behind its end")
    return content
