"""The operations of CloudTrail. One that is not in the table does not exist, whatever the service model says."""

from __future__ import annotations

from typing import Any, Final

from strongroom.companions.base import CompanionOperation
from strongroom.companions.cloudtrail import lookup_events

OPERATIONS: Final[dict[str, CompanionOperation[Any]]] = {lookup_events.OPERATION.name: lookup_events.OPERATION}
