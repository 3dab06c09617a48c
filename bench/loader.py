"""Fills a stopped Strongroom through its storage layer: the same rows as CreateSecret makes, without the calls.

A million secrets by API would take the better part of an hour on every server; this way it is minutes. What
differs from calls: nothing is on the trail, and every secret counts as read today, as it would after a
warm-up (the first read of a day has its date written down).

The work is done once, on SQLite; every deployment that is to hold the same gets a copy.
"""

from __future__ import annotations

import itertools
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench.copying import copy_tables
from bench.workloads import Stored, contents, token
from strongroom import ids
from strongroom.app import open_node, open_storage
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.crypto.vault import Vault
from strongroom.domain.identifiers import render_arn
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.secret import Secret, Tag, Version
from strongroom.domain.secret_value import SecretValue
from strongroom.domain.staging import CURRENT
from strongroom.entropy import SystemEntropy
from strongroom.first_start import prepare
from strongroom.storage.base import Transaction

BATCH: Final = 20
"""Secrets in one call. SQLite walks through all that a call has changed so far after each statement, so that many take
many times as long; calls share transactions anyway."""

CALLS: Final = 10
"""Calls under way at once."""

_APART: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class _Filling:
    """What every batch needs. `now` is when the newest secret was made; older ones lie a millisecond apart."""

    vault: Vault
    account_id: str
    now: datetime

    def insert(self, tx: Transaction, batch: list[tuple[int, Stored]]) -> None:
        keys: dict[str, KmsKey] = {}
        for age, stored in batch:
            if stored.region not in keys:
                keys[stored.region] = self.vault.encryption_key(
                    tx, None, account_id=self.account_id, region=stored.region, now=self.now
                )
            self._insert_one(tx, keys[stored.region], stored, self.now - age * _APART)

    def _insert_one(self, tx: Transaction, key: KmsKey, stored: Stored, made: datetime) -> None:
        suffix = ids.arn_suffix(SystemEntropy())
        secret = Secret(
            account_id=self.account_id,
            region=stored.region,
            arn=render_arn(stored.region, self.account_id, f"{stored.name}-{suffix}"),
            name=stored.name,
            created_at=made,
            last_changed_at=made,
            description=stored.description,
            tags=tuple(Tag(name, value) for name, value in stored.tags) or None,
            last_accessed_on=self.now.date(),
        )
        tx.insert_secret(secret)
        version_id = token(0, 0)
        sealed = self.vault.seal(tx, key, secret, version_id, SecretValue.from_text(stored.value))
        version = Version(version_id, made, sealed, last_accessed_on=self.now.date())
        tx.insert_version(secret, version)
        tx.put_stages(secret, {}, {CURRENT: version_id})


def deploy(template: Path, data_dir: Path, kinds: Sequence[str]) -> None:
    """Make a deployment on SQLite that holds these contents: a copy of `template`, which is made if it is not there."""
    if not template.exists():
        fill(template, None, _stored(kinds))
    shutil.copytree(template, data_dir)


def deploy_on_postgresql(template: Path, data_dir: Path, url: str, kinds: Sequence[str]) -> None:
    """Make a deployment that holds these contents on an empty PostgreSQL database."""
    if not template.exists():
        fill(template, None, _stored(kinds))
    data_dir.mkdir(mode=0o700)
    config = Config(data_dir=data_dir, database=url)
    open_storage(config).close()  # which brings the schema
    if not copy_tables(Config(data_dir=template).database_path, url):
        fill(data_dir, url, _stored(kinds))
        return
    for name in ("root.key", "credentials"):
        shutil.copy(template / name, data_dir / name)


def _stored(kinds: Sequence[str]) -> Iterator[Stored]:
    return itertools.chain.from_iterable(contents(kind) for kind in kinds)


def fill(data_dir: Path, database: str | None, stored: Iterable[Stored]) -> int:
    """Make a deployment in `data_dir` if there is none, put these secrets into it, and return how many."""
    config = Config(data_dir=data_dir, database=database)
    prepare(config)
    node = open_node(config)
    count = 0
    under_way: deque[Future[None]] = deque()
    try:
        filling = _Filling(node.service.around.vault, config.account_id, SystemClock().now())
        for batch in _batches(stored):
            if len(under_way) == CALLS:
                under_way.popleft().result()
            under_way.append(node.storage.submit(partial(filling.insert, batch=batch)))
            count += len(batch)
        for call in under_way:
            call.result()
    finally:
        node.close()
    return count


def _batches(stored: Iterable[Stored]) -> Iterator[list[tuple[int, Stored]]]:
    """Yield numbered secrets, so many together; the number is an age, so the first is the newest."""
    numbered = enumerate(stored)
    while batch := list(itertools.islice(numbered, BATCH)):
        yield batch
