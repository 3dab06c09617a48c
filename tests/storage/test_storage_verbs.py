"""Every verb of a transaction, on both databases: what is put is found again, exactly."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from strongroom.domain.access import Access
from strongroom.domain.kms_key import KeyState
from strongroom.domain.listing import Listing, SortBy
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.schedule import RotationRules
from strongroom.domain.secret import RotationSettings, SealedValue, Tag
from strongroom.domain.secret_value import ValueKind
from strongroom.storage.base import StorageError, Tombstone, TrailHead, Transaction, WrappedKey, WriteRequiredError
from strongroom.storage.listings import Stretch
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import (
    KEY_ARN,
    MINUTE,
    insert_secret,
    make_access_key,
    make_job,
    make_kms_key,
    make_version,
    run_sql,
    sealed_value,
)

UNICODE = "Grüße, 世界 🔐 e\u0301 \u2028 '\"\\;--%s :name {x} \t\r\n"
PRIMARY_ARN = "arn:aws:secretsmanager:eu-central-1:999988887777:secret:app/db-a1B2c3"
EVERYTHING = make_secret(
    name="A-/_+=.@!z0",
    description=UNICODE,
    kms_key_id="alias/my/key",
    tags=(Tag("b", ""), Tag(UNICODE, UNICODE), Tag("a", "[]")),
    last_accessed_on=date(2029, 12, 31),
    deleted_at=datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
    purge_at=datetime(2030, 2, 1, 3, 4, 5, 1, tzinfo=UTC),
    owning_service="appflow",
    primary_region="us-east-1",
    type="SalesforceClientSecret",
    revision=2**60,
    cross_account_primary=PRIMARY_ARN,
    rotation=RotationSettings(
        enabled=False,
        rules=RotationRules(schedule_expression="cron(0 8 ? * SUN#1 *)", duration="2h"),
        lambda_arn="arn:aws:lambda:eu-central-1:123456789012:function:rotate",
        metadata=((UNICODE, UNICODE), ("b", "")),
        role_arn="arn:aws:iam::123456789012:role/rotation",
        configured_at=datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
        last_rotated_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        next_rotation_at=datetime(2030, 2, 1, 23, 59, 59, tzinfo=UTC),
    ),
    created_at=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    last_changed_at=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
IDS = ((f"arn:aws:iam::{ACCOUNT_ID}:user/alice", "AIDAALICE"),)
BARE = make_secret(name="bare")
REPLICA = Replica(PRIMARY_ARN, None, ReplicaStatus.IN_SYNC)


def find(storage, secret):
    return storage.read(lambda tx: tx.find_secret(secret.account_id, secret.region, secret.name))


@pytest.mark.parametrize(
    "secret",
    [EVERYTHING, BARE, make_secret(tags=()), make_secret(description="x" * 2_048)],
    ids=["everything", "bare", "no tags left", "long"],
)
def test_a_secret_is_found_as_it_was_inserted(storage, secret):
    storage.write(lambda tx: tx.insert_secret(secret))
    assert find(storage, secret) == secret
    assert storage.read(lambda tx: tx.find_secret_by_arn(ACCOUNT_ID, REGION, secret.arn)) == secret
    assert storage.write(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, secret.name)) == secret
    assert storage.write(lambda tx: tx.find_secret_by_arn(ACCOUNT_ID, REGION, secret.arn)) == secret


def test_a_secret_is_found_in_its_own_account_and_region_by_its_exact_name_only(storage):
    secret = insert_secret(storage, name="app/db")
    for account_id, region, name in (
        ("000000000001", REGION, "app/db"),
        (ACCOUNT_ID, "us-east-1", "app/db"),
        (ACCOUNT_ID, REGION, "app/DB"),
        (ACCOUNT_ID, REGION, "app/d"),
        (ACCOUNT_ID, REGION, "app_db"),
        (ACCOUNT_ID, REGION, "%"),
    ):
        assert storage.read(lambda tx, where=(account_id, region, name): tx.find_secret(*where)) is None
    assert storage.read(lambda tx: tx.find_secret_by_arn("000000000001", REGION, secret.arn)) is None
    assert storage.read(lambda tx: tx.find_secret_by_arn(ACCOUNT_ID, "us-east-1", secret.arn)) is None
    assert storage.read(lambda tx: tx.find_secret_by_arn(ACCOUNT_ID, REGION, secret.arn[:-1])) is None


def test_put_secret_changes_every_member_that_may_change(storage):
    storage.write(lambda tx: tx.insert_secret(BARE))
    changed = replace(EVERYTHING, name=BARE.name, arn=BARE.arn, created_at=BARE.created_at)
    storage.write(lambda tx: tx.put_secret(changed))
    assert find(storage, BARE) == changed
    back = replace(BARE, description="again")
    storage.write(lambda tx: tx.put_secret(back))
    assert find(storage, BARE) == back


def test_put_secret_and_delete_secret_leave_other_secrets_alone(storage):
    one, other = insert_secret(storage, name="one"), insert_secret(storage, name="other")
    storage.write(lambda tx: tx.put_secret(replace(one, description="new")))
    assert find(storage, other) == other
    storage.write(lambda tx: tx.delete_secret(one))
    assert find(storage, one) is None
    assert find(storage, other) == other


@pytest.mark.parametrize("size", [0, 3, 96_000, 300_000])
def test_a_version_is_found_as_it_was_inserted(storage, size):
    sealed = SealedValue(ValueKind.BINARY, KEY_ARN, 7, bytes(range(256)), b"\0\xff\n" * (size // 3))
    version = make_version(sealed=sealed, kms_key_id="alias/x", last_accessed_on=date(2030, 1, 2))
    secret = insert_secret(storage, version)
    assert storage.read(lambda tx: tx.find_version(secret, version.version_id)) == version


def test_a_placeholder_and_a_removed_version_have_no_value(storage):
    placeholder = make_version(1, sealed=None)
    removed = make_version(2, sealed=None, deleted_at=NOW + MINUTE)
    secret = insert_secret(storage, placeholder, removed)
    assert storage.read(lambda tx: tx.find_version(secret, placeholder.version_id)) == placeholder
    assert storage.read(lambda tx: tx.find_version(secret, removed.version_id)) == removed
    assert storage.read(lambda tx: tx.count_versions(secret)) == 1


def test_put_version_fills_a_placeholder_and_empties_a_version(storage):
    secret = insert_secret(storage, make_version(1, sealed=None), make_version(2))
    filled = make_version(1, kms_key_id="alias/y")
    emptied = make_version(2, sealed=None, deleted_at=NOW)
    storage.write(lambda tx: (tx.put_version(secret, filled), tx.put_version(secret, emptied)))
    assert storage.read(lambda tx: tx.find_version(secret, filled.version_id)) == filled
    assert storage.read(lambda tx: tx.find_version(secret, emptied.version_id)) == emptied


def test_a_version_belongs_to_one_secret(storage):
    one = insert_secret(storage, make_version(1), name="one")
    other = insert_secret(storage, make_version(2), name="other")
    assert storage.read(lambda tx: tx.find_version(other, make_version(1).version_id)) is None
    assert [version.version_id for version in storage.read(lambda tx: tx.list_versions(one))] == [
        make_version(1).version_id
    ]


def test_versions_are_listed_oldest_first_without_their_values(storage):
    versions = [
        make_version(3, created_at=NOW),
        make_version(1, created_at=NOW + MINUTE),
        make_version(2, created_at=NOW + MINUTE),
    ]
    secret = insert_secret(storage, *reversed(versions))
    listed = storage.read(lambda tx: tx.list_versions(secret))
    assert listed == [replace(version, sealed=None) for version in versions]


def test_stages_are_put_moved_and_removed(storage):
    one, two = make_version(1), make_version(2)
    secret = insert_secret(storage, one, two)
    first = {"AWSCURRENT": one.version_id, UNICODE[:200]: one.version_id}
    then = {"AWSCURRENT": two.version_id, "AWSPREVIOUS": one.version_id}
    storage.write(lambda tx: tx.put_stages(secret, {}, first))
    assert storage.read(lambda tx: tx.stages(secret)) == first
    storage.write(lambda tx: tx.put_stages(secret, first, then))
    assert storage.read(lambda tx: tx.stages(secret)) == then
    storage.write(lambda tx: tx.put_stages(secret, then, {}))
    assert storage.read(lambda tx: tx.stages(secret)) == {}


def test_stages_of_many_has_an_entry_for_each(storage):
    one = insert_secret(storage, make_version(1), name="one")
    none = insert_secret(storage, name="none")
    stages = {"AWSCURRENT": make_version(1).version_id}
    storage.write(lambda tx: tx.put_stages(one, {}, stages))
    assert storage.read(lambda tx: tx.stages_of_many([one, none])) == {one.arn: stages, none.arn: {}}
    assert storage.read(lambda tx: tx.stages_of_many([])) == {}


def test_an_access_is_recorded_on_the_secret_and_that_version_only(storage):
    one, two = make_version(1), make_version(2)
    secret = insert_secret(storage, one, two)
    today = date(2030, 1, 2)
    storage.write(lambda tx: tx.record_accesses([Access(secret.arn, one.version_id, today)]))
    assert find(storage, secret) == replace(secret, last_accessed_on=today)
    assert storage.read(lambda tx: tx.find_version(secret, one.version_id)) == replace(one, last_accessed_on=today)
    assert storage.read(lambda tx: tx.find_version(secret, two.version_id)) == two


def test_deleting_wrapped_keys_leaves_ciphertext_that_nothing_opens(storage, database_url):
    secret = insert_secret(storage, make_version(1), make_version(2), name="shredded")
    spared = insert_secret(storage, make_version(3), name="spared")
    storage.write(lambda tx: tx.delete_wrapped_keys(secret))
    assert run_sql(database_url, "SELECT COUNT(*) FROM versions WHERE wrapped_key IS NOT NULL") == [(1,)]
    left = storage.read(lambda tx: tx.find_version(secret, make_version(1).version_id))
    assert left.sealed == replace(sealed_value(1), wrapped_key=b"")
    assert storage.read(lambda tx: tx.find_version(spared, make_version(3).version_id)) == make_version(3)


def test_deleting_versions_takes_their_labels_too(storage):
    secret = insert_secret(storage, make_version(1), name="gone")
    spared = insert_secret(storage, make_version(1), name="spared")
    stages = {"AWSCURRENT": make_version(1).version_id}
    storage.write(lambda tx: (tx.put_stages(secret, {}, stages), tx.put_stages(spared, {}, stages)))
    storage.write(lambda tx: tx.delete_versions(secret))
    assert storage.read(lambda tx: (tx.list_versions(secret), tx.stages(secret), tx.count_versions(secret))) == (
        [],
        {},
        0,
    )
    assert storage.read(lambda tx: tx.stages(spared)) == stages


def test_replicas_are_found_again_changed_and_deleted_each_under_its_primary(storage):
    one, other = insert_secret(storage, name="one"), insert_secret(storage, name="other")
    far = Replica(one.arn.replace(REGION, "us-east-1"), None, ReplicaStatus.IN_PROGRESS)
    near = Replica(one.arn.replace(REGION, "ap-south-1"), "alias/x", ReplicaStatus.FAILED, UNICODE, True, 2**60)  # noqa: FBT003
    storage.write(lambda tx: [tx.put_replica(primary, far) for primary in (one, other)])
    storage.write(lambda tx: tx.put_replica(one, near))
    assert storage.read(lambda tx: tx.list_replicas(one)) == [near, far]
    assert storage.read(lambda tx: tx.find_replica(one.arn, far.arn)) == far
    assert storage.read(lambda tx: tx.find_replica(other.arn, near.arn)) is None
    changed = replace(
        far, kms_key_id="k", status=ReplicaStatus.IN_SYNC, status_message="m", overwrites=True, revision=7
    )
    storage.write(lambda tx: tx.put_replica(one, changed))
    assert storage.read(lambda tx: tx.list_replicas(one)) == [near, changed]
    storage.write(lambda tx: tx.delete_replica(one.arn, far.arn))
    assert storage.read(lambda tx: (tx.list_replicas(one), tx.list_replicas(other))) == ([near], [far])


def test_policies_are_found_again_byte_for_byte_replaced_and_deleted(storage):
    one, other = insert_secret(storage, name="one"), insert_secret(storage, name="other")

    def put(tx: Transaction) -> None:
        for secret in (one, other):
            for name in ("default", "cross-account-replication"):
                tx.put_policy(secret, name, StoredPolicy(f"{name} {UNICODE}", IDS))

    storage.write(put)
    both = {name: StoredPolicy(f"{name} {UNICODE}", IDS) for name in ("default", "cross-account-replication")}
    assert storage.read(lambda tx: tx.policies(one)) == both
    storage.write(lambda tx: tx.put_policy(one, "default", StoredPolicy("x" * 20_480)))
    assert storage.read(lambda tx: tx.policies(one)) == both | {"default": StoredPolicy("x" * 20_480)}
    storage.write(lambda tx: tx.delete_policy(one, "default"))
    assert storage.read(lambda tx: tx.policies(one).keys()) == {"cross-account-replication"}
    storage.write(lambda tx: tx.delete_policies(one))
    assert storage.read(lambda tx: (tx.policies(one), tx.policies(other))) == ({}, both)


def test_kms_keys_their_aliases_and_backing_keys_are_found_again(storage):
    key = make_kms_key(description=UNICODE)
    other = make_kms_key(key_id="other", created_at=NOW - MINUTE)
    elsewhere = make_kms_key(region="us-east-1")
    backing = WrappedKey(1, b"\0\1\2", "4")

    def insert(tx: Transaction) -> None:
        for one in (key, other, elsewhere):
            tx.insert_kms_key(one, backing)
        tx.insert_kms_alias(ACCOUNT_ID, REGION, "alias/x", key.key_id)

    storage.write(insert)
    assert storage.read(lambda tx: tx.find_kms_key(ACCOUNT_ID, REGION, key.key_id)) == key
    assert storage.read(lambda tx: tx.find_kms_key(ACCOUNT_ID, REGION, "none")) is None
    assert storage.read(lambda tx: tx.list_kms_keys(ACCOUNT_ID, REGION)) == [other, key]
    assert storage.read(lambda tx: tx.find_backing_key(ACCOUNT_ID, REGION, key.key_id, 1)) == backing
    assert storage.read(lambda tx: tx.find_backing_key(ACCOUNT_ID, REGION, key.key_id, 2)) is None
    assert storage.read(lambda tx: tx.find_kms_alias(ACCOUNT_ID, REGION, "alias/x")) == key.key_id
    assert storage.read(lambda tx: tx.find_kms_alias(ACCOUNT_ID, "us-east-1", "alias/x")) is None
    assert storage.read(lambda tx: tx.list_kms_aliases(ACCOUNT_ID, REGION)) == {"alias/x": key.key_id}
    assert storage.read(lambda tx: tx.list_kms_aliases(ACCOUNT_ID, "us-east-1")) == {}
    changed = dataclasses.replace(key, state=KeyState.PENDING_DELETION, current_version=2, description="")
    storage.write(lambda tx: tx.put_kms_key(changed))
    assert storage.read(lambda tx: tx.list_kms_keys(ACCOUNT_ID, REGION)) == [other, changed]


def test_keyring_terms_are_listed_in_order(storage):
    terms = [WrappedKey(number, bytes([number]) * 100, f"key {number}") for number in (1, 2, 10)]
    storage.write(lambda tx: [tx.insert_term(term, NOW) for term in reversed(terms)])
    assert storage.read(lambda tx: tx.list_terms()) == terms


def test_accounts_and_their_access_keys_are_found_changed_and_deleted(storage):
    row = make_access_key()
    younger = make_access_key(access_key_id="AKIABBBBBBBBBBBBBBBB", active=False, created_at=NOW + MINUTE)

    def insert(tx: Transaction) -> None:
        tx.insert_account(ACCOUNT_ID, NOW)
        tx.insert_access_key(younger)
        tx.insert_access_key(row)

    assert storage.read(lambda tx: tx.find_account(ACCOUNT_ID)) is None
    storage.write(insert)
    assert storage.read(lambda tx: tx.find_account(ACCOUNT_ID)) == ACCOUNT_ID
    storage.write(lambda tx: tx.insert_account("000000000001", NOW + MINUTE))
    assert storage.read(lambda tx: tx.list_accounts()) == [(ACCOUNT_ID, NOW), ("000000000001", NOW + MINUTE)]
    assert storage.read(lambda tx: tx.find_access_key(younger.access_key_id)) == younger
    assert storage.read(lambda tx: tx.list_access_keys(ACCOUNT_ID)) == [row, younger]
    changed = dataclasses.replace(row, active=False, revision=2**60, sealed_secret=b"")
    storage.write(lambda tx: tx.put_access_key(changed))
    assert storage.read(lambda tx: tx.find_access_key(row.access_key_id)) == changed
    storage.write(lambda tx: tx.delete_access_key(row.access_key_id))
    assert storage.read(lambda tx: tx.list_access_keys(ACCOUNT_ID)) == [younger]
    assert storage.read(lambda tx: tx.list_access_keys("000000000001")) == []


def test_a_tombstone_is_found_by_arn(storage):
    tombstone = Tombstone(ACCOUNT_ID, REGION, "arn:x", "app/db", 3, NOW)
    storage.write(lambda tx: tx.insert_tombstone(tombstone))
    assert storage.read(lambda tx: tx.find_tombstone("arn:x")) == tombstone
    assert storage.read(lambda tx: tx.find_tombstone("arn:y")) is None


def test_a_trail_head_replaces_the_one_before_it(storage):
    heads = [TrailHead("a/trail-0", 1, "00"), TrailHead("b/trail-0", 5, "ff")]
    storage.write(lambda tx: [tx.put_trail_head(head, NOW) for head in reversed(heads)])
    storage.write(lambda tx: tx.put_trail_head(TrailHead("a/trail-0", 9, "09"), NOW + MINUTE))
    assert storage.read(lambda tx: tx.list_trail_heads()) == [TrailHead("a/trail-0", 9, "09"), heads[1]]


BROKEN_RULES = {
    "a name taken twice": lambda tx: [
        tx.insert_secret(make_secret(arn=f"arn:aws:secretsmanager:::secret:x-{suffix}")) for suffix in "ab"
    ],
    "an arn taken twice": lambda tx: [tx.insert_secret(make_secret(name=name, arn="arn:one")) for name in "ab"],
    "a version of no secret": lambda tx: tx.insert_version(make_secret(), make_version()),
    "a version twice": lambda tx: (
        tx.insert_secret(make_secret()),
        tx.insert_version(make_secret(), make_version()),
        tx.insert_version(make_secret(), make_version()),
    ),
    "a label on no version": lambda tx: (
        tx.insert_secret(make_secret()),
        tx.put_stages(make_secret(), {}, {"AWSCURRENT": "none"}),
    ),
    "a secret deleted from under its versions": lambda tx: (
        tx.insert_secret(make_secret()),
        tx.insert_version(make_secret(), make_version()),
        tx.delete_secret(make_secret()),
    ),
    "a replica of no secret": lambda tx: tx.put_replica(make_secret(), REPLICA),
    "a policy of no secret": lambda tx: tx.put_policy(make_secret(), "default", StoredPolicy("{}")),
    "a secret deleted from under its replicas": lambda tx: (
        tx.insert_secret(make_secret()),
        tx.put_replica(make_secret(), REPLICA),
        tx.delete_secret(make_secret()),
    ),
    "an access key of no account": lambda tx: tx.insert_access_key(make_access_key()),
    "a term twice": lambda tx: [tx.insert_term(WrappedKey(1, b"", "k"), NOW) for _ in "ab"],
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_the_schema_refuses(storage, rule):
    with pytest.raises(StorageError):
        storage.write(BROKEN_RULES[rule])
    assert find(storage, make_secret()) is None, "the whole call is undone"


CHANGES = {
    "insert_secret": lambda tx: tx.insert_secret(BARE),
    "put_secret": lambda tx: tx.put_secret(BARE),
    "delete_secret": lambda tx: tx.delete_secret(BARE),
    "insert_version": lambda tx: tx.insert_version(BARE, make_version()),
    "put_version": lambda tx: tx.put_version(BARE, make_version()),
    "record_accesses": lambda tx: tx.record_accesses([Access(BARE.arn, "v", date(2030, 1, 1))]),
    "delete_wrapped_keys": lambda tx: tx.delete_wrapped_keys(BARE),
    "delete_versions": lambda tx: tx.delete_versions(BARE),
    "put_stages": lambda tx: tx.put_stages(BARE, {}, {"A": "v"}),
    "put_replica": lambda tx: tx.put_replica(BARE, REPLICA),
    "delete_replica": lambda tx: tx.delete_replica(BARE.arn, REPLICA.arn),
    "put_policy": lambda tx: tx.put_policy(BARE, "default", StoredPolicy("{}")),
    "delete_policy": lambda tx: tx.delete_policy(BARE, "default"),
    "delete_policies": lambda tx: tx.delete_policies(BARE),
    "insert_kms_key": lambda tx: tx.insert_kms_key(make_kms_key(), WrappedKey(1, b"", "1")),
    "put_kms_key": lambda tx: tx.put_kms_key(make_kms_key()),
    "insert_kms_alias": lambda tx: tx.insert_kms_alias(ACCOUNT_ID, REGION, "alias/x", "k"),
    "insert_term": lambda tx: tx.insert_term(WrappedKey(1, b"", "k"), NOW),
    "insert_access_key": lambda tx: tx.insert_access_key(make_access_key()),
    "put_access_key": lambda tx: tx.put_access_key(make_access_key()),
    "delete_access_key": lambda tx: tx.delete_access_key("AKIA"),
    "insert_account": lambda tx: tx.insert_account(ACCOUNT_ID, NOW),
    "put_job": lambda tx: tx.put_job(make_job()),
    "claim_jobs": lambda tx: tx.claim_jobs("me", NOW, NOW + MINUTE, 1, newest=False),
    "finish_job": lambda tx: tx.finish_job(make_job()),
    "retry_job": lambda tx: tx.retry_job(make_job(), NOW, "why"),
    "release_jobs": lambda tx: tx.release_jobs("me"),
    "delete_job": lambda tx: tx.delete_job("purge", "x"),
    "insert_tombstone": lambda tx: tx.insert_tombstone(Tombstone(ACCOUNT_ID, REGION, "arn", "n", 1, NOW)),
    "put_trail_head": lambda tx: tx.put_trail_head(TrailHead("t", 1, ""), NOW),
}


def test_the_table_of_changes_names_every_verb_that_changes_something():
    changing = re.compile(r"(insert|put|delete|record|claim|finish|retry|release)_")
    verbs = {name for name in vars(Transaction) if changing.match(name)}
    assert verbs == CHANGES.keys()


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_inside_a_read_is_refused(storage, verb):
    with pytest.raises(WriteRequiredError):
        storage.read(CHANGES[verb])


def test_a_put_without_a_difference_is_no_change_even_inside_a_read(storage):
    stages = {"AWSCURRENT": "v"}
    storage.read(lambda tx: tx.put_stages(BARE, stages, dict(stages)))


def test_a_reading_call_sees_one_moment(storage):
    secret = insert_secret(storage)

    def read_around_a_change(tx: Transaction) -> tuple[str, str]:
        before = tx.find_secret(ACCOUNT_ID, REGION, secret.name)
        storage.write(lambda other: other.put_secret(replace(secret, description="changed meanwhile")))
        after = tx.find_secret(ACCOUNT_ID, REGION, secret.name)
        assert before is not None
        assert after is not None
        return before.description, after.description

    assert storage.read(read_around_a_change) == ("", "")
    assert find(storage, secret).description == "changed meanwhile"


def test_listing_an_empty_place_gives_nothing(storage):
    insert_secret(storage)
    for order in SortBy:
        listed = storage.read(
            lambda tx, order=order: tx.listings.page(Listing(ACCOUNT_ID, "us-east-1", order), None, 10)
        )
        assert listed == Stretch([], None)


def test_a_usable_database_passes_its_check_and_says_what_it_is(storage):
    storage.check()
    assert re.match(r"(SQLite 3\.\d+\.\d+|PostgreSQL) at ", storage.describe())


def test_instants_keep_their_microseconds_over_centuries(storage):
    for number, instant in enumerate(
        (datetime(1, 1, 1, tzinfo=UTC), NOW + timedelta(microseconds=1), datetime(9999, 12, 31, tzinfo=UTC))
    ):
        secret = insert_secret(storage, name=f"n{number}", created_at=instant)
        assert find(storage, secret).created_at == instant
