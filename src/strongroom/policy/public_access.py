"""What a sound policy may still do wrong: open a secret to everyone, or lock its own account out.

Broad access (AWS asks a theorem prover; this is a rule that everybody can follow, inferred from the
documented one of S3, which the older user guide refers to):
- Each Allow that names everyone (`*`) grants broad access, unless one of its conditions holds the caller
  to something fixed. A Deny elsewhere does not help.
- Fixed is a key of `_FIXING_KEYS` under an operator that only holds for what it names: StringEquals,
  StringLike, ArnEquals, ArnLike or IpAddress, without IfExists or ForAllValues, which also hold for
  nothing. Every value must be fixed: one is enough to get in.
- A value is fixed when it has no wildcard and no variable, or is an ARN whose account has none and cannot
  be another's: its other wildcards stay within that account. Addresses are fixed unless together they
  are the whole of IPv4 or IPv6.
- A named account, principal or service is never broad, however many there are.

Lock-out (documented: a Deny of everything to everyone):
- The account is locked out when its root is denied both PutResourcePolicy and DeleteResourcePolicy. Who
  denies the root denies the whole account: it is named by the account's name, or by everyone's.
- Only a Deny without conditions and variables counts: of the others no rule can tell whom they leave.

Findings: broad access and lock-out are reported together, each statement that is broad on its own
(documented: several at once). Their sentences are the documented ones, the place of the statement is
ours; the names of the checks are not documented. Syntax errors raise, because nothing can be found in
what cannot be read.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Final

from strongroom.domain.arns import ACCOUNT_PART, ARN_PARTS, account_of
from strongroom.errors import PublicPolicyException
from strongroom.policy.access_request import AccessRequest, find_match
from strongroom.policy.callers import CallerNames, PrincipalForm
from strongroom.policy.conditions import Condition, Context, Quantifier, parse_network
from strongroom.policy.document import Effect, Exists, Policy, PolicyKind, Statement, parse_policy
from strongroom.policy.matching import ResourceClause

BROAD_ACCESS_CHECK: Final = "BROAD_ACCESS_CHECK"
LOCK_OUT_CHECK: Final = "LOCK_OUT_CHECK"

_FIXING_KEYS: Final = frozenset(
    key.lower()
    for key in (
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceIp",
        "aws:SourceOwner",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:userid",
    )
)
_FIXING_OPERATORS: Final = {"StringEquals": False, "StringLike": False, "ArnEquals": True, "ArnLike": True}
"""And whether they match the parts of an ARN each on its own."""
_ADDRESS_KEY: Final = "aws:sourceip"
_ADDRESS_OPERATOR: Final = "IpAddress"

_CHANGES: Final = ("secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of ValidateResourcePolicy's answer."""

    check_name: str
    message: str


def find_broad_statements(policy: Policy) -> list[Statement]:
    """Return every statement that grants access to everyone."""
    return [statement for statement in policy.statements if _is_broad(statement)]


def require_not_public(policy: Policy) -> None:
    """Refuse a policy that grants broad access.

    Raises:
        PublicPolicyException: with a note that tells the statements.
    """
    broad = find_broad_statements(policy)
    if broad:
        error = PublicPolicyException(
            "You can't attach a resource-based policy that allows broad access to the secret."
        )
        error.add_note(", ".join(statement.where for statement in broad))
        raise error


def locks_out(policy: Policy, account_root: str, *, resource_arn: str | None = None) -> bool:
    """Return whether nobody in the account, its root included, may change the policy any more.

    Args:
        policy: the policy to be attached.
        account_root: the ARN of the root of the account that has the secret.
        resource_arn: the secret; without one, each Deny is taken to be about it.
    """
    denials = [each for each in policy.statements if each.effect is Effect.DENY and not each.conditions]
    if resource_arn is None:
        denials = [replace(each, resources=None) for each in denials]
    denials = [each for each in denials if each.resources is None or not _has_variables(each.resources)]
    root = CallerNames(account_of(account_root), account_root)
    requests = [AccessRequest(root, action, resource_arn or "*", Context({})) for action in _CHANGES]
    return all(any(find_match(each, request) is not None for each in denials) for request in requests)


def validation_findings(
    text: str, *, account_root: str, exists: Exists | None = None, resource_arn: str | None = None
) -> list[Finding]:
    """Return what is wrong with a policy that can be read.

    Raises:
        MalformedPolicyDocumentException: it cannot be read, or names a principal that does not exist.
    """
    policy = parse_policy(text, kind=PolicyKind.RESOURCE, exists=exists)
    findings = [
        Finding(BROAD_ACCESS_CHECK, f"This resource policy grants broad access to your secret. See {statement.where}.")
        for statement in find_broad_statements(policy)
    ]
    if locks_out(policy, account_root, resource_arn=resource_arn):
        findings.append(
            Finding(LOCK_OUT_CHECK, "Your requested changes will not allow you to manage this secret in the future.")
        )
    return findings


def _is_broad(statement: Statement) -> bool:
    if statement.effect is not Effect.ALLOW or statement.principals is None:
        return False
    everyone = any(named.form is PrincipalForm.EVERYONE for named in statement.principals.named)
    return (everyone or statement.principals.negated) and not any(map(_fixes_caller, statement.conditions))


def _fixes_caller(condition: Condition) -> bool:
    used, key = condition.operator, condition.key.lower()
    if key not in _FIXING_KEYS or used.if_exists or used.quantifier is Quantifier.ALL:
        return False
    if key == _ADDRESS_KEY:
        return used.comparison.name == _ADDRESS_OPERATOR and not _is_every_address(condition.values)
    parts_apart = _FIXING_OPERATORS.get(used.comparison.name)
    return parts_apart is not None and all(_is_fixed(value, parts_apart=parts_apart) for value in condition.values)


def _is_fixed(value: str, *, parts_apart: bool) -> bool:
    """Return whether only what belongs to one account, or to one other thing, equals the value."""
    if not _varies(value):
        return True
    parts = value.split(":", ARN_PARTS - 1)
    if len(parts) < ARN_PARTS or not parts[ACCOUNT_PART]:
        return False
    # where a `*` may span colons, one in front of the account would let other ARNs contain that account
    fixed = parts[ACCOUNT_PART : ACCOUNT_PART + 1] if parts_apart else parts[: ACCOUNT_PART + 1]
    return not any(map(_varies, fixed))


def _varies(text: str) -> bool:
    return "*" in text or "?" in text or "${" in text


def _is_every_address(values: tuple[str, ...]) -> bool:
    networks = [network for value in values if (network := parse_network(value)) is not None]
    version_4 = ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv4Network))
    version_6 = ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv6Network))
    return any(each.prefixlen == 0 for each in version_4) or any(each.prefixlen == 0 for each in version_6)


def _has_variables(resources: ResourceClause) -> bool:
    return not all(pattern.is_constant for pattern in resources.patterns)
