"""What IAM asks of the documents that are kept by it, and in which sentences it refuses them.

Identity-based policies, permissions boundaries and session policies (recorded, as is the order, unless
marked; what is recorded of one kind is taken to hold for all three):
 1. the common grammar
 2. Version is 2012-10-17
 3. no principal (recorded sentence, inferred place)
 4. Effect is spelled Allow or Deny, dates can be read, an ARN with an empty service or too few parts around
    `::` is refused
 5. Sids are letters and digits, and unique
 6. every statement has an action
 7. every resource is `*` or begins like an ARN, of a partition that exists and a service; IAM's own resources
    are of no region and of a kind that IAM has
 8. an action has a service in front of its one colon, or is `*`. What follows the colon is free: spaces are
    accepted, and match nothing
 9. every statement has a resource

Role trust policies (sentences and order read in another implementation, unless marked):
 1. JSON (recorded), Version, a statement; of each statement the effect, then the principals
 2. only actions of STS by which a role is assumed (recorded sentence), by name: wildcards and NotAction are
    refused (read in two validators, and safe)
 3. no resource: the policy is about its role (recorded)
 4. Sids are unique
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.policy.faults import PolicyFault
from strongroom.policy.grammar import NEWER_VERSION, OLDER_VERSION, Written, WrittenDocument, WrittenStatement

OLD_VERSION: Final = "Policy document must be version 2012-10-17 or greater."
LEGACY: Final = "The policy failed legacy parsing"
SIDS_REPEATED: Final = "Statement IDs (SID) in a single policy must be unique."
SID_CHARACTERS: Final = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
NO_ACTIONS: Final = "Policy statement must contain actions."
NO_RESOURCES: Final = "Policy statement must contain resources."
NO_PREFIX: Final = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
SEVERAL_COLONS: Final = "Actions/Condition can contain only one colon."
NO_VENDOR: Final = "Resource vendor must be fully qualified and cannot contain regexes."

TRUST_JSON: Final = "This policy contains invalid Json"
TRUST_VERSION: Final = "The policy must contain a valid version string"
TRUST_EMPTY: Final = "Could not parse the policy: Statement is empty!"
TRUST_NO_EFFECT: Final = "Missing required field Effect"
TRUST_NO_ACTION: Final = "Missing required field Action"
TRUST_ACTION: Final = "AssumeRole policy may only specify STS AssumeRole actions."
TRUST_RESOURCE: Final = "Has prohibited field Resource"
TRUST_NOT_RESOURCE: Final = "AssumeRole policy must not contain resources."
TRUST_SIDS: Final = "The Statement Ids in the policy are not unique"

TRUST_ACTIONS: Final = frozenset(
    f"sts:{name}".lower()
    for name in (
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "SetContext",
        "SetSourceIdentity",
        "TagSession",
    )
)
_PARTITIONS: Final = frozenset(
    {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*"}
)
_IAM_PATHS: Final = (
    "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
    "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
)  # fmt: skip
_ARN_COLONS: Final = 5
_SID: Final = re.compile(r"[0-9A-Za-z]*")
_VENDOR: Final = re.compile(r"\*|[A-Za-z0-9.-]+")


def require_identity_version(document: WrittenDocument) -> None:
    """Refuse what is not written in the newer version. Raises PolicyFault."""
    if document.version not in (OLDER_VERSION, NEWER_VERSION):
        raise PolicyFault("Version", "there is no such version")
    if document.version != NEWER_VERSION:
        raise PolicyFault("Version", f"it is not {NEWER_VERSION}", OLD_VERSION)


def require_trust_version(document: WrittenDocument) -> None:
    if document.version not in (OLDER_VERSION, NEWER_VERSION):
        raise PolicyFault("Version", "there is no such version", TRUST_VERSION)
    if not document.statements:
        raise PolicyFault("Statement", "it is empty", TRUST_EMPTY)


def require_identity_document(document: WrittenDocument) -> None:
    """Refuse what IAM would not keep for an identity: steps 4 (of resources) to 9.

    Raises:
        PolicyFault: with IAM's sentence.
    """
    statements = document.statements
    unusual = _first_unusual_resource(document)
    _require_sids(statements, SIDS_REPEATED)
    for each in statements:
        if each.actions is None or not each.actions.texts:
            raise PolicyFault(each.where, "it has neither Action nor NotAction", NO_ACTIONS)
    if unusual is not None:
        raise unusual
    for each in statements:
        for action in each.actions.texts if each.actions else ():
            _require_vendor(action)
    for each in statements:
        if each.resources is None or not each.resources.texts:
            raise PolicyFault(each.where, "it has neither Resource nor NotResource", NO_RESOURCES)


def require_trust_document(document: WrittenDocument) -> None:
    """Refuse what IAM would not keep as the trust policy of a role: steps 2 to 4.

    Raises:
        PolicyFault: with IAM's sentence.
    """
    for statement in document.statements:
        actions, resources = statement.actions, statement.resources
        if actions is None or not actions.texts:
            raise PolicyFault(statement.where, "it has no Action", TRUST_NO_ACTION)
        for action in actions.texts:
            if actions.negated or action.text.lower() not in TRUST_ACTIONS:
                raise PolicyFault(action.place, "it is no action by which a role is assumed", TRUST_ACTION)
        if resources is not None:
            message = TRUST_NOT_RESOURCE if resources.negated else TRUST_RESOURCE
            raise PolicyFault(resources.place, "the policy is about its role", message)
    _require_sids(document.statements, TRUST_SIDS)


def _require_sids(statements: tuple[WrittenStatement, ...], repeated: str) -> None:
    seen = set()
    for each in statements:
        if each.sid is not None and _SID.fullmatch(each.sid) is None:
            raise PolicyFault(f"{each.where}.Sid", "it is not of letters and digits", SID_CHARACTERS)
        if each.sid and each.sid in seen:
            raise PolicyFault(f"{each.where}.Sid", "another statement has it", repeated)
        seen.add(each.sid)


def _require_vendor(action: Written) -> None:
    vendor, colon, name = action.text.partition(":")
    if not colon and vendor != "*":
        raise PolicyFault(action.place, "it is not of the form service:Name", NO_PREFIX)
    if ":" in name:
        raise PolicyFault(action.place, "it has several colons", SEVERAL_COLONS)
    if _VENDOR.fullmatch(vendor) is None:
        raise PolicyFault(action.place, "its service has characters of no name", f"Vendor {vendor} is not valid")


def _resources(document: WrittenDocument) -> Iterator[Written]:
    for statement in document.statements:
        yield from statement.resources.texts if statement.resources else ()


def _first_unusual_resource(document: WrittenDocument) -> PolicyFault | None:
    """Return what is wrong with the form of the first resource that is not of IAM's.

    Raises:
        PolicyFault: one before it cannot be parsed at all, which IAM says first.
    """
    for resource in _resources(document):
        if resource.text == "*":
            continue
        fault = _find_unusual(resource)
        if fault is not None:
            return fault
        if "::" in resource.text and resource.text.count(":") < _ARN_COLONS:
            raise PolicyFault(resource.place, "its ARN has too few parts", LEGACY)
        if resource.text.split(":")[2] == "":
            raise PolicyFault(resource.place, "its ARN names no service", LEGACY)
    return None


def _find_unusual(resource: Written) -> PolicyFault | None:
    text, place = resource.text, resource.place
    start, *parts = text.split(":", _ARN_COLONS)
    if not parts or start not in ("arn", "*"):
        return PolicyFault(place, 'it is neither an ARN nor "*"', f'Resource {text} must be in ARN format or "*".')
    partition, *rest = parts
    if partition not in _PARTITIONS:
        shown = ":".join([*rest, *["*"] * (4 - len(rest))])
        message = f'Partition "{partition}" is not valid for resource "arn:{partition}:{shown}".'
        return PolicyFault(place, "its partition does not exist", message)
    if not rest:
        return PolicyFault(place, "its ARN ends after the partition", NO_VENDOR)
    return _find_wrong_iam_resource(resource, rest) if rest[0] == "iam" else None


def _find_wrong_iam_resource(resource: Written, rest: list[str]) -> PolicyFault | None:
    _service, region, _account, path = [*rest, *["", "*", "*"][len(rest) - 1 :]]
    if region:
        message = f"IAM resource {resource.text} cannot contain region information."
        return PolicyFault(resource.place, "IAM is of no region", message)
    if path.startswith(("*", *_IAM_PATHS)):
        return None
    message = f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return PolicyFault(resource.place, "IAM has no such kind of resource", message)
