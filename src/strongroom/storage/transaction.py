"""Every storage verb, written once over "run this named query with these parameters"."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from strongroom.domain.access import Access
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.replication import Replica
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.secret import Secret, Version
from strongroom.domain.timestamps import from_micros, to_days, to_micros
from strongroom.storage import term_index
from strongroom.storage.alarm_book import SqlAlarmBook, SqlDeletions
from strongroom.storage.base import (
    AccessKeyRow,
    Census,
    Identities,
    Tombstone,
    TrailHead,
    TrailIndex,
    WrappedKey,
    WriteRequiredError,
)
from strongroom.storage.brought import Brought, Keys
from strongroom.storage.identities import SqlIdentities
from strongroom.storage.jobs import SqlJobs
from strongroom.storage.listings import Listings
from strongroom.storage.rows import (
    CENSUS,
    SECRET_COLUMNS,
    Params,
    Row,
    access_key_of,
    access_key_params,
    census_of,
    changing_secret_of,
    kms_key_of,
    kms_key_params,
    policy_of,
    policy_params,
    replica_of,
    replica_params,
    secret_of,
    tombstone_of,
    version_of,
    version_params,
    wrapped_key_of,
)
from strongroom.storage.sql import Queries, Query
from strongroom.storage.sql_listings import SqlListings
from strongroom.storage.trail_index import SqlTrailIndex
from strongroom.storage.watching import AlarmBook, Deletions

T = TypeVar("T")
Place = TypeVar("Place", bound=Hashable)
Execute = Callable[[Query, Params], list[Row]]


class SqlTransaction(SqlJobs):
    """A `Transaction` over one open database transaction."""

    def __init__(self, execute: Execute, queries: Queries, *, writable: bool, keys: Keys | None = None) -> None:
        """Take `keys` for those that are known already, and add what is found; their owner says when to forget them."""
        self.writable = writable
        self.entries: list[bytes] = []
        self._execute = execute
        self._queries = queries.writing if writable else queries.reading
        self._keeps_keys = keys is not None
        self._brought = Brought(keys or Keys())
        self._seen: dict[str, Secret] = {}

    @property
    def identities(self) -> Identities:
        return SqlIdentities(self._run, self._change)

    @property
    def trail(self) -> TrailIndex:
        return SqlTrailIndex(self._run, self._change)

    @property
    def listings(self) -> Listings:
        return SqlListings(self._run)

    @property
    def deletions(self) -> Deletions:
        return SqlDeletions(self._run, self._change)

    @property
    def alarms(self) -> AlarmBook:
        return SqlAlarmBook(self._run, self._change)

    def journal(self, entry: bytes) -> None:
        self.entries.append(entry)

    # --- secrets

    def find_secret(self, account_id: str, region: str, name: str, version_id: str | None = None) -> Secret | None:
        return self._secret("find_secret", {"account_id": account_id, "region": region, "name": name}, version_id)

    def find_secret_by_arn(
        self, account_id: str, region: str, arn: str, version_id: str | None = None
    ) -> Secret | None:
        return self._secret("find_secret_by_arn", {"account_id": account_id, "region": region, "arn": arn}, version_id)

    def insert_secret(self, secret: Secret) -> None:
        term_index.insert_secret(self._change, secret)

    def put_secret(self, secret: Secret) -> None:
        term_index.put_secret(self._change, secret, before=self._seen.get(secret.arn))
        self._seen[secret.arn] = secret

    def delete_secret(self, secret: Secret) -> None:
        term_index.delete_secret(self._change, secret)

    def count_secrets(self, account_id: str, region: str) -> int:
        return int(self._run("count_secrets", {"account_id": account_id, "region": region})[0][0])

    # --- versions and their labels

    def find_version(self, secret: Secret, version_id: str) -> Version | None:
        if (secret.arn, version_id) in self._brought.versions:
            return self._brought.versions[secret.arn, version_id]
        rows = self._run("find_version", {"arn": secret.arn, "version_id": version_id})
        if not rows:
            return None
        if not self.writable:
            self._brought.keys_of(rows[0])
        return version_of(rows[0])

    def list_versions(self, secret: Secret) -> list[Version]:
        return [version_of(row) for row in self._run("list_versions", {"arn": secret.arn})]

    def count_versions(self, secret: Secret) -> int:
        known = self._brought.version_counts.get(secret.arn)
        if known is not None:
            return known
        return int(self._run("count_versions", {"arn": secret.arn})[0][0])

    def insert_version(self, secret: Secret, version: Version) -> None:
        self._change("insert_version", version_params(secret, version))

    def put_version(self, secret: Secret, version: Version) -> None:
        self._change("put_version", version_params(secret, version))

    def record_accesses(self, accesses: Iterable[Access]) -> None:
        days: dict[str, int] = {}
        for access in sorted(accesses):  # in one order, so that two nodes do not wait for each other
            day = to_days(access.day)
            if days.get(access.arn) != day:
                days[access.arn] = day
                self._change("record_secret_access", {"arn": access.arn, "day": day})
            self._change("record_version_access", {"arn": access.arn, "version_id": access.version_id, "day": day})

    def delete_wrapped_keys(self, secret: Secret) -> None:
        self._change("delete_wrapped_keys", {"arn": secret.arn})

    def delete_versions(self, secret: Secret) -> None:
        self._change("delete_stages", {"arn": secret.arn})
        self._change("delete_versions", {"arn": secret.arn})

    def stages(self, secret: Secret) -> dict[str, str]:
        known = self._brought.stages.get(secret.arn)
        return dict(self._run("stages", {"arn": secret.arn}) if known is None else known)

    def stages_of_many(self, secrets: Sequence[Secret]) -> dict[str, dict[str, str]]:
        stages: dict[str, dict[str, str]] = {secret.arn: {} for secret in secrets}
        for arn, label, version_id in self._run("stages_of_many", {"texts": term_index.texts(stages)}):
            stages[arn][label] = version_id
        return stages

    def put_stages(self, secret: Secret, before: dict[str, str], after: dict[str, str]) -> None:
        for label in before.keys() - after.keys():
            self._change("delete_stage", {"arn": secret.arn, "label": label})
        for label, version_id in after.items():
            if before.get(label) != version_id:
                self._change(
                    "put_stage",
                    {
                        "account_id": secret.account_id,
                        "region": secret.region,
                        "arn": secret.arn,
                        "label": label,
                        "version_id": version_id,
                    },
                )

    # --- replicas and policies

    def list_replicas(self, primary: Secret) -> list[Replica]:
        if primary.arn in self._brought.unreplicated:
            return []
        return [replica_of(row) for row in self._run("list_replicas", {"arn": primary.arn})]

    def find_replica(self, primary_arn: str, replica_arn: str) -> Replica | None:
        return self._one(replica_of, "find_replica", arn=primary_arn, replica_arn=replica_arn)

    def put_replica(self, primary: Secret, replica: Replica) -> None:
        self._change("put_replica", replica_params(primary, replica))

    def delete_replica(self, primary_arn: str, replica_arn: str) -> None:
        self._change("delete_replica", {"arn": primary_arn, "replica_arn": replica_arn})

    def policies(self, secret: Secret) -> dict[str, StoredPolicy]:
        known = self._brought.policies.get(secret.arn)
        if known is not None:
            return dict(known)
        return {row[0]: policy_of(row[1:]) for row in self._run("list_policies", {"arn": secret.arn})}

    def put_policy(self, secret: Secret, name: str, policy: StoredPolicy) -> None:
        params: Params = {"account_id": secret.account_id, "region": secret.region, "arn": secret.arn}
        self._change("put_policy", params | {"policy_name": name} | policy_params(policy))

    def delete_policy(self, secret: Secret, name: str) -> None:
        self._change("delete_policy", {"arn": secret.arn, "policy_name": name})

    def delete_policies(self, secret: Secret) -> None:
        self._change("delete_policies", {"arn": secret.arn})

    # --- keys

    def find_kms_key(self, account_id: str, region: str, key_id: str) -> KmsKey | None:
        known, place = self._brought.keys.kms_keys, (account_id, region, key_id)
        if place in known:
            return known[place]
        found = self._one(kms_key_of, "find_kms_key", account_id=account_id, region=region, key_id=key_id)
        return self._kept(known, place, found)

    def find_kms_alias(self, account_id: str, region: str, alias: str) -> str | None:
        known, place = self._brought.keys.aliases, (account_id, region, alias)
        if place in known:
            return known[place]
        found = self._one(_text, "find_kms_alias", account_id=account_id, region=region, alias=alias)
        return self._kept(known, place, found)

    def list_kms_keys(self, account_id: str, region: str) -> list[KmsKey]:
        rows = self._run("list_kms_keys", {"account_id": account_id, "region": region})
        return [kms_key_of(row) for row in rows]

    def insert_kms_key(self, key: KmsKey, backing: WrappedKey) -> None:
        params = kms_key_params(key)
        self._change("insert_kms_key", params)
        params |= {"version": backing.number, "wrapped_key": backing.wrapped, "term": backing.wrapped_by}
        self._change("insert_backing_key", params)

    def put_kms_key(self, key: KmsKey) -> None:
        self._change("put_kms_key", kms_key_params(key))

    def list_kms_aliases(self, account_id: str, region: str) -> dict[str, str]:
        return dict(self._run("list_kms_aliases", {"account_id": account_id, "region": region}))

    def insert_kms_alias(self, account_id: str, region: str, alias: str, key_id: str) -> None:
        self._change("insert_kms_alias", {"account_id": account_id, "region": region, "alias": alias, "key_id": key_id})

    def find_backing_key(self, account_id: str, region: str, key_id: str, version: int) -> WrappedKey | None:
        known, place = self._brought.keys.backing_keys, (account_id, region, key_id, version)
        if place in known:
            return known[place]
        found = self._one(
            wrapped_key_of, "find_backing_key", account_id=account_id, region=region, key_id=key_id, version=version
        )
        return self._kept(known, place, found)

    def list_terms(self) -> list[WrappedKey]:
        return [wrapped_key_of(row) for row in self._run("list_terms", {})]

    def insert_term(self, term: WrappedKey, now: datetime) -> None:
        self._change(
            "insert_term",
            {
                "term": term.number,
                "wrapped_key": term.wrapped,
                "root_key_id": term.wrapped_by,
                "created_at": to_micros(now),
            },
        )

    # --- accounts and access keys

    def find_access_key(self, access_key_id: str) -> AccessKeyRow | None:
        return self._one(access_key_of, "find_access_key", access_key_id=access_key_id)

    def list_access_keys(self, account_id: str) -> list[AccessKeyRow]:
        return [access_key_of(row) for row in self._run("list_access_keys", {"account_id": account_id})]

    def insert_access_key(self, key: AccessKeyRow) -> None:
        self._change("insert_access_key", access_key_params(key))

    def put_access_key(self, key: AccessKeyRow) -> None:
        self._change("put_access_key", access_key_params(key))

    def delete_access_key(self, access_key_id: str) -> None:
        self._change("delete_access_key", {"access_key_id": access_key_id})

    def find_account(self, account_id: str) -> str | None:
        return self._one(_text, "find_account", account_id=account_id)

    def list_accounts(self) -> list[tuple[str, datetime]]:
        return [(row[0], from_micros(row[1])) for row in self._run("list_accounts", {})]

    def insert_account(self, account_id: str, now: datetime) -> None:
        self._change("insert_account", {"account_id": account_id, "created_at": to_micros(now)})

    # --- what is there, counted

    def census(self, now: datetime) -> Census:
        return census_of(*(self._run(name, {"now": to_micros(now)}) for name in CENSUS))

    # --- what remains

    def insert_tombstone(self, tombstone: Tombstone) -> None:
        params: Params = {"account_id": tombstone.account_id, "region": tombstone.region, "arn": tombstone.arn}
        params |= {"name": tombstone.name, "versions": tombstone.versions, "purged_at": to_micros(tombstone.purged_at)}
        self._change("insert_tombstone", params)

    def find_tombstone(self, arn: str) -> Tombstone | None:
        return self._one(tombstone_of, "find_tombstone", arn=arn)

    def put_trail_head(self, head: TrailHead, now: datetime) -> None:
        params = {"trail": head.trail, "sequence": head.sequence, "mac": head.mac, "recorded_at": to_micros(now)}
        self._change("put_trail_head", params)

    def list_trail_heads(self) -> list[TrailHead]:
        return [TrailHead(*row) for row in self._run("list_trail_heads", {})]

    # --- the one way down

    def _run(self, name: str, params: Params) -> list[Row]:
        return self._execute(self._queries[name], params)

    def _secret(self, name: str, params: Params, version_id: str | None) -> Secret | None:
        if self.writable:
            params["version_id"] = version_id
        rows = self._run(name, params)
        if not rows:
            return None
        row = rows[0]
        if not self.writable:
            self._brought.facts_of(row)
            return secret_of(row[:SECRET_COLUMNS])
        secret = changing_secret_of(row)
        self._seen[secret.arn] = secret
        self._brought.facts_for_change(row, version_id)
        return secret

    def _change(self, name: str, params: Params) -> list[Row]:
        if not self.writable:
            raise WriteRequiredError(name)
        self._brought.forget(self._queries[name].changes)
        return self._run(name, params)

    def _kept(self, known: dict[Place, T], place: Place, found: T | None) -> T | None:
        if self._keeps_keys and found is not None:
            known[place] = found
        return found

    def _one(self, record_of: Callable[[Row], T], query: str, **params: str | int) -> T | None:
        rows = self._run(query, params)
        return record_of(rows[0]) if rows else None


def _text(row: Row) -> str:
    return str(row[0])
