"""Whether a caller may use a KMS key through Secrets Manager, as the service asks KMS on the caller's behalf.

Rules (documented, dossier section 4.1):
- The default key is for everyone in its account who may use the secret; a customer's key needs kms:Decrypt
  to read, kms:GenerateDataKey to write, and both when a secret is given the key: then with the version id
  `RequestToValidateKeyAccess`.
- The request goes through the service: policies see kms:ViaService, kms:CallerAccount and the encryption
  context, which is the secret's ARN and the version's id.
- Keys have KMS's default key policy here, which leaves the decision to identity policies. A caller of
  another account is let in by the secret's policy; its own account's policies must allow the use of the key.
- A refusal has one text (recorded).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Final

from strongroom.authorization import Authorizer, Keys
from strongroom.domain import kms_key
from strongroom.domain.kms_key import KeyManager, KmsKey
from strongroom.domain.principal import Principal
from strongroom.domain.secret import Secret
from strongroom.policy.document import Policy, PolicyKind
from strongroom.policy.stored import parse_stored

PROBE: Final = "RequestToValidateKeyAccess"
"""The version id under which the access to a key is tried (documented)."""


def require_use(
    authorizer: Authorizer, principal: Principal, action: str, key: KmsKey, secret: Secret, version_id: str
) -> None:
    """Refuse a caller the use of a key. Raises AccessDeniedException."""
    if not may_use(authorizer, principal, action, key, secret, version_id):
        raise kms_key.not_allowed()


def may_use(
    authorizer: Authorizer, principal: Principal, action: str, key: KmsKey, secret: Secret, version_id: str
) -> bool:
    """Tell whether policies let a caller use a key for a version of a secret."""
    if principal.is_root or key.manager is KeyManager.AWS:
        return True
    decision = authorizer.decide(
        action,
        key.arn,
        keys=lambda: _keys(principal, secret, version_id),
        resource=[_key_policy(principal.account_id)],
    )
    return decision.allowed


def _keys(principal: Principal, secret: Secret, version_id: str) -> Keys:
    return {
        "kms:ViaService": f"secretsmanager.{secret.region}.amazonaws.com",
        "kms:CallerAccount": principal.account_id,
        "kms:EncryptionContext:SecretARN": secret.arn,
        "kms:EncryptionContext:SecretVersionId": version_id,
        "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
    }


@cache
def _key_policy(account_id: str) -> Policy:
    """Return a policy that leaves everything to the policies of an account."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account_id}, "Action": "kms:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    return parse_stored(text, PolicyKind.RESOURCE, name="the key's policy")
