"""The other AWS services that clients of Secrets Manager call: STS, IAM and CloudTrail, as far as they need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strongroom.companions import cloudtrail, iam, sts
from strongroom.companions.base import CLOUDTRAIL, CompanionOperation, ServiceModel

OPERATIONS: Final[dict[tuple[str, str], CompanionOperation[Any]]] = {
    (operation.service.version, operation.name): operation
    for operation in (*sts.OPERATIONS.values(), *iam.OPERATIONS.values())
}
"""Every operation by its service's version and its name; what is not here does not exist."""


class JsonService(NamedTuple):
    """A service that speaks AWS JSON, and its operations by name."""

    model: ServiceModel
    operations: Mapping[str, CompanionOperation[Any]]


TARGETS: Final[dict[str, JsonService]] = {
    prefix: JsonService(CLOUDTRAIL, cloudtrail.OPERATIONS)
    for prefix in ("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "CloudTrail_20131101")
}
"""Services that speak AWS JSON by the prefix of their targets: as older SDKs write it (botocore, the AWS CLI), and as
newer ones do (those of JavaScript, Go and Rust)."""
