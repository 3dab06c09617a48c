"""Resource policies as the database holds them, compiled."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Final

from strongroom.errors import MalformedPolicyDocumentException
from strongroom.policy.document import Policy, PolicyKind, parse_policy

COMPILED_POLICIES: Final = 4_096
"""Policies kept compiled."""

DENY_ALL: Final = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}'

logger = logging.getLogger(__name__)


@lru_cache(maxsize=COMPILED_POLICIES)
def parse_stored(text: str) -> Policy:
    """Return a stored policy, compiled once per text: what the text says never changes.

    One that cannot be read any more denies everything, and says so in the log.
    """
    try:
        return parse_policy(text, kind=PolicyKind.RESOURCE)
    except MalformedPolicyDocumentException as error:
        logger.error("A stored resource policy cannot be read; access is denied: %s", error.__cause__)  # noqa: TRY400
        return parse_policy(DENY_ALL, kind=PolicyKind.RESOURCE)
