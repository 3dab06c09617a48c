"""What commands that change a deployment work with: its database, its keys, and a trail of their own.

Every change goes through the audit trail of the command line, as IAM's and KMS's calls do in CloudTrail.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from strongroom import __version__, ids
from strongroom.app import load_keyring, open_access_keys, open_storage, open_trail, surroundings
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.authn.access_keys import AccessKeys
from strongroom.authn.sessions import SessionTokens
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.crypto.vault import Vault
from strongroom.data_directory import node_id
from strongroom.entropy import SystemEntropy
from strongroom.metrics import Metrics
from strongroom.service import Service
from strongroom.storage.base import Storage, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    config: Config
    storage: Storage
    access_keys: AccessKeys
    vault: Vault
    sessions: SessionTokens
    service: Service
    now: datetime

    def change(
        self, name: str, work: Callable[[Transaction], T], *, source: str = "iam.amazonaws.com", **parameters: str
    ) -> T:
        """Run a change and put it on the trail; without the record there is no change."""
        origin = Origin(ids.random_uuid(SystemEntropy()), "127.0.0.1", f"strongroom-cli/{__version__}")
        user = getpass.getuser()
        line = record.api_call(
            record.CallFacts(
                name=name,
                now=self.now,
                event_id=ids.random_uuid(SystemEntropy()),
                region=self.config.region,
                account_id=self.config.account_id,
                identity={"type": "Operator", "userName": user, "accountId": self.config.account_id},
                origin=origin,
                read_only=False,
                source=source,
            ),
            request=parameters,
        )

        def audited(tx: Transaction) -> T:
            result = work(tx)
            tx.journal(line)
            return result

        return self.storage.write(audited)


@contextmanager
def open_desk(config: Config) -> Generator[Desk]:
    clock, entropy = SystemClock(), SystemEntropy()
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, clock, entropy)
        node_id(config, entropy)  # a trail is held against what the database remembers under this name
        trail = open_trail(config, keyring, "trail-cli", clock.now(), entropy, waits=True)
        storage.attach_journal(trail.append)
        vault = Vault(keyring, entropy, Metrics())
        around = surroundings(config, keyring, vault, trail, entropy, Metrics())
        yield Desk(
            config=config,
            storage=storage,
            access_keys=open_access_keys(storage, keyring),
            vault=vault,
            sessions=SessionTokens(keyring, entropy),
            service=Service(storage, around, clock),
            now=clock.now(),
        )
        trail.close()
    finally:
        storage.close()
