"""Who calls: the identity that a verified signature proves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller in an account. `kind` is CloudTrail's word for it (`Root` is the account itself)."""

    kind: str
    arn: str
    principal_id: str
    account_id: str
    access_key_id: str


def root_arn(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:root"
