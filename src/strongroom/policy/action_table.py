"""The actions of Secrets Manager that policies may name: AWS's service authorization reference as data.

- An action that names a secret is granted by statements about its ARN; another one only by statements about
  `*`, which follows from matching its resource, `*`.
- The keys are those that AWS documents for the action, beside the global ones. `${TagKey}` and `tag-key`
  stand for the key of a tag.
- Four actions are too new for the reference: what is said of them is inferred from the API's documents.
  AcceptCrossAccountReplication is a permission and no operation (documented).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AccessLevel(StrEnum):
    LIST = "List"
    READ = "Read"
    WRITE = "Write"
    TAGGING = "Tagging"
    PERMISSIONS = "Permissions management"


@dataclass(frozen=True, slots=True)
class Action:
    """One action, without its service's prefix."""

    name: str
    level: AccessLevel
    names_secret: bool
    keys: frozenset[str]
    documented: bool = True


_TAGS_OF_SECRET: Final = ("aws:ResourceTag/${TagKey}", "secretsmanager:ResourceTag/tag-key")
_OF_SECRET: Final = (
    *_TAGS_OF_SECRET,
    "secretsmanager:SecretId",
    "secretsmanager:SecretPrimaryRegion",
    "secretsmanager:resource/AllowRotationLambdaArn",
    "secretsmanager:resource/Type",
)
_KEY_OF_SECRET: Final = ("Description", "KmsKeyArn", "KmsKeyId", "Type")


def _of_secret(name: str, level: AccessLevel, *keys: str, documented: bool = True) -> Action:
    own = (key if ":" in key else f"secretsmanager:{key}" for key in keys)
    return Action(name, level, names_secret=True, keys=frozenset((*_OF_SECRET, *own)), documented=documented)


def _of_account(name: str, level: AccessLevel) -> Action:
    return Action(name, level, names_secret=False, keys=frozenset())


def _creation() -> Action:
    """Return CreateSecret's: there is no secret yet, but tags of the new one count as the resource's."""
    members = ("AddReplicaRegions", "ForceOverwriteReplicaSecret", "Name", *_KEY_OF_SECRET)
    tags = (
        "aws:RequestTag/${TagKey}",
        "aws:ResourceTag/${TagKey}",
        "aws:TagKeys",
        "secretsmanager:ResourceTag/tag-key",
    )
    keys = frozenset((*tags, *(f"secretsmanager:{member}" for member in members)))
    return Action("CreateSecret", AccessLevel.WRITE, names_secret=True, keys=keys)


def _table(actions: Iterable[Action]) -> dict[str, Action]:
    return {action.name: action for action in actions}


_READ, _WRITE, _PERMISSIONS = AccessLevel.READ, AccessLevel.WRITE, AccessLevel.PERMISSIONS

ACTIONS: Final = _table(
    (
        _of_secret("AcceptCrossAccountReplication", _WRITE, documented=False),
        _of_secret("AssociateCrossAccountReplica", _WRITE, documented=False),
        _of_account("BatchGetSecretValue", _READ),
        _of_secret("CancelRotateSecret", _WRITE),
        _creation(),
        _of_secret("DeleteResourcePolicy", _PERMISSIONS),
        _of_secret("DeleteSecret", _WRITE, "ForceDeleteWithoutRecovery", "RecoveryWindowInDays"),
        _of_secret("DescribeSecret", _READ),
        _of_secret("DisassociateCrossAccountReplica", _WRITE, documented=False),
        _of_account("GetRandomPassword", _READ),
        _of_secret("GetResourcePolicy", _READ),
        _of_secret("GetSecretValue", _READ, "VersionId", "VersionStage"),
        _of_secret("ListResourcePolicies", _READ, documented=False),
        _of_secret("ListSecretVersionIds", _READ),
        _of_account("ListSecrets", AccessLevel.LIST),
        _of_secret("PutResourcePolicy", _PERMISSIONS, "BlockPublicPolicy"),
        _of_secret("PutSecretValue", _WRITE),
        _of_secret("RemoveRegionsFromReplication", _WRITE),
        _of_secret("ReplicateSecretToRegions", _WRITE, "AddReplicaRegions", "ForceOverwriteReplicaSecret"),
        _of_secret("RestoreSecret", _WRITE),
        _of_secret(
            "RotateSecret",
            _WRITE,
            "ExternalSecretRotationRoleArn",
            "ModifyRotationRules",
            "RotateImmediately",
            "RotationLambdaARN",
        ),
        _of_secret("StopReplicationToReplica", _WRITE),
        _of_secret("TagResource", AccessLevel.TAGGING, "aws:RequestTag/${TagKey}", "aws:TagKeys"),
        _of_secret("UntagResource", AccessLevel.TAGGING, "aws:TagKeys"),
        _of_secret("UpdateSecret", _WRITE, *_KEY_OF_SECRET),
        _of_secret("UpdateSecretVersionStage", _WRITE, "VersionStage"),
        _of_secret("ValidateResourcePolicy", _PERMISSIONS),
    )
)
