"""Users, roles and identity providers, put into a database as they are, with the policies that a test is about."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from strongroom import principals
from strongroom.app import load_keyring, open_storage
from strongroom.authn.access_keys import AccessKeys
from strongroom.clock import SystemClock
from strongroom.config import load
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind, IdentityProvider, Role, User
from strongroom.entropy import SystemEntropy
from strongroom.policy.document import PolicyKind, parse_policy, principals_of
from strongroom.storage.base import Transaction
from support.factories import ACCOUNT_ID
from support.server import Server

NOW = datetime(2029, 6, 1, tzinfo=UTC)


def statement(action: str | list[str] = "*", resource: str = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal: str | dict[str, Any], action: str | list[str] = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    """Return a statement of a trust policy; a text is an account, user, role or session."""
    named = {"AWS": principal} if isinstance(principal, str) else principal
    return {"Effect": "Allow", "Principal": named, "Action": action, **more}


def unique_id(kind: IdentityKind) -> str:
    return UNIQUE_ID_PREFIXES[kind] + uuid.uuid4().hex[:17].upper()


@dataclass
class Identities:
    """Makes identities; `write` runs a work in a transaction."""

    write: Callable[[Callable[[Transaction], Any]], Any]
    access_keys: AccessKeys
    account_id: str = ACCOUNT_ID

    def user(self, name: str = "ana", *statements: dict[str, Any], **members: Any) -> User:
        """Make a user with an inline policy of these statements."""
        user = User(
            account_id=self.account_id,
            name=name,
            unique_id=unique_id(IdentityKind.USER),
            created_at=NOW,
            **members,
        )
        self._insert(user, statements)
        return user

    def role(self, name: str, trusting: list[dict[str, Any]], *statements: dict[str, Any], **members: Any) -> Role:
        """Make a role that trusts by these statements, with an inline policy of the others."""
        policy = document(*trusting)
        named = principals_of(parse_policy(policy, kind=PolicyKind.TRUST))
        role = Role(
            account_id=self.account_id,
            name=name,
            unique_id=unique_id(IdentityKind.ROLE),
            created_at=NOW,
            trust_policy=policy,
            trusted_ids=self.write(lambda tx: principals.meant(tx, named)),
            **members,
        )
        self._insert(role, statements)
        return role

    def provider(self, url: str, client_ids: tuple[str, ...], key_set: str | None = None) -> IdentityProvider:
        provider = IdentityProvider(
            account_id=self.account_id,
            name=url,
            unique_id=unique_id(IdentityKind.PROVIDER),
            created_at=NOW,
            client_ids=client_ids,
            key_set=key_set,
        )
        self.write(lambda tx: tx.identities.insert(provider))
        return provider

    def access_key(self, user: User) -> tuple[str, str]:
        """Make an access key and return its id and secret."""
        row, secret = self.write(lambda tx: self.access_keys.create_key(tx, user, NOW))
        return row.access_key_id, secret

    def grant(self, holder: User | Role, name: str, *statements: dict[str, Any]) -> None:
        self.write(lambda tx: tx.identities.put_inline_policy(holder, name, document(*statements)))

    def delete(self, holder: User | Role) -> None:
        def work(tx: Transaction) -> None:
            for name in tx.identities.inline_policies(holder):
                tx.identities.delete_inline_policy(holder, name)
            tx.identities.delete(holder)

        self.write(work)

    def _insert(self, holder: User | Role, statements: tuple[dict[str, Any], ...]) -> None:
        def work(tx: Transaction) -> None:
            tx.identities.insert(holder)
            if statements:
                tx.identities.put_inline_policy(holder, "own", document(*statements))

        self.write(work)


@contextmanager
def identities_of(server: Server) -> Iterator[Identities]:
    """Open the database of a server that runs, beside it."""
    database = dict(itertools.pairwise(server.arguments)).get("--database")
    config = load({"data_dir": server.data_dir, "database": database}, {}).config
    storage, entropy = open_storage(config), SystemEntropy()
    try:
        keyring = load_keyring(config, storage, SystemClock(), entropy)
        yield Identities(storage.write, AccessKeys(storage, keyring, entropy))
    finally:
        storage.close()
