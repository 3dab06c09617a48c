"""What `strongroom audit verify` finds of every trail of a data directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from strongroom.app import AUDIT_KEY_LABEL, load_keyring, open_storage
from strongroom.audit import checkpoints
from strongroom.audit.chain import ChainedLine
from strongroom.audit.files import trail_names
from strongroom.audit.notes import SIGNING_LABEL, Signer
from strongroom.audit.tree import leaf_hash
from strongroom.audit.verify import Verdict, deleted_up_to, verify_trail
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.crypto.keyring import Keyring
from strongroom.data_directory import find_node_id
from strongroom.entropy import SystemEntropy
from strongroom.storage.base import TrailHead


def verify_all(config: Config, note: Path | None) -> dict[str, Verdict]:
    """Return what is found of each trail that is here, or that the database remembers of this node.

    Each is also held against its last checkpoint, and the one that `note` is about against that.
    """
    node = find_node_id(config)
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, SystemClock(), SystemEntropy())
        heads = {head.trail: head for head in storage.read(lambda tx: tx.list_trail_heads())}
    finally:
        storage.close()
    verification = _Verification(config.audit_dir, str(node), keyring, heads)
    expected = {name.partition("/")[2] for name in heads if name.startswith(f"{node}/")}
    present = trail_names(config.audit_dir)
    verdicts = {name: Verdict(0, 1, "the file is gone") for name in expected - set(present)}
    verdicts |= {name: verification.of(name, note) for name in present}
    complete = {f"{name}.jsonl": verification.judged(name, verdicts[name]) for name in sorted(verdicts)}
    return complete | (_forgotten(heads, node) if config.database is None else {})


class _Verification:
    """Verifies trails one after the other, and remembers what the server says that it has deleted."""

    def __init__(self, folder: Path, node: str, keyring: Keyring, heads: dict[str, TrailHead]) -> None:
        self._folder = folder
        self._node = node
        self._keyring = keyring
        self._heads = heads
        self._deleted: dict[str, int] = {}

    def of(self, name: str, note: Path | None) -> Verdict:
        hashes: list[bytes] = []

        def see(line: ChainedLine) -> None:
            hashes.append(leaf_hash(line.record))
            if (found := deleted_up_to(line)) is not None:
                self._deleted[found[0]] = max(found[1], self._deleted.get(found[0], 0))

        verdict = verify_trail(
            self._folder,
            name,
            lambda term: self._keyring.derive(AUDIT_KEY_LABEL, term=term),
            self._heads.get(f"{self._node}/{name}"),
            see,
        )
        if verdict.broken_line is not None:
            return verdict
        hashes = checkpoints.leaves(self._folder, name)[: verdict.first - 1] + hashes
        for path in self._notes_about(name, note):
            origin = checkpoints.origin_of(self._node, name)
            reason = checkpoints.difference(path.read_text(), origin, hashes, self._signer_of)
            if reason is not None:
                return replace(verdict, broken_line=1, reason=f"{path.name}: {reason}")
        return verdict

    def judged(self, name: str, verdict: Verdict) -> Verdict:
        """Hold a trail whose first files are gone against what the server says that it has deleted."""
        missing = verdict.first - 1
        if verdict.broken_line is not None or missing <= self._deleted.get(name, 0):
            return verdict
        reason = f"records 1 to {missing} are gone, and the server did not delete them"
        return replace(verdict, broken_line=1, reason=reason)

    def _notes_about(self, name: str, note: Path | None) -> Iterable[Path]:
        yield from (path for _, path in checkpoints.stored(self._folder, name)[-1:])
        if note is not None and note.read_text().startswith(f"{checkpoints.origin_of(self._node, name)}\n"):
            yield note

    def _signer_of(self, term: int) -> Signer:
        return Signer(term, self._keyring.derive(SIGNING_LABEL, term=term))


def _forgotten(heads: Iterable[str], node: str | None) -> dict[str, Verdict]:
    """Return the trails of other names for this directory: a database of SQLite has had only one."""
    reason = "the database remembers it under another node-id: node-id and audit/ were replaced together"
    return {head: Verdict(0, 1, reason) for head in sorted(heads) if not head.startswith(f"{node}/")}
