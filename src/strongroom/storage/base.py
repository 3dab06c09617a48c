"""The contract between the server and its databases.

- `Storage.read` and `Storage.write` take a function of a `Transaction`. A writing function may be run
  again (a conflict with another node), so it is pure apart from the transaction it is given.
- `write` returns, and `submit` completes its future, only when the change is on disk.
- A function may `journal` audit entries. They reach the journal before the transaction commits, also
  when the function raises; if the journal refuses them nothing is committed. An attempt that is run
  again leaves no entries.
- A verb that changes something raises `WriteRequiredError` inside `read`: the caller repeats the call as
  a write. This is how a refused read postpones a purge.

This module names no database and imports none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from strongroom.domain.access import Access
from strongroom.domain.identity import Grants, Group, Identity, IdentityKind, ManagedPolicy, PolicyVersion, User
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.replication import Replica
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.secret import Secret, Version
from strongroom.domain.trail_event import EventPlace, EventQuery, Reader, TrailEvent, TrailPosition
from strongroom.metrics import Metrics
from strongroom.promises import Awaited
from strongroom.recall import Mark, Subject
from strongroom.storage.listings import Listings
from strongroom.storage.records import (
    AccessKeyRow,
    Census,
    Job,
    JobGroup,
    KeyUse,
    SecretPlace,
    Tombstone,
    TrailBlock,
    TrailHead,
    TrailPage,
    WrappedKey,
)
from strongroom.storage.watching import AlarmBook, Deletions

__all__ = [
    "AccessKeyRow",
    "Bringer",
    "Census",
    "Foreseen",
    "Given",
    "Identities",
    "Job",
    "JobGroup",
    "Journal",
    "KeyUse",
    "Listings",
    "NotBroughtError",
    "SecretPlace",
    "Storage",
    "StorageError",
    "Tombstone",
    "TrailBlock",
    "TrailHead",
    "TrailIndex",
    "TrailPage",
    "Transaction",
    "WantedVersion",
    "WrappedKey",
    "WriteRequiredError",
]

T = TypeVar("T")

Journal = Callable[[Sequence[bytes], bool], None]
"""Appends entries; the flag asks for them to be on disk when it returns. Raises to refuse."""


class StorageError(Exception):
    """The database did not do what it was asked; the outcome of the call is a failure."""


class WriteRequiredError(Exception):
    """A read turned out to change something."""


class Identities(Protocol):
    """The verbs about users, groups, roles, managed policies and identity providers; the kind says which is found."""

    def hold(self, account_id: str) -> None:
        """Wait until no other call changes identities of the account, and keep others waiting until the end.

        Before this nothing may be read on which a change depends.
        """
        ...

    def find(self, kind: IdentityKind, account_id: str, name: str) -> Any: ...
    def find_by_arn(self, arn: str) -> Identity | None: ...
    def find_by_id(self, unique_id: str) -> Identity | None: ...
    def page(self, kind: IdentityKind, account_id: str, *, after: str = "", limit: int) -> list[Any]:
        """Return what follows a name (its `name_key`) in the order of names, at most `limit`."""
        ...

    def count(self, kind: IdentityKind, account_id: str) -> int: ...
    def insert(self, identity: Identity) -> None: ...
    def put(self, identity: Identity) -> None: ...
    def delete(self, identity: Identity) -> None: ...

    def inline_policies(self, holder: Identity) -> dict[str, str]: ...
    def put_inline_policy(self, holder: Identity, name: str, document: str) -> None: ...
    def delete_inline_policy(self, holder: Identity, name: str) -> None: ...
    def attachments(self, holder: Identity) -> Sequence[str]: ...
    def attach(self, holder: Identity, policy_arn: str) -> None: ...
    def detach(self, holder: Identity, policy_arn: str) -> None: ...
    def holders_of(self, account_id: str, policy_arn: str) -> Sequence[Identity]: ...
    def bounded_by(self, account_id: str, policy_arn: str) -> Sequence[Identity]: ...
    def policy_versions(self, policy_arn: str) -> Sequence[PolicyVersion]: ...
    def insert_policy_version(self, policy: ManagedPolicy, version: PolicyVersion) -> None: ...
    def choose_policy_version(self, policy_arn: str, number: int) -> None: ...
    def delete_policy_version(self, policy_arn: str, number: int) -> None: ...

    def members(self, group: Group) -> Sequence[Any]: ...
    def groups_of(self, user: User) -> Sequence[Any]: ...
    def add_member(self, group: Group, user: User) -> None: ...
    def remove_member(self, group: Group, user: User) -> None: ...

    def grants(self, arn: str) -> Grants | None:
        """Return what decides for a user or a role, read in one go; None when there is none of that ARN."""
        ...

    def access_keys_of(self, principal_id: str) -> Sequence[AccessKeyRow]: ...
    def rename_principal(self, principal_id: str, arn: str) -> None: ...
    def record_key_uses(self, uses: Mapping[str, KeyUse]) -> None:
        """Remember the uses of keys by their ids: of those that are there, and that were not used later."""
        ...

    def key_use(self, access_key_id: str) -> KeyUse | None: ...
    def forget_key_use(self, access_key_id: str) -> None: ...


class TrailIndex(Protocol):
    """The verbs about the events of the audit trails, and about the readers of secrets."""

    def position(self, trail: str) -> TrailPosition | None: ...
    def advance(self, trail: str, before: TrailPosition | None, after: TrailPosition) -> bool:
        """Say that a trail is copied up to a place; False, and nothing is changed, if it was not up to `before`."""
        ...

    def insert_blocks(self, blocks: Sequence[TrailBlock]) -> None: ...
    def known_events(self, events: Sequence[TrailEvent]) -> set[str]:
        """Return the ids of those that are there already, from whatever trail."""
        ...

    def find_event(self, event_id: str) -> TrailEvent | None: ...
    def events(self, query: EventQuery, after: EventPlace | None, limit: int) -> TrailPage:
        """Return at most `limit` events that are asked for, newest first; fewer before the end, where few are found."""
        ...

    def delete_blocks(self, before: datetime, limit: int) -> list[int]:
        """Delete at most so many blocks of events that are all older, and return how many events each of them had."""
        ...

    def has_events(self, before: datetime) -> bool: ...
    def secrets_named(self, places: Iterable[SecretPlace]) -> Mapping[SecretPlace, tuple[str, datetime]]:
        """Return ARN and date of creation of the secrets that are there."""
        ...

    def add_readers(self, readers: Sequence[Reader]) -> None:
        """Add what was counted of readers, each once, to what is known of them."""
        ...

    def readers(self, secret_arn: str) -> Sequence[Reader]: ...
    def delete_readers(self, before: datetime, limit: int) -> int: ...


class Transaction(Protocol):
    """Every verb of the storage. `find_*` gives None for what is not there; ARNs are keys, never patterns."""

    writable: bool

    @property
    def identities(self) -> Identities: ...

    @property
    def trail(self) -> TrailIndex: ...
    @property
    def listings(self) -> Listings: ...
    @property
    def deletions(self) -> Deletions: ...
    @property
    def alarms(self) -> AlarmBook: ...

    def journal(self, entry: bytes) -> None: ...

    def find_secret(self, account_id: str, region: str, name: str, version_id: str | None = None) -> Secret | None:
        """Return a secret by its name. `version_id` says which version is going to be looked for, if that is known, so
        that it may be brought along.
        """
        ...

    def find_secret_by_arn(
        self, account_id: str, region: str, arn: str, version_id: str | None = None
    ) -> Secret | None: ...
    def insert_secret(self, secret: Secret) -> None: ...
    def put_secret(self, secret: Secret) -> None: ...
    def delete_secret(self, secret: Secret) -> None: ...
    def count_secrets(self, account_id: str, region: str) -> int: ...
    def find_version(self, secret: Secret, version_id: str) -> Version | None: ...
    def list_versions(self, secret: Secret) -> list[Version]: ...
    def count_versions(self, secret: Secret) -> int: ...
    def insert_version(self, secret: Secret, version: Version) -> None: ...
    def put_version(self, secret: Secret, version: Version) -> None: ...
    def record_accesses(self, accesses: Iterable[Access]) -> None:
        """Write down when versions and their secrets were read; what is gone is passed over."""
        ...

    def delete_wrapped_keys(self, secret: Secret) -> None: ...
    def delete_versions(self, secret: Secret) -> None: ...

    def stages(self, secret: Secret) -> dict[str, str]: ...
    def stages_of_many(self, secrets: Sequence[Secret]) -> dict[str, dict[str, str]]: ...
    def put_stages(self, secret: Secret, before: dict[str, str], after: dict[str, str]) -> None: ...

    def list_replicas(self, primary: Secret) -> list[Replica]: ...
    def find_replica(self, primary_arn: str, replica_arn: str) -> Replica | None: ...
    def put_replica(self, primary: Secret, replica: Replica) -> None: ...
    def delete_replica(self, primary_arn: str, replica_arn: str) -> None: ...

    def policies(self, secret: Secret) -> dict[str, StoredPolicy]: ...
    def put_policy(self, secret: Secret, name: str, policy: StoredPolicy) -> None: ...
    def delete_policy(self, secret: Secret, name: str) -> None: ...
    def delete_policies(self, secret: Secret) -> None: ...

    def find_kms_key(self, account_id: str, region: str, key_id: str) -> KmsKey | None: ...
    def find_kms_alias(self, account_id: str, region: str, alias: str) -> str | None: ...
    def list_kms_keys(self, account_id: str, region: str) -> list[KmsKey]: ...
    def insert_kms_key(self, key: KmsKey, backing: WrappedKey) -> None: ...
    def put_kms_key(self, key: KmsKey) -> None: ...
    def list_kms_aliases(self, account_id: str, region: str) -> dict[str, str]: ...
    def insert_kms_alias(self, account_id: str, region: str, alias: str, key_id: str) -> None: ...
    def find_backing_key(self, account_id: str, region: str, key_id: str, version: int) -> WrappedKey | None: ...

    def list_terms(self) -> list[WrappedKey]: ...
    def insert_term(self, term: WrappedKey, now: datetime) -> None: ...

    def find_access_key(self, access_key_id: str) -> AccessKeyRow | None: ...
    def list_access_keys(self, account_id: str) -> list[AccessKeyRow]: ...
    def insert_access_key(self, key: AccessKeyRow) -> None: ...
    def put_access_key(self, key: AccessKeyRow) -> None: ...
    def delete_access_key(self, access_key_id: str) -> None: ...

    def find_account(self, account_id: str) -> str | None: ...
    def list_accounts(self) -> list[tuple[str, datetime]]: ...
    def insert_account(self, account_id: str, now: datetime) -> None: ...

    def put_job(self, job: Job) -> None: ...
    def find_job(self, kind: str, subject: str) -> Job | None: ...
    def claim_jobs(
        self, owner: str, now: datetime, lease_until: datetime, limit: int, *, newest: bool
    ) -> list[Job]: ...
    def is_job_due(self, now: datetime) -> bool: ...
    def finish_job(self, job: Job) -> bool: ...
    def retry_job(self, job: Job, run_at: datetime, error: str) -> bool: ...
    def release_jobs(self, owner: str) -> None: ...
    def delete_job(self, kind: str, subject: str) -> None: ...
    def list_jobs(self) -> list[Job]: ...

    def census(self, now: datetime) -> Census: ...

    def insert_tombstone(self, tombstone: Tombstone) -> None: ...
    def find_tombstone(self, arn: str) -> Tombstone | None: ...

    def put_trail_head(self, head: TrailHead, now: datetime) -> None: ...
    def list_trail_heads(self) -> list[TrailHead]: ...


class NotBroughtError(Exception):
    """A read that was given its rows beforehand asked for another one; it must be read from the database."""


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """A secret, and the version of it by id or else by label, that a call is about to read."""

    account_id: str
    region: str
    name: str
    arn: str | None
    version_id: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a change is about to read: a secret and a version, and what its caller is granted if policies are asked.

    With `presumed` it is refused with NotBroughtError, and was not made, unless its caller's key is still like that.
    """

    version: WantedVersion
    principal_arn: str | None
    presumed: AccessKeyRow | None = None


Given = Mapping[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]]]
"""Rows brought beforehand, by the query and the parameters that would find them."""


class Bringer(Protocol):
    """Fetches together what many calls are about to read, in one round trip.

    What is asked for is read after it was asked for: nothing that was acknowledged before is missed.
    """

    def access_key(self, access_key_id: str) -> Awaited[Given]: ...
    def versions(self, wanted: tuple[WantedVersion, ...]) -> Awaited[Given]: ...
    def together(self, earlier: Given, later: Given) -> Given:
        """Return what two askings brought, for one read."""


class Storage(Protocol):
    """A database with the schema in place."""

    reads_inline: bool
    """Whether `read` is quick enough, and safe, on the event loop's own thread."""

    pool_size: int
    """How many calls may be in the database at once."""

    slice_size: int
    """How many background jobs may be submitted together without crowding out callers."""

    @property
    def bringer(self) -> Bringer | None:
        """What fetches for many reads at once; None where a read costs no round trip."""

    def mark(self, given: Given | None = None) -> Mark | None:
        """Return the mark of what is committed now, or of what was when `given` was read; None if it is not known."""

    def changed(self, old: Mark, new: Mark) -> frozenset[Subject] | None:
        """Return the secrets that changed between two marks, as `Recall` knows them; None if it may be anything."""

    def read(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:
        """Run a reading work; with `given` on those rows alone, without waiting for the database.

        Raises:
            WriteRequiredError: it has to be run as a write.
            NotBroughtError: `given` does not suffice.
        """

    def look_up(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:
        """As `read`, for a work of one query, which needs neither a snapshot nor the journal."""

    def write(self, work: Callable[[Transaction], T]) -> T: ...
    def submit(
        self, work: Callable[[Transaction], T], foreseen: Foreseen | None = None, *, changes_one_secret: bool = False
    ) -> Future[T]:
        """Do as `write`, and return at once. What is `foreseen` may be read together with what other calls need. A work
        that as a rule reads and changes one secret alone may be run before its turn. On a running event loop a work
        may be run on that loop, so it must wait for nothing but the transaction, nor that thread for the future.
        """

    def attach_journal(self, journal: Journal, metrics: Metrics | None = None) -> None:
        """Have entries written to `journal`, and commits counted in `metrics`."""

    def check(self) -> None:
        """Raise StorageError when the database cannot be used now."""

    def describe(self) -> str: ...
    def close(self) -> None: ...
