"""What a reading transaction was given along with a row, so that it need not ask again.

Rules:
- A secret's row brings its staging labels and its policies; a version's row the KMS key and the backing key
  that wrap its data key. A reading transaction sees one snapshot, so what came with a row is what a query of
  its own would find.
- In a writing transaction of SQLite a secret's row brings how many versions and replicas there are, and the version
  that is going to be looked for, besides (PostgreSQL brings for many calls at once: `postgresql_foresight`). Nobody
  else writes meanwhile, so this holds until the transaction changes a table itself: then all is forgotten that came
  from it, of whatever secret.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from strongroom.domain.kms_key import KmsKey
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.secret import Version
from strongroom.storage.base import WrappedKey
from strongroom.storage.rows import (
    KMS_KEY_COLUMNS,
    SECRET_COLUMNS,
    VERSION_COLUMNS,
    Row,
    kms_key_of,
    policy_of,
    version_of,
    wrapped_key_of,
)

MAPS_KEPT: Final = 4_096
"""Texts of labels or policies kept decoded, by the text itself."""

_ARN: Final = 3
_FACTS: Final = SECRET_COLUMNS + 2
_COUNTS: Final = _FACTS + 2
_BACKING_KEY: Final = VERSION_COLUMNS + KMS_KEY_COLUMNS


class Keys:
    """Keys that were found, by what they were asked for. Several transactions may share them while nobody writes."""

    __slots__ = ("aliases", "backing_keys", "kms_keys")

    def __init__(self) -> None:
        self.aliases: dict[tuple[str, str, str], str] = {}
        self.kms_keys: dict[tuple[str, str, str], KmsKey] = {}
        self.backing_keys: dict[tuple[str, str, str, int], WrappedKey] = {}

    def clear(self) -> None:
        self.aliases.clear()
        self.kms_keys.clear()
        self.backing_keys.clear()


class Brought:
    """Facts by the key that their own query would have."""

    __slots__ = ("keys", "policies", "stages", "unreplicated", "version_counts", "versions")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.stages: dict[str, dict[str, str]] = {}
        self.policies: dict[str, dict[str, StoredPolicy]] = {}
        self.versions: dict[tuple[str, str], Version | None] = {}
        self.version_counts: dict[str, int] = {}
        self.unreplicated: set[str] = set()

    def facts_of(self, row: Row) -> None:
        """Keep what came with a secret's row."""
        arn = row[_ARN]
        self.stages[arn] = _decoded(row[SECRET_COLUMNS])
        self.policies[arn] = _policies(row[SECRET_COLUMNS + 1])

    def facts_for_change(self, row: Row, version_id: str | None) -> None:
        """Keep what came with a secret's row to a writing transaction that is going to look for a version."""
        if len(row) == SECRET_COLUMNS:
            return
        arn = row[_ARN]
        self.stages[arn] = _labels(row[SECRET_COLUMNS])
        self.policies[arn] = _policies(row[SECRET_COLUMNS + 1])
        self.version_counts[arn], replicas = row[_FACTS:_COUNTS]
        if not replicas:
            self.unreplicated.add(arn)
        if version_id is not None:
            self.versions[arn, version_id] = None if row[_COUNTS] is None else version_of(row[_COUNTS:])

    def forget(self, table: str | None) -> None:
        """Keep nothing that came from a table, for it is changed."""
        if table == "versions":
            self.versions.clear()
            self.version_counts.clear()
        elif table == "stages":
            self.stages.clear()
        elif table == "resource_policies":
            self.policies.clear()
        elif table == "replicas":
            self.unreplicated.clear()

    def keys_of(self, row: Row) -> None:
        """Keep what came with a version's row; a version whose key is missing brought nothing."""
        if row[VERSION_COLUMNS] is None:
            return
        key = kms_key_of(row[VERSION_COLUMNS:_BACKING_KEY])
        place = (key.account_id, key.region, key.key_id)
        self.keys.kms_keys[place] = key
        if row[_BACKING_KEY] is not None:
            backing = wrapped_key_of(row[_BACKING_KEY:])
            self.keys.backing_keys[*place, backing.number] = backing


def label_rows(text: str) -> list[Row]:
    """Return labels that came with a secret's row as the rows of their own query."""
    return list(_decoded(text).items())


@lru_cache(maxsize=MAPS_KEPT)
def policy_rows(text: str) -> list[Row]:
    """Return policies that came with a secret's row as the rows of their own query."""
    rows = msgspec.json.decode(text, type=dict[str, tuple[str, str]])
    return [(name, *rows[name]) for name in sorted(rows)]


@lru_cache(maxsize=MAPS_KEPT)
def _policies(text: str) -> dict[str, StoredPolicy]:
    return {row[0]: policy_of(row[1:]) for row in policy_rows(text)}


def _labels(text: str) -> dict[str, str]:
    return dict(sorted(_decode_labels(text).items()))


_decode_labels: Final = msgspec.json.Decoder(dict[str, str]).decode
_decoded: Final = lru_cache(maxsize=MAPS_KEPT)(_labels)
