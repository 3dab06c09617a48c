"""The principals that policies name: whether they exist in this deployment, and whom their ARNs mean.

Rules (documented and recorded for AWS):
- A policy may name accounts, users, roles, role sessions and identity providers that exist; a session exists
  when its role does, a federated session when its account does.
- An ARN means the user or role that has it now, by its unique id. Another one made later under the same
  name is not meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from strongroom.domain.identity import IdentityKind
from strongroom.storage.base import Transaction

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_SESSION: Final = re.compile(r"arn:[a-z-]+:sts::([0-9]{12}):(assumed-role|federated-user)/([^/]+)(?:/[^/]+)?")


def exists(tx: Transaction, text: str) -> bool:
    """Tell whether an account (twelve digits) or a principal (ARN) is of this deployment."""
    if _ACCOUNT.fullmatch(text):
        return tx.find_account(text) is not None
    if session := _SESSION.fullmatch(text):
        account_id, kind, name = session.groups()
        if kind == "assumed-role":
            return tx.identities.find(IdentityKind.ROLE, account_id, name) is not None
        return tx.find_account(account_id) is not None
    return tx.identities.find_by_arn(text) is not None


def meant(tx: Transaction, arns: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the unique ids of the users and roles that ARNs mean now."""
    found = ((arn, tx.identities.find_by_arn(arn)) for arn in sorted(arns))
    return tuple((arn, identity.unique_id) for arn, identity in found if identity is not None)


def is_there(tx: Transaction, arn: str, unique_id: str) -> bool:
    """Tell whether an ARN still means the principal of that unique id."""
    identity = tx.identities.find_by_arn(arn)
    return identity is not None and identity.unique_id == unique_id
