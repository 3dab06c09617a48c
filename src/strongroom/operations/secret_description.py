"""What DescribeSecret and ListSecrets tell of a secret, both in the same members. A fact without a value is absent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from strongroom.domain.secret import RotationSettings, Secret
from strongroom.domain.timestamps import wire_day, wire_time
from strongroom.operations.base import Response
from strongroom.operations.shapes import ExternalSecretRotationMetadataItem, RotationRules, Tag, wire_tags


class SecretDescription(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    type: str | None = None
    description: str | None = None
    kms_key_id: str | None = None
    rotation_enabled: bool | None = None
    rotation_lambda_arn: str | None = msgspec.field(name="RotationLambdaARN", default=None)
    rotation_rules: RotationRules | None = None
    external_secret_rotation_metadata: list[ExternalSecretRotationMetadataItem] | None = None
    external_secret_rotation_role_arn: str | None = None
    last_rotated_date: float | None = None
    last_changed_date: float | None = None
    last_accessed_date: float | None = None
    deleted_date: float | None = None
    next_rotation_date: float | None = None
    tags: list[Tag] | None = None
    owning_service: str | None = None
    created_date: float | None = None
    primary_region: str | None = None


def description_of(secret: Secret) -> dict[str, Any]:
    """Return the members of `SecretDescription`, by Python name."""
    return {
        "arn": secret.arn,
        "name": secret.name,
        "type": secret.type or None,
        "description": secret.description or None,
        "kms_key_id": secret.kms_key_id,
        "last_changed_date": wire_time(secret.last_changed_at),
        "last_accessed_date": None if secret.last_accessed_on is None else wire_day(secret.last_accessed_on),
        "deleted_date": None if secret.purge_at is None else wire_time(secret.purge_at),
        "tags": wire_tags(secret.tags),
        "owning_service": secret.owning_service,
        "created_date": wire_time(secret.created_at),
        "primary_region": secret.primary_region,
        **_rotation_members(secret),
    }


def _rotation_members(secret: Secret) -> dict[str, Any]:
    """Return the members that tell of rotation; none before it was configured."""
    settings = secret.rotation
    if settings is None:
        return {}
    rules = settings.rules
    return {
        "rotation_enabled": settings.enabled,
        "rotation_lambda_arn": settings.lambda_arn,
        "rotation_rules": None
        if rules is None
        else RotationRules(
            automatically_after_days=rules.automatically_after_days,
            duration=rules.duration,
            schedule_expression=rules.schedule_expression,
        ),
        "external_secret_rotation_metadata": [
            ExternalSecretRotationMetadataItem(key=key, value=value) for key, value in settings.metadata
        ]
        or None,
        "external_secret_rotation_role_arn": settings.role_arn,
        "last_rotated_date": _enabled_date(settings, settings.last_rotated_at),
        "next_rotation_date": _enabled_date(settings, settings.next_rotation_at),
    }


def _enabled_date(settings: RotationSettings, instant: datetime | None) -> float | None:
    return None if instant is None or not settings.enabled else wire_time(instant)
