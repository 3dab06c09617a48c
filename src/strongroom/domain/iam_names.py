"""Names, ARNs and URLs as IAM takes them, and what it says of entities that are there or are not.

Rules:
- An ARN of other than six parts cannot be parsed, any other that is no policy's is not valid (both recorded).
- "aws" stands in the place of the account in the ARN of a policy that AWS manages (documented).
- An identity provider's URL is https, with a host, without query or fragment, and is not normalized
  (documented; sentence recorded). Its name is the URL without scheme. AWS advises against a port, which
  issuers on one's own machines often have: it is accepted.
- Paths begin and end with a slash; a prefix selects those that begin with it (documented).
- The sentences of NoSuchEntity, EntityAlreadyExists and DeleteConflict are recorded, except those of
  providers' ARNs and of login profiles, which were read in another implementation.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from strongroom.domain.identity import AWS_POLICY_PREFIX, IdentityKind
from strongroom.errors import DeleteConflict, EntityAlreadyExists, InvalidInput, NoSuchEntity, ValidationException

_ARN_PARTS: Final = 6
_ACCOUNT_DIGITS: Final = 12
_SCHEME: Final = "https://"

DETACH_POLICIES: Final = "detach all policies"
DELETE_POLICIES: Final = "delete policies"
REMOVE_USERS: Final = "remove users from group"


def require_arn(kind: IdentityKind, arn: str) -> None:
    """Refuse what is not the ARN of a policy or of a provider.

    Raises:
        ValidationException: it is no ARN at all.
        InvalidInput: it is another one.
    """
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[0] != "arn":
        raise ValidationException("Invalid ARN:  Could not be parsed!")
    partition, service, region, account, rest = parts[1:]
    is_account = len(account) == _ACCOUNT_DIGITS and account.isascii() and account.isdigit()
    has_owner = is_account or (kind is IdentityKind.POLICY and account == "aws")
    name = rest.removeprefix(f"{kind.value}/")
    named = name not in (rest, "") and not name.endswith("/")
    colons = kind is not IdentityKind.PROVIDER and ":" in rest
    if (partition, service, region) != ("aws", "iam", "") or not has_owner or not named or colons:
        raise InvalidInput(f"ARN {arn} is not valid.")


def require_holder_arn(arn: str) -> None:
    """Refuse what is not the ARN of a user, a group or a role, as `require_arn` does."""
    kinds = (IdentityKind.GROUP, IdentityKind.ROLE)
    require_arn(next((kind for kind in kinds if f":{kind.value}/" in arn), IdentityKind.USER), arn)


def require_boundary_arn(arn: str) -> None:
    """Refuse a boundary that cannot be the ARN of a policy; the sentence is read in another implementation."""
    try:
        require_arn(IdentityKind.POLICY, arn)
    except (InvalidInput, ValidationException):
        raise ValidationException(f"Value ({arn}) for parameter PermissionsBoundary is invalid.") from None


def provider_name(url: str) -> str:
    """Return the name of the provider with a URL.

    Raises:
        ValidationException: no issuer could have this URL.
    """
    try:
        parts = urlsplit(url)
        is_issuer = bool(parts.hostname) and not parts.query and not parts.fragment and "@" not in parts.netloc
    except ValueError:
        is_issuer = False
    if not is_issuer or not url.startswith(_SCHEME) or not url.isascii() or not url.isprintable() or " " in url:
        raise ValidationException("Invalid Open ID Connect Provider URL")
    return url.removeprefix(_SCHEME)


def path_of(arn: str) -> str:
    """Return the path in the ARN of a policy."""
    return arn[arn.index("/") : arn.rindex("/") + 1]


def is_aws_managed(arn: str) -> bool:
    return arn.startswith(AWS_POLICY_PREFIX)


def not_found(kind: IdentityKind, name: str) -> NoSuchEntity:
    """Return that there is no such user, group or role."""
    return NoSuchEntity(f"The {kind.value} with name {name} cannot be found.")


def policy_not_found(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} was not found.")


def policy_not_attachable(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


def boundary_not_found(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")


def version_not_found(arn: str, version_id: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} version {version_id} does not exist or is not attachable.")


def inline_policy_not_found(kind: IdentityKind, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind.value} policy with name {name} cannot be found.")


def access_key_not_found(access_key_id: str) -> NoSuchEntity:
    return NoSuchEntity(f"The Access Key with id {access_key_id} cannot be found.")


def login_profile_not_found(user_name: str) -> NoSuchEntity:
    return NoSuchEntity(f"Login Profile for User {user_name} cannot be found.")


def provider_not_found(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"OpenIDConnect Provider not found for arn {arn}")


def already_exists(kind: IdentityKind, name: str) -> EntityAlreadyExists:
    """Return that a name is taken; that of a provider is its URL."""
    match kind:
        case IdentityKind.POLICY:
            return EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
        case IdentityKind.PROVIDER:
            return EntityAlreadyExists(f"Provider with url {name} already exists.")
    return EntityAlreadyExists(f"{kind.value.title()} with name {name} already exists.")


def must_first(what: str) -> DeleteConflict:
    """Return the refusal to delete an entity that still has something."""
    return DeleteConflict(f"Cannot delete entity, must {what} first.")
