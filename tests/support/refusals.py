"""Refusals as a client sees them, `(code, text)`, and the recorded ones that many tests expect."""

from __future__ import annotations

from typing import Any, Final

from strongroom.errors import ServiceError
from support.deployment import Deployment

Refusal = tuple[str, str | None]

SECRET_NOT_FOUND: Final = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
MARKED_FOR_DELETION: Final = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)
NAME_SCHEDULED: Final = (
    "InvalidRequestException",
    "You can't create this secret because a secret with this name is already scheduled for deletion.",
)
INVALID_NAME: Final = (
    "ValidationException",
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
)
TOKEN_MISSING: Final = (
    "InvalidRequestException",
    "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
)
BOTH_VALUES: Final = (
    "InvalidParameterException",
    "You can't specify both a binary secret value and a string secret value in the same secret.",
)


def refusal(deployment: Deployment, operation_name: str, **members: Any) -> Refusal:
    """Perform a call that must be refused, and return its code and text."""
    try:
        answer = deployment.call(operation_name, **members)
    except ServiceError as error:
        return error.code, error.message
    raise AssertionError(f"{operation_name} was not refused; it answered {answer}")


def stage_not_found(label: str) -> Refusal:
    return (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for staging label: {label}",
    )


def version_not_found(version_id: str) -> Refusal:
    return (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}",
    )


def version_deleted(version_id: str) -> Refusal:
    return (
        "InvalidRequestException",
        f"You can't perform this operation on secret version {version_id} because it was deleted.",
    )


def token_in_use(version_id: str, arn: str) -> Refusal:
    text = (
        f"You can't use ClientRequestToken {version_id} because that value is already in use "
        f"for a version of secret {arn}."
    )
    return "ResourceExistsException", text


def name_taken(name: str) -> Refusal:
    return "ResourceExistsException", f"The operation failed because the secret {name} already exists."


def access_denied(account_id: str, action: str, resource: str) -> Refusal:
    """The refusal of a root caller of `account_id` that wants something in another account."""
    text = (
        f"User: arn:aws:iam::{account_id}:root is not authorized to perform: secretsmanager:{action} on resource: "
        f"{resource} because no resource-based policy allows the secretsmanager:{action} action"
    )
    return "AccessDeniedException", text
