"""Rotation: what a request needs, when one is in progress, and when it is over.

Requests (evidence beside each rule):
- RotateSecret needs a token, as other writes do, but says so with another class (recorded).
- It needs a rotation function, given now or stored before (recorded): an ARN of a Lambda function in the
  secret's own Region (reported). The function may belong to another account (documented).
- The function must exist and must let the service invoke it; if not, AccessDenied, and nothing of the
  request is stored (recorded).
- A secret with a Type is a managed external secret: its partner's kind is rotated without a function, by
  a role that is given now or stored before (documented), with metadata that the partner prescribes. A
  function is nothing to it, and role and metadata are nothing to other secrets (inferred).
- CancelRotateSecret can be repeated; on a secret that was never configured it is refused (inferred).

Progress is told by labels alone, never by what a function returned (documented; a function that does
nothing leaves its rotation incomplete, reported):
- A rotation is unresolved while AWSPENDING is on a version that is not AWSCURRENT. Then a RotateSecret
  with another token is refused; the same token again starts nothing anew and is harmless (inferred from
  clients that retry with one token).
- It is complete when its version has AWSCURRENT; AWSPENDING may stay there or leave.
- It is abandoned when AWSPENDING leaves an unresolved version that did not become AWSCURRENT.

Each text marked "ours" below stands for one that nobody has recorded.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from strongroom.domain.idempotency import TOKEN_REQUIRED
from strongroom.domain.identifiers import partition_of
from strongroom.domain.schedule import Schedule, next_rotation_date, next_window, parse_schedule
from strongroom.domain.secret import RotationSettings
from strongroom.domain.staging import CURRENT, PENDING, Stages
from strongroom.domain.timestamps import day_of
from strongroom.errors import AccessDeniedException, InvalidParameterException, InvalidRequestException
from strongroom.structs import replace

_LAMBDA_ARN: Final = re.compile(
    r"arn:([a-z-]+):lambda:([a-z0-9-]+):\d{12}:function:[A-Za-z0-9_-]{1,140}(?::(?:\$LATEST|[A-Za-z0-9_-]{1,128}))?",
    re.ASCII,
)


def require_token(token: str | None) -> str:
    """Return the token.

    Raises:
        InvalidParameterException: it is missing. (Other operations give InvalidRequestException.)
    """
    if token is None:
        raise InvalidParameterException(TOKEN_REQUIRED)
    return token


def require_lambda_arn(arn: str, *, account_id: str, region: str) -> str:
    """Return the ARN of a rotation function. A version or an alias may follow the name (inferred).

    Raises:
        InvalidParameterException: not the ARN of a Lambda function, or one of another Region. (The class is
            presumed; that the text names the caller's account is inferred, the Region is reported.)
    """
    parts = _LAMBDA_ARN.fullmatch(arn)
    partition = partition_of(region)
    if parts is None or (parts[1], parts[2]) != (partition, region):
        raise InvalidParameterException(
            "Invalid rotation Lambda ARN. Ensure the ARN matches format "
            f"arn:{partition}:lambda:{region}:{account_id}:function:<functionName>."
        )
    return arn


def require_function(requested: str | None, stored: str | None, *, is_external: bool) -> str | None:
    """Return the ARN of the function to call, the one stored unless the request names one; None for an external secret.

    Raises:
        InvalidRequestException: there is neither (recorded).
    """
    if is_external:
        return None
    function = requested or stored
    if not function:
        raise InvalidRequestException("No Lambda rotation function ARN is associated with this secret.")
    return function


def not_invokable() -> AccessDeniedException:
    """The answer when the function does not exist or may not be invoked (recorded)."""
    return AccessDeniedException(
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access "
        "to the principal secretsmanager.amazonaws.com."
    )


def is_external(secret_type: str | None) -> bool:
    """Tell whether a secret is a managed external one. An empty Type counts as none (inferred)."""
    return bool(secret_type)


def require_fitting_members(
    secret_type: str | None, *, function_arn: str | None, role_arn: str | None, has_metadata: bool
) -> None:
    """Refuse members of a RotateSecret request that mean nothing to the kind of secret it names.

    Raises:
        InvalidParameterException: a function for an external secret, or role or metadata for another (ours).
    """
    if is_external(secret_type):
        if function_arn:
            raise InvalidParameterException(
                "You can't specify RotationLambdaARN for a managed external secret, because it rotates without one."
            )
    elif role_arn or has_metadata:
        raise InvalidParameterException(
            "You can't specify ExternalSecretRotationRoleArn or ExternalSecretRotationMetadata for a secret without "
            "a Type, because only managed external secrets use them."
        )


def require_role(requested: str | None, stored: str | None) -> str:
    """Return the role that rotates an external secret, the one stored unless the request names one.

    Raises:
        InvalidRequestException: there is neither (ours).
    """
    role = requested or stored
    if not role:
        raise InvalidRequestException("No rotation role ARN is associated with this managed external secret.")
    return role


def unsupported_type(secret_type: str) -> InvalidRequestException:
    """The answer to RotateSecret for a Type that this server has no rotator for (ours)."""
    return InvalidRequestException(f"Rotation of managed external secrets of type {secret_type} is not supported here.")


def unresolved_version(stages: Stages) -> str | None:
    """Return the version whose rotation is neither complete nor abandoned, or None."""
    pending = stages.get(PENDING)
    return None if pending == stages.get(CURRENT) else pending


def require_no_rotation_in_progress(stages: Stages, token: str) -> None:
    """Refuse to start a rotation beside an unresolved one, unless it is the same.

    Raises:
        InvalidRequestException: another rotation is unresolved (reported). What it promises is for the caller
            to keep: the unresolved version is driven again, under its own token.
    """
    if unresolved_version(stages) not in (None, token):
        raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")


def is_complete(stages: Stages, token: str) -> bool:
    """Tell whether the rotation of this token has reached its end."""
    return stages.get(CURRENT) == token


def abandoned_version(before: Stages, after: Stages) -> str | None:
    """Return the version whose rotation a change of labels abandons, or None."""
    version = unresolved_version(before)
    if version is None or version == unresolved_version(after) or is_complete(after, version):
        return None
    return version


def require_configured(*, enabled: bool | None) -> None:
    """Refuse to cancel what was never configured. False, as an earlier cancel left it, is accepted.

    Raises:
        InvalidRequestException: RotationEnabled was never set (ours; the class is presumed).
    """
    if enabled is None:
        raise InvalidRequestException("You can't cancel rotation for a secret that was never configured for rotation.")


def scheduled(settings: RotationSettings, anchor: datetime) -> RotationSettings:
    """Return the settings with the date of the next rotation: the end of the next window after `anchor`.

    The anchor is the last rotation, a write that counts as one, or the configuration (documented).
    """
    schedule = None if settings.rules is None else parse_schedule(settings.rules)
    if not settings.enabled or schedule is None:
        return replace(settings, next_rotation_at=None)
    return replace(settings, next_rotation_at=next_rotation_date(next_window(schedule, anchor)))


def effective_automatically_after_days(schedule: Schedule, after: datetime) -> int:
    """Return the AutomaticallyAfterDays that DescribeSecret shows, also beside an expression.

    It counts the days from `after`, as `next_window` takes it, to the day of the next window, and at least
    one (published: 1 beside `rate(10 hours)`, 7 beside every Monday, 14 beside the 1st and 15th).
    """
    return max(1, (day_of(next_window(schedule, after).start) - day_of(after)).days)
