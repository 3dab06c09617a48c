"""What commands that change a deployment work with: its database, its keys, and a trail of their own.

Every change goes through the audit trail of the command line, as IAM's and KMS's calls do in CloudTrail.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from strongroom import __version__, ids
from strongroom.app import (
    load_keyring,
    open_access_dates,
    open_access_keys,
    open_companions,
    open_storage,
    open_trail,
    rotation_of,
    surroundings,
)
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.audit.rotation import rotate_if_due
from strongroom.authn.access_keys import AccessKeys
from strongroom.authn.sessions import SessionTokens
from strongroom.clock import SystemClock
from strongroom.companions.base import IAM
from strongroom.companions.door import CompanionService
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
    companions: CompanionService
    service: Service
    now: datetime

    @property
    def origin(self) -> Origin:
        """Where changes at the command line come from; each time another request."""
        return Origin(ids.random_uuid(SystemEntropy()), "127.0.0.1", f"strongroom-cli/{__version__}")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Who is on the record for them."""
        return {"type": "Operator", "userName": getpass.getuser(), "accountId": self.config.account_id}

    def record_of(self, name: str, *, source: str = IAM.event_source, **parameters: str) -> bytes:
        """Return the record of a change that is no operation of a service."""
        return record.api_call(
            record.CallFacts(
                name=name,
                now=self.now,
                event_id=ids.random_uuid(SystemEntropy()),
                region=self.config.region,
                account_id=self.config.account_id,
                identity=self.identity,
                origin=self.origin,
                read_only=False,
                source=source,
            ),
            request=parameters,
        )

    def change(
        self, name: str, work: Callable[[Transaction], T], *, source: str = IAM.event_source, **parameters: str
    ) -> T:
        """Run a change and put it on the trail; without the record there is no change."""
        line = self.record_of(name, source=source, **parameters)

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
        try:
            rotate_if_due(trail, rotation_of(config), clock.now(), entropy)
            storage.attach_journal(trail.append)
            access_keys = open_access_keys(storage, keyring)
            vault = Vault(keyring, entropy, Metrics())
            around = surroundings(config, keyring, vault, trail, entropy, Metrics())
            yield Desk(
                config=config,
                storage=storage,
                access_keys=access_keys,
                vault=vault,
                sessions=SessionTokens(keyring, entropy),
                companions=open_companions(config, storage, keyring, access_keys, trail, clock, entropy),
                service=Service(storage, around, clock, open_access_dates(storage, Metrics())),
                now=clock.now(),
            )
        finally:
            trail.close()
    finally:
        storage.close()
