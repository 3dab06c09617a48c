"""Names and ARNs of secrets.

Rules:
- A name holds ASCII letters, digits and `-/_+=.@!` (recorded message); case matters; no normalisation.
- An ARN is `arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{6 alphanumerics}`.
- A SecretId is a name, a full ARN, or an ARN that lacks the suffix (recorded). An ARN whose last part
  ends in a hyphen and six alphanumerics is always taken as complete: a secret called `x-a1b2c3` is not
  found by an ARN without its suffix (recorded), and a wrong suffix finds nothing.
- An ARN of another service, account or region is well formed and simply names nothing here; text with
  characters that neither a name nor an ARN may hold is a ValidationException (inferred).
"""

from __future__ import annotations

import re
from typing import Final

from strongroom.errors import ResourceNotFoundException, ValidationException
from strongroom.structs import Struct

MAX_NAME_LENGTH: Final = 512

_NAME: Final = re.compile(r"[-/_+=.@!A-Za-z0-9]+")
_COMPLETE_RESOURCE: Final = re.compile(r".+-[A-Za-z0-9]{6}", re.DOTALL)
_ARN_PARTS: Final = 7


class SecretReference(Struct, frozen=True, gc=False):
    """What a SecretId names: a secret by exact `arn`, or else by `name`, in an account and region."""

    account_id: str
    region: str
    name: str
    arn: str | None = None


def partition_of(region: str) -> str:
    """Return the ARN partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-eusc" if region.startswith("eusc-") else "aws"


def render_arn(region: str, account_id: str, resource: str) -> str:
    """Return the ARN of a secret; `resource` is the name with its suffix, or a bare name for policies."""
    return f"arn:{partition_of(region)}:secretsmanager:{region}:{account_id}:secret:{resource}"


def require_valid_name(name: str) -> str:
    """Return the name unchanged.

    Raises:
        ValidationException: a character outside the documented set (recorded for ten operations).
    """
    if _NAME.fullmatch(name) is None:
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
    return name


def parse_secret_id(secret_id: str, *, account_id: str, region: str) -> SecretReference:
    """Return what `secret_id` names for a caller of `account_id` in `region`.

    Raises:
        ValidationException: neither a name nor an ARN.
        ResourceNotFoundException: an ARN, but not one of a secret.
    """
    if not secret_id.startswith("arn:"):
        return SecretReference(account_id, region, require_valid_name(secret_id))
    require_valid_name(secret_id.replace(":", ""))
    parts = secret_id.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[2] != "secretsmanager" or parts[5] != "secret":
        raise secret_not_found()
    _, partition, _, arn_region, arn_account, _, resource = parts
    if partition != partition_of(arn_region) or not resource or ":" in resource:
        raise secret_not_found()
    complete = _COMPLETE_RESOURCE.fullmatch(resource) is not None
    name = resource[:-7] if complete else resource
    return SecretReference(arn_account, arn_region, name, secret_id if complete else None)


def secret_not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("Secrets Manager can't find the specified secret.")
