"""Stored policies, compiled: once, and denying where they cannot be read any more."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import PolicyKind
from strongroom.policy.stored import parse_stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.policy.evaluate import Decision

ACCOUNT = "123456789012"
ACTION, RESOURCE = "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/app"
USER = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary")
SPOILED = "{ spoiled"
PLACES = {
    PolicyKind.IDENTITY: "identity",
    PolicyKind.RESOURCE: "resource",
    PolicyKind.TRUST: "resource",
    PolicyKind.BOUNDARY: "boundary",
    PolicyKind.SESSION: "session",
}


@pytest.fixture(autouse=True)
def unread() -> Iterator[None]:
    parse_stored.cache_clear()
    yield
    parse_stored.cache_clear()


def text_of(kind: PolicyKind) -> str:
    statement = {"Effect": "Allow", "Action": ACTION}
    if kind is not PolicyKind.TRUST:
        statement["Resource"] = "*"
    if kind.names_principals:
        statement["Principal"] = {"AWS": USER.arn}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def decision(spoiled: PolicyKind | None = None) -> Decision:
    """Decide where a policy of every kind allows, but for one that cannot be read."""
    found = {
        kind: parse_stored(SPOILED if kind is spoiled else text_of(kind), kind, name=f"the {kind}") for kind in PLACES
    }
    union = spoiled is not PolicyKind.TRUST
    policies = Policies(
        identity=[found[PolicyKind.IDENTITY]],
        resource=[found[PolicyKind.RESOURCE if union else PolicyKind.TRUST]],
        boundary=found[PolicyKind.BOUNDARY],
        session=[found[PolicyKind.SESSION]],
    )
    return decide(AccessRequest(USER, ACTION, RESOURCE, Context({})), policies, union=union)


def test_policies_of_every_kind_are_read(caplog):
    assert decision().allowed
    assert caplog.text == ""


@pytest.mark.parametrize("kind", PolicyKind)
def test_one_that_cannot_be_read_denies_and_says_so(kind, caplog):
    with caplog.at_level(logging.ERROR):
        denied = decision(kind)
    assert (denied.allowed, denied.kind, denied.policy) == (False, kind, f"the {kind}")
    assert f"A stored {kind.name.lower()} policy cannot be read; access is denied: line 1" in caplog.text
    assert SPOILED not in caplog.text


@pytest.mark.parametrize("kind", PolicyKind)
def test_one_that_cannot_be_read_denies_whomever_and_whatever(kind):
    closed = parse_stored(SPOILED, kind)
    callers = [
        USER,
        CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"),
        CallerNames("", "", federated_provider="id.example.com"),
        CallerNames("", "lambda.amazonaws.com", service="lambda.amazonaws.com"),
    ]
    for caller in callers:
        for action in ("secretsmanager:ListSecrets", "kms:Decrypt"):
            denied = decide(AccessRequest(caller, action, "*", Context({})), Policies(resource=[closed]))
            assert "explicit deny" in denied.reason


def test_a_text_is_compiled_once_for_a_kind_and_its_pins():
    text = text_of(PolicyKind.RESOURCE)
    first = parse_stored(text)
    assert parse_stored(text) is first
    pinned = parse_stored(text, PolicyKind.RESOURCE, ((USER.arn, "AIDAFIRST"),))
    assert pinned is not first
    named = [policy.statements[0].principals.named[0].unique_id for policy in (first, pinned)]
    assert named == [None, "AIDAFIRST"]
    assert parse_stored(text, PolicyKind.IDENTITY).statements[0].where == "document"  # it names a principal
