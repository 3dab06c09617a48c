"""What each operation declares of its permissions is what AWS's service authorization reference says."""

from __future__ import annotations

import pytest

from strongroom.operations import OPERATIONS
from strongroom.operations.base import SecretState
from strongroom.policy.action_table import ACTIONS, AccessLevel

OF_EVERY_SECRET = ACTIONS["DescribeSecret"].keys
OF_TAGS_AT_CREATION = {"aws:ResourceTag/${TagKey}", "secretsmanager:ResourceTag/tag-key"}
"""Keys of tags that a secret has; one that is about to be made has none (recorded: such a policy never allows)."""


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_fills_the_keys_of_its_action(name):
    keys = OPERATIONS[name].condition_keys
    declared = {"aws:RequestTag/${TagKey}" if key == "aws:RequestTag" else key for key in keys}
    assert declared == ACTIONS[name].keys - OF_EVERY_SECRET - OF_TAGS_AT_CREATION


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_names_a_secret_where_its_action_is_about_one(name):
    assert (OPERATIONS[name].secret_state is not SecretState.NONE) == ACTIONS[name].names_secret


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_that_changes_something_is_no_read(name):
    reads = {AccessLevel.READ, AccessLevel.LIST}
    if name != "ValidateResourcePolicy":  # counted among permissions, and changes nothing
        assert OPERATIONS[name].mutates == (ACTIONS[name].level not in reads)


def test_only_a_creation_gives_a_secret_its_name():
    assert [name for name, operation in OPERATIONS.items() if operation.creates] == ["CreateSecret"]


def test_every_action_but_a_permission_alone_is_an_operation():
    assert ACTIONS.keys() - OPERATIONS.keys() == {"AcceptCrossAccountReplication"}
