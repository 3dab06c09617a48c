"""Policies that AWS manages and people attach by name: the same in every account, and not to be changed.

The names and what they allow are AWS's (dossier section 2.7b, managed policy reference); statements about
services that this server does not offer are kept, since a policy is read as a whole. Each is shown with one
version; its unique id and its dates are ours, the same everywhere and always.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.domain.identity import (
    AWS_POLICY_PREFIX,
    UNIQUE_ID_PREFIXES,
    IdentityKind,
    ManagedPolicy,
    PolicyVersion,
)

_SINCE: Final = datetime(2015, 2, 6, 18, 39, 46, tzinfo=UTC)
_ID_CHARACTERS: Final = 17


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _allow(actions: Sequence[str], resources: Sequence[str] = ("*",), **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **elements}


_DOCUMENTS: Final = {
    "AdministratorAccess": _document(_allow(["*"])),
    "PowerUserAccess": _document(
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        _allow(["iam:ListRoles", "account:GetAccountInformation", "account:ListRegions"]),
    ),
    "IAMFullAccess": _document(_allow(["iam:*"])),
    "IAMReadOnlyAccess": _document(_allow(["iam:Get*", "iam:List*", "iam:Simulate*"])),
    "SecretsManagerReadWrite": _document(
        _allow(
            [
                "secretsmanager:*",
                "cloudformation:CreateChangeSet",
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeStackResource",
                "cloudformation:DescribeStacks",
                "cloudformation:ExecuteChangeSet",
                "docdb-elastic:GetCluster",
                "docdb-elastic:ListClusters",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "kms:DescribeKey",
                "kms:ListAliases",
                "kms:ListKeys",
                "lambda:ListFunctions",
                "rds:DescribeDBClusters",
                "rds:DescribeDBInstances",
                "redshift:DescribeClusters",
                "redshift-serverless:ListWorkgroups",
                "redshift-serverless:GetNamespace",
                "tag:GetResources",
            ],
            Sid="BasePermissions",
        ),
        _allow(
            [
                "lambda:AddPermission",
                "lambda:CreateFunction",
                "lambda:GetFunction",
                "lambda:InvokeFunction",
                "lambda:UpdateFunctionConfiguration",
            ],
            ["arn:aws:lambda:*:*:function:SecretsManager*"],
            Sid="LambdaPermissions",
        ),
    ),
    "AWSSecretsManagerClientReadOnlyAccess": _document(
        _allow(
            ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            ["arn:aws:secretsmanager:*:*:secret:*"],
        ),
        _allow(["secretsmanager:BatchGetSecretValue", "secretsmanager:ListSecrets"]),
        _allow(
            ["kms:Decrypt"],
            ["arn:aws:kms:*:*:key/*"],
            Condition={
                "StringLike": {
                    "kms:ViaService": "secretsmanager.*.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:*:*:secret:*",
                }
            },
        ),
    ),
}

NAMES: Final = tuple(sorted(_DOCUMENTS))


def find_document(arn: str) -> str | None:
    """Return the text of a policy that AWS manages, None if it is not one of those known here."""
    return _DOCUMENTS.get(arn.removeprefix(AWS_POLICY_PREFIX)) if arn.startswith(AWS_POLICY_PREFIX) else None


def find_policy(arn: str) -> ManagedPolicy | None:
    """Return such a policy as what it would be if an account called `aws` had it."""
    return None if find_document(arn) is None else _policy(arn.removeprefix(AWS_POLICY_PREFIX))


def all_policies() -> list[ManagedPolicy]:
    """Return all of them, in the order of their names, whose case does not count."""
    return [_policy(name) for name in sorted(NAMES, key=str.lower)]


def versions_of(arn: str) -> list[PolicyVersion]:
    """Return the one version of such a policy; none of an unknown one."""
    document = find_document(arn)
    return [] if document is None else [PolicyVersion(1, document, _SINCE, is_default=True)]


def _policy(name: str) -> ManagedPolicy:
    drawn = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return ManagedPolicy(
        account_id="aws",
        name=name,
        unique_id=UNIQUE_ID_PREFIXES[IdentityKind.POLICY] + drawn[:_ID_CHARACTERS],
        created_at=_SINCE,
        updated_at=_SINCE,
    )
