"""Identities on both databases: what is put is found again, names differ in more than case, grants come in one go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.domain.identity import (
    GrantedPolicy,
    Group,
    IdentityKind,
    IdentityProvider,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
)
from strongroom.domain.secret import Tag
from strongroom.storage.base import KeyUse, StorageError
from support.clock import NOW
from support.factories import ACCOUNT_ID
from support.storages import make_access_key

OTHER_ACCOUNT = "210987654321"
ALICE = User(
    account_id=ACCOUNT_ID,
    name="Alice",
    unique_id="AIDAALICE",
    created_at=NOW,
    path="/people/",
    tags=(Tag("team", "Grüße"),),
    boundary_arn=f"arn:aws:iam::{ACCOUNT_ID}:policy/limit",
)
STAFF = Group(account_id=ACCOUNT_ID, name="staff", unique_id="AGPASTAFF", created_at=NOW)
READER = Role(
    account_id=ACCOUNT_ID,
    name="reader",
    unique_id="AROAREADER",
    created_at=NOW,
    trust_policy='{"Statement":[]}',
    trusted_ids=(("arn:aws:iam::1:user/a", "AIDAA"),),
    description="reads",
    max_session_seconds=7_200,
)
LIMIT = ManagedPolicy(account_id=ACCOUNT_ID, name="limit", unique_id="ANPALIMIT", created_at=NOW, updated_at=NOW)
ISSUER = IdentityProvider(
    account_id=ACCOUNT_ID,
    name="oidc.example.com/id/X",
    unique_id="AOIPX",
    created_at=NOW,
    client_ids=("sts.amazonaws.com",),
    thumbprints=("a" * 40,),
    key_set='{"keys":[]}',
)
EVERYONE = (ALICE, STAFF, READER, LIMIT, ISSUER)


@pytest.fixture
def filled(storage):
    def fill(tx):
        for account_id in (ACCOUNT_ID, OTHER_ACCOUNT):
            tx.insert_account(account_id, NOW)
        for identity in EVERYONE:
            tx.identities.insert(identity)

    storage.write(fill)
    return storage


@pytest.mark.parametrize("identity", EVERYONE, ids=lambda identity: identity.kind.value)
def test_an_identity_is_found_as_it_was_inserted(filled, identity):
    def look(tx):
        return (
            tx.identities.find(identity.kind, ACCOUNT_ID, identity.name),
            tx.identities.find_by_arn(identity.arn),
            tx.identities.find_by_id(identity.unique_id),
        )

    assert filled.read(look) == (identity, identity, identity)
    assert filled.read(lambda tx: tx.identities.find(identity.kind, OTHER_ACCOUNT, identity.name)) is None


def test_names_of_a_kind_differ_in_more_than_their_case(filled):
    assert filled.read(lambda tx: tx.identities.find(IdentityKind.USER, ACCOUNT_ID, "aLICE")) == ALICE
    with pytest.raises(StorageError):
        filled.write(lambda tx: tx.identities.insert(replace(ALICE, name="ALICE", unique_id="AIDAOTHER")))


def test_a_page_follows_a_name(filled):
    bob = replace(ALICE, name="bob", unique_id="AIDABOB")
    filled.write(lambda tx: tx.identities.insert(bob))
    assert filled.read(lambda tx: tx.identities.page(IdentityKind.USER, ACCOUNT_ID, limit=1)) == [ALICE]
    assert filled.read(lambda tx: tx.identities.page(IdentityKind.USER, ACCOUNT_ID, after="alice", limit=9)) == [bob]
    assert filled.read(lambda tx: tx.identities.count(IdentityKind.USER, ACCOUNT_ID)) == 2


def test_what_is_granted_to_a_user_comes_from_itself_its_groups_and_its_boundary(filled):
    def grant(tx):
        tx.identities.put_inline_policy(ALICE, "own", "1")
        tx.identities.put_inline_policy(ALICE, "own", "2")
        tx.identities.put_inline_policy(STAFF, "shared", "3")
        tx.identities.put_inline_policy(READER, "others", "no")
        tx.identities.attach(STAFF, "arn:aws:iam::aws:policy/SecretsManagerReadWrite")
        tx.identities.attach(ALICE, LIMIT.arn)
        tx.identities.attach(ALICE, LIMIT.arn)
        tx.identities.add_member(STAFF, ALICE)
        tx.identities.insert_policy_version(LIMIT, PolicyVersion(1, "old", NOW, is_default=True))
        tx.identities.insert_policy_version(LIMIT, PolicyVersion(2, "new", NOW, is_default=False))
        tx.identities.choose_policy_version(LIMIT.arn, 2)

    filled.write(grant)
    grants = filled.read(lambda tx: tx.identities.grants(ALICE.arn))
    assert grants.identity == ALICE
    assert grants.boundary == "new"
    assert set(grants.policies) == {
        GrantedPolicy(ALICE.arn, "own", "2"),
        GrantedPolicy(STAFF.arn, "shared", "3"),
        GrantedPolicy(STAFF.arn, "arn:aws:iam::aws:policy/SecretsManagerReadWrite", None),
        GrantedPolicy(ALICE.arn, LIMIT.arn, "new"),
    }
    assert filled.read(lambda tx: tx.identities.grants("arn:aws:iam::1:user/nobody")) is None
    assert filled.read(lambda tx: tx.identities.grants(READER.arn)).policies == (
        GrantedPolicy(READER.arn, "others", "no"),
    )


def test_an_identity_keeps_what_it_has_when_its_name_changes(filled):
    renamed = replace(ALICE, name="Alicia", path="/")

    def rename(tx):
        tx.identities.put_inline_policy(ALICE, "own", "1")
        tx.insert_access_key(replace(make_access_key(), principal_id=ALICE.unique_id, principal_arn=ALICE.arn))
        tx.identities.put(renamed)
        tx.identities.rename_principal(ALICE.unique_id, renamed.arn)

    filled.write(rename)
    assert filled.read(lambda tx: tx.identities.grants(ALICE.arn)) is None
    assert len(filled.read(lambda tx: tx.identities.grants(renamed.arn)).policies) == 1
    [key] = filled.read(lambda tx: tx.identities.access_keys_of(ALICE.unique_id))
    assert (key.principal_arn, key.revision) == (renamed.arn, make_access_key().revision + 1)


def test_whoever_holds_a_policy_or_is_bounded_by_it_is_told(filled):
    filled.write(lambda tx: tx.identities.attach(READER, LIMIT.arn))
    assert filled.read(lambda tx: tx.identities.holders_of(ACCOUNT_ID, LIMIT.arn)) == [READER]
    assert filled.read(lambda tx: tx.identities.bounded_by(ACCOUNT_ID, LIMIT.arn)) == [ALICE]
    filled.write(lambda tx: tx.identities.detach(READER, LIMIT.arn))
    assert filled.read(lambda tx: tx.identities.attachments(READER)) == []


def test_an_identity_that_others_refer_to_is_not_deleted(filled):
    filled.write(lambda tx: tx.identities.add_member(STAFF, ALICE))
    with pytest.raises(StorageError):
        filled.write(lambda tx: tx.identities.delete(ALICE))
    filled.write(lambda tx: tx.identities.remove_member(STAFF, ALICE))
    filled.write(lambda tx: tx.identities.delete(ALICE))
    assert filled.read(lambda tx: tx.identities.find_by_id(ALICE.unique_id)) is None


def test_the_last_use_of_a_key_is_the_latest_whatever_order_nodes_tell_it_in(filled):
    filled.write(lambda tx: tx.insert_access_key(make_access_key(access_key_id="AKIA1")))
    late = KeyUse(NOW, "eu-central-1", "secretsmanager")
    filled.write(lambda tx: tx.identities.record_key_uses({"AKIA1": late, "AKIAGONE": late}))
    early = KeyUse(NOW - timedelta(hours=1), "us-east-1", "sts")
    filled.write(lambda tx: tx.identities.record_key_uses({"AKIA1": early}))
    assert filled.read(lambda tx: tx.identities.key_use("AKIAGONE")) is None, "no such key"
    assert filled.read(lambda tx: tx.identities.key_use("AKIA1")) == late
    filled.write(lambda tx: tx.identities.forget_key_use("AKIA1"))
    assert filled.read(lambda tx: tx.identities.key_use("AKIA1")) is None
