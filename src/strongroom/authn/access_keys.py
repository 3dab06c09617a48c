"""Long-term access keys: made, found, disabled and deleted.

Rules:
- SigV4 needs the secret itself, so it is stored sealed by the keyring, bound to its id and principal.
- A key of a user goes with the user: one that has keys is not deleted (documented).
- A key is looked up at every request: disabling it takes effect at once. Each change gives it a new
  revision, which outdates everything derived from the old one; the first is the instant of creation, so
  that a key made again under the same id starts with another.
- A principal has at most two keys, so that it can rotate them (AWS's limit).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from strongroom import ids
from strongroom.authn.bounded_cache import BoundedCache
from strongroom.authn.credentials import SecretAccessKey
from strongroom.domain.identity import User
from strongroom.domain.principal import Principal, root_arn
from strongroom.domain.timestamps import to_micros
from strongroom.entropy import Entropy
from strongroom.errors import OperatorError
from strongroom.recall import Recall
from strongroom.storage.base import AccessKeyRow, Given, Storage, Transaction

MAX_KEYS_PER_PRINCIPAL: Final = 2

PRINCIPALS_KEPT: Final = 1_024
KEYS_SEEN: Final = 1_024

_PURPOSE: Final = "secret access key"


class Sealer(Protocol):
    """What the keyring offers here."""

    def seal(self, purpose: str, plaintext: bytes, *fields: str | int) -> bytes: ...
    def open(self, purpose: str, blob: bytes, *fields: str | int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class StoredAccessKey:
    """An active key as the signature verifier wants it; its secret is opened only when needed."""

    row: AccessKeyRow
    open_secret: Callable[[AccessKeyRow], SecretAccessKey] = field(repr=False)
    session_token: str | None = None
    expiration: datetime | None = None
    principal: Principal = field(init=False)

    def __post_init__(self) -> None:
        row = self.row
        whose = _principal_of(row.principal_arn, row.principal_id, row.account_id, row.access_key_id)
        object.__setattr__(self, "principal", whose)

    @property
    def access_key_id(self) -> str:
        return self.row.access_key_id

    @property
    def revision(self) -> int:
        return self.row.revision

    @property
    def secret_access_key(self) -> SecretAccessKey:
        return self.open_secret(self.row)


class AccessKeys:
    """The access keys of the deployment."""

    def __init__(self, storage: Storage, sealer: Sealer, entropy: Entropy, recall: Recall | None = None) -> None:
        self._storage = storage
        self._sealer = sealer
        self._entropy = entropy
        self._recall = Recall() if recall is None else recall
        self._seen: BoundedCache[str, AccessKeyRow] = BoundedCache(KEYS_SEEN)

    def find_active(self, access_key_id: str, given: Given | None = None) -> StoredAccessKey | None:
        mark = self._storage.mark(given)
        known: StoredAccessKey | None = self._recall.find(access_key_id, mark)
        if known is not None:
            return known
        row = self._storage.look_up(lambda tx: tx.find_access_key(access_key_id), given)
        if row is None or not row.active:
            self._seen.forget(access_key_id)
            return None
        self._seen.keep(access_key_id, row)
        found = StoredAccessKey(row, self._open)
        if self._storage.mark(given) == mark:
            self._recall.keep(access_key_id, found, mark)
        return found

    def seen(self, access_key_id: str) -> StoredAccessKey | None:
        """Return an active key as it was found last, which proves nothing before it is known that it still is."""
        row = self._seen.find(access_key_id)
        return None if row is None else StoredAccessKey(row, self._open)

    def create_root_key(
        self, tx: Transaction, account_id: str, now: datetime, *, preset: tuple[str, str] | None = None
    ) -> tuple[AccessKeyRow, str]:
        """Make an access key of the account's root and return it with its secret, shown this once.

        Args:
            tx: a writing transaction.
            account_id: twelve digits.
            now: the key's creation date.
            preset: key id and secret chosen by the operator.

        Raises:
            OperatorError: there is no such account, or its root has two keys already.
        """
        if tx.find_account(account_id) is None:
            raise OperatorError(
                f"There is no account {account_id} in this deployment.",
                why="the setting account_id names one that no server was started for",
                next_step="set account_id to the account you mean",
            )
        present = tx.identities.access_keys_of(account_id)
        if len(present) >= MAX_KEYS_PER_PRINCIPAL:
            raise OperatorError(
                f"The root of account {account_id} has {len(present)} access keys already.",
                why=f"a principal may have {MAX_KEYS_PER_PRINCIPAL}, so that keys can be rotated but not hoarded",
                next_step="delete one first: strongroom access-keys delete ACCESS_KEY_ID",
            )
        return self._make(tx, account_id, (root_arn(account_id), account_id), now, preset=preset)

    def create_key(self, tx: Transaction, user: User, now: datetime) -> tuple[AccessKeyRow, str]:
        """Make an access key of a user and return it with its secret, shown this once.

        The caller has seen to it that the user has room for one more.
        """
        return self._make(tx, user.account_id, (user.arn, user.unique_id), now)

    def _make(
        self,
        tx: Transaction,
        account_id: str,
        holder: tuple[str, str],
        now: datetime,
        *,
        preset: tuple[str, str] | None = None,
    ) -> tuple[AccessKeyRow, str]:
        """Make a key of a holder, given by ARN and unique id."""
        key_id, secret = preset or (ids.access_key_id(self._entropy), ids.secret_access_key(self._entropy))
        row = AccessKeyRow(
            access_key_id=key_id,
            account_id=account_id,
            principal_arn=holder[0],
            principal_id=holder[1],
            active=True,
            revision=to_micros(now),
            sealed_secret=b"",
            created_at=now,
        )
        row = replace(row, sealed_secret=self._sealer.seal(_PURPOSE, secret.encode(), key_id, _bound_to(row)))
        tx.insert_access_key(row)
        return row, secret

    def holds(self, row: AccessKeyRow, secret: str) -> bool:
        """Tell whether a key's secret is this one."""
        probe = ("", "", "")
        return hmac.compare_digest(self._open(row).signing_key(*probe), SecretAccessKey(secret).signing_key(*probe))

    @staticmethod
    def set_active(tx: Transaction, access_key_id: str, *, active: bool) -> AccessKeyRow:
        """Enable or disable a key. Raises OperatorError for an unknown one."""
        row = replace(_require(tx, access_key_id), active=active)
        changed = replace(row, revision=row.revision + 1)
        tx.put_access_key(changed)
        return changed

    @staticmethod
    def delete(tx: Transaction, access_key_id: str) -> AccessKeyRow:
        """Delete a key. Raises OperatorError for an unknown one."""
        row = _require(tx, access_key_id)
        tx.delete_access_key(access_key_id)
        tx.identities.forget_key_use(access_key_id)
        return row

    def _open(self, row: AccessKeyRow) -> SecretAccessKey:
        plaintext = self._sealer.open(_PURPOSE, row.sealed_secret, row.access_key_id, _bound_to(row))
        return SecretAccessKey(plaintext.decode())


@lru_cache(maxsize=PRINCIPALS_KEPT)
def _principal_of(arn: str, principal_id: str, account_id: str, access_key_id: str) -> Principal:
    """Return whose a key is: the same object each time, which what is kept about callers is found by at once."""
    kind = "Root" if arn == root_arn(account_id) else "IAMUser"
    return Principal(kind, arn, principal_id, account_id, access_key_id)


def _bound_to(row: AccessKeyRow) -> str:
    """Return what a secret is sealed for: a user's unique id, which outlives changes of its name, or a root's ARN."""
    return row.principal_arn if row.principal_id == row.account_id else row.principal_id


def _require(tx: Transaction, access_key_id: str) -> AccessKeyRow:
    row = tx.find_access_key(access_key_id)
    if row is None:
        raise OperatorError(
            f"There is no access key {access_key_id}.",
            why="it was never created in this deployment, or it has been deleted",
            next_step="list the keys: strongroom access-keys list",
        )
    return row
