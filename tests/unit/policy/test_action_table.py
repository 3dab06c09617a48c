"""The table of actions, against the reference and against what the operations do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.operations import OPERATIONS
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.action_table import ACTIONS
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import PolicyKind, parse_policy

REFERENCE = json.loads((Path(__file__).parents[2] / "vectors/iam_actions/secretsmanager.json").read_text())
ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3"


def test_the_table_has_the_reference_s_actions_and_the_four_that_are_newer():
    assert {name for name, action in ACTIONS.items() if action.documented} == REFERENCE.keys()
    assert sorted(ACTIONS.keys() - REFERENCE.keys()) == [
        "AcceptCrossAccountReplication",
        "AssociateCrossAccountReplica",
        "DisassociateCrossAccountReplica",
        "ListResourcePolicies",
    ]


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_an_action_is_as_the_reference_says(name):
    action, expected = ACTIONS[name], REFERENCE[name]
    assert action.level in expected["accessLevel"].split(", ")
    assert action.names_secret is (expected["resourceTypes"] == ["Secret"])
    assert action.keys == frozenset(expected["conditionKeys"])


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_is_an_action_that_names_a_secret_if_its_request_does(name):
    operation = OPERATIONS[name]
    service, _, action = operation.action.partition(":")
    assert service == "secretsmanager"
    names_secret = operation.names_secret is not None or name == "CreateSecret"
    assert ACTIONS[action].names_secret is names_secret


@pytest.mark.parametrize("name", sorted(name for name, action in ACTIONS.items() if not action.names_secret))
def test_an_action_without_resource_is_not_granted_by_statements_about_secrets(name):
    def allows(element: str, resource: str, effect: str = "Allow") -> bool:
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        statement = {"Effect": effect, "Action": "secretsmanager:*", element: resource}
        statements = [statement] if effect == "Allow" else [everything, statement]
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        caller = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary")
        request = AccessRequest(caller, f"secretsmanager:{name}", "*", Context({}))
        return decide(request, Policies(identity=[parse_policy(text, kind=PolicyKind.IDENTITY)])).allowed

    assert allows("Resource", "*")
    assert not allows("Resource", SECRET)
    assert not allows("Resource", "arn:aws:secretsmanager:*:*:secret:*")
    assert not allows("NotResource", "*")
    assert not allows("NotResource", SECRET)
    assert allows("NotResource", "*", "Deny")
    assert not allows("NotResource", SECRET, "Deny")
