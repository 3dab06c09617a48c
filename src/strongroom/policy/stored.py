"""Policies of every kind as the database holds them, compiled."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Final, TypeAlias

from strongroom.errors import MalformedPolicyDocument, MalformedPolicyDocumentException
from strongroom.policy.document import Policy, PolicyKind, parse_policy, unreadable

COMPILED_POLICIES: Final = 4_096
"""Policies kept compiled."""

Pins: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of the ARN of a user or role, and the unique id that it had when the policy was written."""

logger = logging.getLogger(__name__)


@lru_cache(maxsize=COMPILED_POLICIES)
def parse_stored(text: str, kind: PolicyKind = PolicyKind.RESOURCE, pins: Pins = (), name: str | None = None) -> Policy:
    """Return a stored policy, compiled once per text and pins: what they say never changes.

    One that cannot be read any more denies everything, and says so in the log.
    """
    try:
        return parse_policy(text, kind=kind, pins=dict(pins), name=name)
    except (MalformedPolicyDocumentException, MalformedPolicyDocument) as error:
        what = kind.name.lower()
        logger.error("A stored %s policy cannot be read; access is denied: %s", what, error.__cause__)  # noqa: TRY400
        return unreadable(kind, name)
