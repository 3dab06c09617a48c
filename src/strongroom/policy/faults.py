"""The kinds of policies, and what is said of a document that is none."""

from __future__ import annotations

from enum import StrEnum


class PolicyKind(StrEnum):
    """What a policy is attached to, in the words of a denial (documented by IAM)."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    TRUST = "role trust policy"

    @property
    def names_principals(self) -> bool:
        """Whether its statements say whom they are about; the others are about whom they are attached to."""
        return self in (PolicyKind.RESOURCE, PolicyKind.TRUST)


class PolicyFault(Exception):
    """What is wrong with a document, and where: for operators, beside the sentence that clients get.

    `message` is None for what has no sentence of its own: the kind of policy then has one.
    """

    def __init__(self, where: str, why: str, message: str | None = None) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why
        self.message = message
