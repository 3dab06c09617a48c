"""The condition keys that a request and its secret fill (AWS's service authorization reference).

Rules: a key is present only when its fact is: a member that was not sent, a tag that is not there, a
region of a secret that was never replicated leave no key. Both spellings of resource tags are filled. The
keys of every request are in `authorization`; which of these an operation fills it declares itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from strongroom.authorization import Keys
from strongroom.domain.arns import account_of
from strongroom.domain.secret import Secret
from strongroom.operations.base import Request

Values = str | list[str]
FindKeyArn = Callable[[str], "str | None"]
"""Gives the ARN of the KMS key that a text names, None where there is none."""

_MEMBERS: Final = {
    "secretsmanager:Name": "name",
    "secretsmanager:Description": "description",
    "secretsmanager:KmsKeyId": "kms_key_id",
    "secretsmanager:Type": "type",
    "secretsmanager:VersionId": "version_id",
    "secretsmanager:VersionStage": "version_stage",
    "secretsmanager:RecoveryWindowInDays": "recovery_window_in_days",
    "secretsmanager:ForceDeleteWithoutRecovery": "force_delete_without_recovery",
    "secretsmanager:ForceOverwriteReplicaSecret": "force_overwrite_replica_secret",
    "secretsmanager:BlockPublicPolicy": "block_public_policy",
    "secretsmanager:RotateImmediately": "rotate_immediately",
    "secretsmanager:RotationLambdaARN": "rotation_lambda_arn",
    "secretsmanager:ExternalSecretRotationRoleArn": "external_secret_rotation_role_arn",
}
"""Keys that are a member of the request, by its Python name."""


def context_of(
    declared: Iterable[str], request: Request, secret: Secret | None, *, arn: str, key_arn: FindKeyArn
) -> Keys:
    """Return the keys of one request about one secret, or about none.

    Args:
        declared: the keys that the request's operation fills.
        request: the decoded request.
        secret: what it is about, if that exists.
        arn: what policies are asked about; `*` for nothing in particular.
        key_arn: finds the KMS key that the request names.
    """
    keys: dict[str, Values] = {}
    for key in declared:
        keys.update(_request_keys(key, request, key_arn))
    keys.update(_secret_keys(secret) if secret is not None else _arn_keys(arn))
    return keys


def _request_keys(key: str, request: Any, key_arn: FindKeyArn) -> dict[str, Values]:
    """Return the key and its value, or one key for each tag; nothing for a member that was not sent."""
    if key == "aws:RequestTag":
        return {f"{key}/{tag.key}": tag.value or "" for tag in request.tags or ()}
    value = _member_value(key, request, key_arn)
    return {} if value is None or value == [] else {key: value}


def _member_value(key: str, request: Any, key_arn: FindKeyArn) -> Values | None:
    if key in _MEMBERS:
        value = getattr(request, _MEMBERS[key])
        if value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)
    match key:
        case "secretsmanager:KmsKeyArn":
            return key_arn(request.kms_key_id) if request.kms_key_id else None
        case "secretsmanager:ModifyRotationRules":
            return None if request.rotation_rules is None else "true"
        case "secretsmanager:AddReplicaRegions":
            return [entry.region or "" for entry in request.add_replica_regions or ()]
        case "aws:TagKeys":
            tags = getattr(request, "tags", None) or ()
            return [tag.key or "" for tag in tags] + list(getattr(request, "tag_keys", None) or ())
    raise LookupError(f"nothing fills the condition key {key}")


def _arn_keys(arn: str) -> Iterator[tuple[str, Values]]:
    if arn != "*":
        yield "secretsmanager:SecretId", arn
        yield "aws:ResourceAccount", account_of(arn)


def _secret_keys(secret: Secret) -> Iterator[tuple[str, Values]]:
    yield "secretsmanager:SecretId", secret.arn
    yield "aws:ResourceAccount", secret.account_id
    for tag in secret.tags or ():
        yield f"secretsmanager:ResourceTag/{tag.key}", tag.value
        yield f"aws:ResourceTag/{tag.key}", tag.value
    if secret.primary_region is not None:
        yield "secretsmanager:SecretPrimaryRegion", secret.primary_region
    if secret.type is not None:
        yield "secretsmanager:resource/Type", secret.type
    if secret.rotation is not None and secret.rotation.lambda_arn is not None:
        yield "secretsmanager:resource/AllowRotationLambdaArn", secret.rotation.lambda_arn
