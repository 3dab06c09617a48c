"""Which version of a secret a call means, and the four ways of not finding it (all recorded)."""

from __future__ import annotations

from strongroom.domain.secret import SealedValue, Version
from strongroom.domain.staging import CURRENT, Stages
from strongroom.errors import InvalidRequestException, ResourceNotFoundException


def wanted_version_id(stages: Stages, version_id: str | None, stage: str | None) -> str:
    """Return the id to read: the one named, else the holder of the stage, else of AWSCURRENT.

    Raises:
        ResourceNotFoundException: no version carries the stage.
    """
    if version_id is not None:
        return version_id
    label = stage or CURRENT
    if label not in stages:
        raise stage_not_found(label)
    return stages[label]


def require_readable(
    version: Version | None, version_id: str, stages: Stages, stage: str | None
) -> tuple[Version, SealedValue]:
    """Return the version and its sealed value.

    Raises:
        ResourceNotFoundException: no such version, or a placeholder without a value.
        InvalidRequestException: the clean-up removed it; or it does not carry the stage named beside it.
    """
    version = require_present(version, version_id)
    if stage is not None and stages.get(stage) != version_id:
        raise InvalidRequestException("You provided a VersionStage that is not associated to the provided VersionId.")
    if version.sealed is None:
        raise version_not_found(version_id) if stage is None else stage_not_found(stage)
    return version, version.sealed


def stage_not_found(label: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for staging label: {label}"
    )


def require_present(version: Version | None, version_id: str) -> Version:
    """Return the version, with or without a value. Errors: the first two of `require_readable`."""
    if version is None:
        raise version_not_found(version_id)
    if version.deleted_at is not None:
        raise InvalidRequestException(
            f"You can't perform this operation on secret version {version_id} because it was deleted."
        )
    return version


def version_not_found(version_id: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}"
    )
