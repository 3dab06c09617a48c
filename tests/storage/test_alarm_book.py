"""What alarms ask about calls with a key of an account's root."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.domain.identity import Group, IdentityKind, Role, User
from strongroom.domain.principal import root_arn
from strongroom.storage.watching import RootCall
from support.clock import NOW
from support.factories import ACCOUNT_ID
from support.identities import unique_id
from support.trails import make_event, put_events

START = NOW.replace(microsecond=0)
OTHER = "999988887777"


def root_event(number, **changes: object):
    return make_event(number, principal_arn=root_arn(ACCOUNT_ID), username="root", **changes)


def insert_identity(storage, kind, account_id=ACCOUNT_ID):
    members = {"account_id": account_id, "name": "one", "unique_id": unique_id(kind), "created_at": NOW}
    made = {IdentityKind.USER: User, IdentityKind.GROUP: Group, IdentityKind.ROLE: Role}[kind]
    if kind is IdentityKind.ROLE:
        members["trust_policy"] = "{}"
    storage.write(lambda tx: tx.identities.insert(made(**members)))


def last_call(storage, since=START):
    return storage.read(lambda tx: tx.alarms.root_call(ACCOUNT_ID, since))


@pytest.fixture(autouse=True)
def _accounts(storage):
    storage.write(lambda tx: [tx.insert_account(account_id, NOW) for account_id in (ACCOUNT_ID, OTHER)])


@pytest.mark.parametrize("kind", [IdentityKind.USER, IdentityKind.ROLE])
def test_the_last_call_of_root_is_told_where_the_account_has_users_or_roles(storage, kind):
    put_events(storage, [root_event(1), root_event(2, event_name="PutSecretValue"), make_event(3)])
    assert last_call(storage) is None
    insert_identity(storage, kind)
    assert last_call(storage) == RootCall(START + timedelta(seconds=2), "PutSecretValue", "192.0.2.1")


def test_groups_and_the_users_of_other_accounts_do_not_count(storage):
    put_events(storage, [root_event(1)])
    insert_identity(storage, IdentityKind.GROUP)
    insert_identity(storage, IdentityKind.USER, OTHER)
    assert last_call(storage) is None


def test_calls_of_root_without_a_key_and_those_from_before_do_not_count(storage):
    insert_identity(storage, IdentityKind.USER)
    put_events(storage, [root_event(1), *(root_event(n, access_key_id=None) for n in range(2, 150))])
    put_events(storage, [root_event(150, access_key_id="")])
    assert last_call(storage) == RootCall(START + timedelta(seconds=1), "GetSecretValue", "192.0.2.1")
    assert last_call(storage, START + timedelta(seconds=2)) is None
