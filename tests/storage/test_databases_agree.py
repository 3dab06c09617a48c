"""The two databases answer alike: the same random calls on both, each answer compared, then all that is there."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace

from strongroom.domain.access import Access
from strongroom.domain.kms_key import KeyState
from strongroom.domain.listing import Listing, SortBy, position_of
from strongroom.domain.secret import Tag
from strongroom.storage.base import StorageError, Tombstone, TrailHead, Transaction, WrappedKey
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import claim_one, make_access_key, make_job, make_kms_key, make_version, opened

CALLS = 250
NAMES = ["a", "B", "_c", "é", "\U00010000"]
REGIONS = [REGION, "us-east-1"]


class RandomCalls:
    """Draws functions of a transaction over so few names, versions and instants that they often meet."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def draw(self):
        kind = self.random.choice([name for name in dir(self) if name.startswith("call_")])
        return kind, getattr(self, kind)()

    def _instant(self):
        return NOW + timedelta(seconds=self.random.randrange(4), microseconds=self.random.randrange(2))

    def _secret(self):
        optional = self.random.choice
        return make_secret(
            name=optional(NAMES),
            region=optional(REGIONS),
            created_at=self._instant(),
            last_changed_at=self._instant(),
            description=optional(["", "text", "ß\n"]),
            kms_key_id=optional([None, "alias/k"]),
            tags=optional([None, (), (Tag("k", "v"), Tag("a", ""))]),
            last_accessed_on=optional([None, NOW.date(), NOW.date() + timedelta(days=1)]),
            purge_at=optional([None, self._instant()]),
        )

    def _version(self):
        version = make_version(self.random.randrange(4), created_at=self._instant())
        return self.random.choice([version, version, replace(version, sealed=None)])

    def _stages(self):
        labels = self.random.sample(["AWSCURRENT", "AWSPREVIOUS", "x", "é"], self.random.randrange(4))
        return {label: make_version(self.random.randrange(3)).version_id for label in labels}

    def call_insert_secret(self):
        secret = self._secret()
        return lambda tx: tx.insert_secret(secret)

    def call_put_secret(self):
        secret = self._secret()
        return lambda tx: tx.put_secret(secret)

    def call_delete_whole_secret(self):
        secret = self._secret()
        return lambda tx: (tx.delete_versions(secret), tx.delete_secret(secret))

    def call_delete_secret(self):
        secret = self._secret()
        return lambda tx: tx.delete_secret(secret)

    def call_find_secret(self):
        secret = self._secret()
        return lambda tx: (
            tx.find_secret(ACCOUNT_ID, secret.region, secret.name),
            tx.find_secret_by_arn(ACCOUNT_ID, secret.region, secret.arn),
        )

    def call_listing(self):
        order, after = self.random.choice(list(SortBy)), self.random.choice([None, self._secret()])
        descending, limit = self.random.random() < 0.5, self.random.randrange(1, 6)
        place = None if after is None else position_of(after, order)
        listing = Listing(ACCOUNT_ID, REGION, order, descending=descending)
        return lambda tx: tx.listings.page(listing, place, limit)

    def call_insert_version(self):
        secret, version = self._secret(), self._version()
        return lambda tx: tx.insert_version(secret, version)

    def call_put_version(self):
        secret, version = self._secret(), self._version()
        return lambda tx: tx.put_version(secret, version)

    def call_versions(self):
        secret, version = self._secret(), self._version()
        return lambda tx: (
            tx.find_version(secret, version.version_id),
            tx.list_versions(secret),
            tx.count_versions(secret),
            tx.stages(secret),
        )

    def call_put_stages(self):
        secret, after = self._secret(), self._stages()
        return lambda tx: tx.put_stages(secret, tx.stages(secret), after)

    def call_record_accesses(self):
        secret, version = self._secret(), self._version()
        return lambda tx: tx.record_accesses([Access(secret.arn, version.version_id, NOW.date())])

    def call_delete_wrapped_keys(self):
        secret = self._secret()
        return lambda tx: tx.delete_wrapped_keys(secret)

    def call_put_job(self):
        job = make_job(self.random.choice("ab"), kind=self.random.choice("xy"), run_at=self._instant())
        return lambda tx: tx.put_job(job)

    def call_work_on_job(self):
        now, ending = self._instant(), self.random.randrange(4)
        lease = now + timedelta(seconds=self.random.randrange(3))

        def work(tx: Transaction):
            job = claim_one(tx, "me", now, lease)
            if job is None:
                return tx.is_job_due(now)
            outcome = [None, tx.finish_job, lambda one: tx.retry_job(one, lease, "why"), None][ending]
            return job, outcome and outcome(job), tx.is_job_due(now)

        return work

    def call_work_on_stale_job(self):
        job = make_job(self.random.choice("ab"), kind=self.random.choice("xy"), fence=self.random.randrange(4))
        return lambda tx: (tx.finish_job(job), tx.find_job(job.kind, job.subject), tx.list_jobs())

    def call_keys(self):
        key = make_kms_key(key_id=self.random.choice("kl"), state=self.random.choice(list(KeyState)))
        number = self.random.randrange(3)
        return self.random.choice(
            [
                lambda tx: tx.insert_kms_key(key, WrappedKey(1, b"\0", "1")),
                lambda tx: tx.put_kms_key(key),
                lambda tx: tx.insert_kms_alias(ACCOUNT_ID, REGION, "alias/a", key.key_id),
                lambda tx: tx.insert_term(WrappedKey(number, b"\xff", "root"), NOW),
                lambda tx: (tx.list_kms_keys(ACCOUNT_ID, REGION), tx.list_terms()),
            ]
        )

    def call_access_keys(self):
        key = make_access_key(access_key_id=self.random.choice("pq"), active=self.random.random() < 0.5)
        return self.random.choice(
            [
                lambda tx: tx.insert_account(ACCOUNT_ID, NOW),
                lambda tx: tx.insert_access_key(key),
                lambda tx: tx.put_access_key(key),
                lambda tx: tx.delete_access_key(key.access_key_id),
                lambda tx: (tx.list_access_keys(ACCOUNT_ID), tx.find_account(ACCOUNT_ID)),
            ]
        )

    def call_remains(self):
        head = TrailHead(self.random.choice("tu"), self.random.randrange(9), "00")
        tombstone = Tombstone(ACCOUNT_ID, REGION, self.random.choice("mn"), "name", 1, NOW)
        return self.random.choice(
            [
                lambda tx: tx.put_trail_head(head, NOW),
                lambda tx: tx.insert_tombstone(tombstone),
                lambda tx: (tx.list_trail_heads(), tx.find_tombstone("m")),
            ]
        )


def answer(storage, work):
    try:
        return storage.write(work)
    except StorageError:
        return "refused"


def whole_content(tx):
    secrets = [
        secret
        for region in REGIONS
        for secret in tx.listings.page(Listing(ACCOUNT_ID, region, SortBy.NAME), None, 100).secrets
    ]
    versions = [tx.find_version(secret, make_version(number).version_id) for secret in secrets for number in range(4)]
    return (
        secrets,
        versions,
        tx.stages_of_many(secrets),
        tx.list_jobs(),
        tx.list_terms(),
        tx.list_access_keys(ACCOUNT_ID),
    )


@pytest.mark.parametrize("seed", range(4))
def test_random_calls_have_the_same_answers_on_sqlite_and_postgresql(sqlite_url, postgres_url, seed):
    calls = RandomCalls(seed)
    refused = 0
    with opened(sqlite_url) as sqlite, opened(postgres_url) as postgresql:
        for number in range(CALLS):
            kind, work = calls.draw()
            of_sqlite, of_postgresql = answer(sqlite, work), answer(postgresql, work)
            assert of_sqlite == of_postgresql, f"call {number}, {kind}"
            refused += of_sqlite == "refused"
        content = sqlite.read(whole_content)
        assert content == postgresql.read(whole_content)
        assert content[0], "some secrets are left to compare"
        assert content[3], "some jobs too"
    assert 0 < refused < CALLS / 2, "a mix of calls that succeed and calls that are refused"
