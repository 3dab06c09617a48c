"""The condition keys of a request: what policies may ask about (AWS's service authorization reference).

Rules: a key is present only when its fact is: a member that was not sent, a tag that is not there, a
region of a secret that was never replicated leave no key. Both spellings of resource tags are filled.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from strongroom.audit.record import Origin
from strongroom.domain.principal import Principal
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import to_micros
from strongroom.operations.base import Request

Values = str | list[str]

_MEMBERS: Final = {
    "name": "Name",
    "description": "Description",
    "kms_key_id": "KmsKeyId",
    "type": "Type",
    "version_id": "VersionId",
    "version_stage": "VersionStage",
    "recovery_window_in_days": "RecoveryWindowInDays",
    "force_delete_without_recovery": "ForceDeleteWithoutRecovery",
    "force_overwrite_replica_secret": "ForceOverwriteReplicaSecret",
    "block_public_policy": "BlockPublicPolicy",
    "rotate_immediately": "RotateImmediately",
    "rotation_lambda_arn": "RotationLambdaARN",
    "external_secret_rotation_role_arn": "ExternalSecretRotationRoleArn",
}
_MICROS_PER_SECOND: Final = 1_000_000


def context_of(
    request: Request, secret: Secret | None, *, principal: Principal, region: str, origin: Origin, now: datetime
) -> dict[str, Values]:
    """Return the condition keys of one request about one secret, or about none."""
    context: dict[str, Values] = dict(_global_keys(principal, region, origin, now))
    context.update(_request_keys(request))
    if secret is not None:
        context.update(_secret_keys(secret))
    return context


def _global_keys(principal: Principal, region: str, origin: Origin, now: datetime) -> Iterator[tuple[str, Values]]:
    yield "aws:PrincipalArn", principal.arn
    yield "aws:PrincipalAccount", principal.account_id
    yield "aws:PrincipalType", "Account" if principal.kind == "Root" else "User"
    yield "aws:userid", principal.principal_id
    yield "aws:SourceIp", origin.source_ip
    yield "aws:SecureTransport", "false" if origin.tls_version is None else "true"
    yield "aws:CurrentTime", now.strftime("%Y-%m-%dT%H:%M:%SZ")
    yield "aws:EpochTime", str(to_micros(now) // _MICROS_PER_SECOND)
    yield "aws:RequestedRegion", region
    yield "aws:ViaAWSService", "false"
    if origin.user_agent is not None:
        yield "aws:UserAgent", origin.user_agent


def _request_keys(request: Request) -> Iterator[tuple[str, Values]]:
    for attribute, key in _MEMBERS.items():
        value = getattr(request, attribute, None)
        if value is not None:
            yield f"secretsmanager:{key}", str(value).lower() if isinstance(value, bool) else str(value)
    if getattr(request, "rotation_rules", None) is not None:
        yield "secretsmanager:ModifyRotationRules", "true"
    if (regions := getattr(request, "add_replica_regions", None)) is not None:
        yield "secretsmanager:AddReplicaRegions", [entry.region or "" for entry in regions]
    tags: list[Any] = getattr(request, "tags", None) or []
    for tag in tags:
        yield f"aws:RequestTag/{tag.key}", tag.value or ""
    if keys := [tag.key or "" for tag in tags] + list(getattr(request, "tag_keys", None) or ()):
        yield "aws:TagKeys", keys


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
