"""The keyring: numbered terms, each a key wrapped by the root key, the newest one active.

Rules:
- The first start makes term 1. Old terms stay, so that what they sealed stays readable.
- A root key that does not open every term is the wrong one: the server refuses to start.
- Nothing is encrypted with a term itself; each purpose has a key of its own, derived from it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from strongroom.crypto.aead import KEY_BYTES, context, derive, unwrap, wrap
from strongroom.crypto.root_key import RootKey, RootKeyProvider
from strongroom.entropy import Entropy
from strongroom.errors import OperatorError, TamperedError
from strongroom.storage.base import Storage, Transaction, WrappedKey

_TERM_BYTES: Final = 4


class Keyring:
    """The unwrapped terms. Held in memory only."""

    def __init__(self, terms: dict[int, bytes], entropy: Entropy) -> None:
        self._terms = terms
        self._entropy = entropy
        self.active_term = max(terms)

    def __repr__(self) -> str:
        return f"Keyring(terms={sorted(self._terms)})"

    def derive(self, label: str, *, term: int | None = None) -> bytes:
        """Return the key of one purpose under a term. Raises KeyError for an unknown term."""
        return derive(self._terms[self.active_term if term is None else term], label)

    def seal(self, purpose: str, plaintext: bytes, *fields: str | int) -> bytes:
        """Encrypt a small thing for one purpose, bound to `fields`; the blob names its term."""
        aad = context(purpose, self.active_term, *fields)
        blob = wrap(self.derive(purpose), plaintext, aad, self._entropy)
        return self.active_term.to_bytes(_TERM_BYTES, "big") + blob

    def open(self, purpose: str, blob: bytes, *fields: str | int) -> bytes:
        """Return the plaintext of `seal`.

        Raises:
            TamperedError: other purpose, other fields, an unknown term, or a changed blob.
        """
        term = int.from_bytes(blob[:_TERM_BYTES], "big")
        if term not in self._terms:
            raise TamperedError
        return unwrap(self.derive(purpose, term=term), blob[_TERM_BYTES:], context(purpose, term, *fields))


def open_keyring(storage: Storage, provider: RootKeyProvider, entropy: Entropy, now: datetime) -> Keyring:
    """Return the deployment's keyring; the first start makes the root key and term 1.

    Raises:
        OperatorError: the root key is missing though the database has terms, or it opens none of them.
    """
    root_key = provider.load()
    wrapped = storage.read(lambda tx: tx.list_terms())
    if root_key is None and wrapped:
        raise OperatorError(
            "The root key is missing.",
            why=f"the database was encrypted under root key {wrapped[-1].wrapped_by}, and {provider.describe()} "
            "does not exist",
            next_step="put the root key back from its backup; without it no secret in this database can be read",
        )
    if root_key is None:
        root_key = provider.create(entropy)
    if not wrapped:
        wrapped = storage.write(lambda tx: _first_term(tx, root_key, entropy, now))
    return Keyring({term.number: _unwrap_term(term, root_key, provider) for term in wrapped}, entropy)


def _first_term(tx: Transaction, root_key: RootKey, entropy: Entropy, now: datetime) -> list[WrappedKey]:
    """Insert term 1, unless another node has done so since."""
    if present := tx.list_terms():
        return present
    material = entropy.token_bytes(KEY_BYTES)
    aad = _term_context(1, root_key.key_id)
    term = WrappedKey(1, wrap(root_key.material, material, aad, entropy), root_key.key_id)
    tx.insert_term(term, now)
    return [term]


def _unwrap_term(term: WrappedKey, root_key: RootKey, provider: RootKeyProvider) -> bytes:
    try:
        return unwrap(root_key.material, term.wrapped, _term_context(term.number, root_key.key_id))
    except TamperedError:
        raise OperatorError(
            f"{provider.describe()} does not open this database.",
            why=f"the file holds root key {root_key.key_id}; the database was encrypted under {term.wrapped_by}",
            next_step=f"start with root key {term.wrapped_by}, or point at the database that belongs to this key",
        ) from None


def _term_context(number: int, root_key_id: str) -> bytes:
    return context("keyring term", number, root_key_id)
