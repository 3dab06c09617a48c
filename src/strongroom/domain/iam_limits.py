"""IAM's quotas, and the sentences that refuse what exceeds them.

Rules:
- A quota is refused as "Cannot exceed quota for <Name>: <most>" (recorded of AccessKeysPerUser, GroupsPerUser,
  PoliciesPerRole, RolesPerAccount, PolicySize, ACLSizePerRole, ClientIdsPerOpenIdConnectProvider; the names of
  the others follow their pattern).
- The inline policies of one holder count together; their refusal has a sentence of its own (recorded).
- White space in a policy does not count (documented); `policy.document.policy_size` counts.
- A managed policy has at most five versions, and its default one cannot be deleted (recorded).
- The numbers are those an account has at first (documented); nothing raises them here.
"""

from __future__ import annotations

from typing import Final

from strongroom.domain.identity import IdentityKind
from strongroom.errors import InvalidInput, LimitExceeded

ACCESS_KEYS_PER_USER: Final = 2
GROUPS_PER_USER: Final = 10
ATTACHMENTS_PER_HOLDER: Final = 10
CLIENT_IDS_PER_PROVIDER: Final = 100
THUMBPRINTS_PER_PROVIDER: Final = 5
TAGS_PER_ENTITY: Final = 50
VERSIONS_PER_POLICY: Final = 5

MANAGED_POLICY_SIZE: Final = 6_144
TRUST_POLICY_SIZE: Final = 2_048
INLINE_POLICY_SIZES: Final = {IdentityKind.USER: 2_048, IdentityKind.GROUP: 5_120, IdentityKind.ROLE: 10_240}

PER_ACCOUNT: Final = {
    IdentityKind.USER: 5_000,
    IdentityKind.GROUP: 300,
    IdentityKind.ROLE: 1_000,
    IdentityKind.POLICY: 1_500,
    IdentityKind.PROVIDER: 100,
}
_PLURALS: Final = {
    IdentityKind.USER: "Users",
    IdentityKind.GROUP: "Groups",
    IdentityKind.ROLE: "Roles",
    IdentityKind.POLICY: "Policies",
    IdentityKind.PROVIDER: "OpenIdConnectProviders",
}
_NOUNS: Final = {**{kind: kind.value.title() for kind in IdentityKind}, IdentityKind.PROVIDER: "OpenIdConnectProvider"}


def require_room_for(kind: IdentityKind, present: int) -> None:
    """Refuse one more entity of a kind in an account that has `present` of them."""
    _require_below(present, f"{_PLURALS[kind]}PerAccount", PER_ACCOUNT[kind])


def require_room_for_key(present: int) -> None:
    _require_below(present, "AccessKeysPerUser", ACCESS_KEYS_PER_USER)


def require_room_for_group(present: int) -> None:
    _require_below(present, "GroupsPerUser", GROUPS_PER_USER)


def require_room_for_attachment(kind: IdentityKind, present: int) -> None:
    _require_below(present, f"PoliciesPer{_NOUNS[kind]}", ATTACHMENTS_PER_HOLDER)


def require_client_ids(count: int) -> None:
    _require_at_most(count, "ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_PER_PROVIDER)


def require_thumbprints(count: int) -> None:
    """Refuse too long a list; the sentence is the recorded one, though five are accepted."""
    if count > THUMBPRINTS_PER_PROVIDER:
        raise InvalidInput(f"Thumbprint list must contain fewer than {THUMBPRINTS_PER_PROVIDER} entries.")


def require_tag_count(kind: IdentityKind, count: int) -> None:
    _require_at_most(count, f"TagsPer{_NOUNS[kind]}", TAGS_PER_ENTITY)


def require_managed_size(size: int) -> None:
    _require_at_most(size, "PolicySize", MANAGED_POLICY_SIZE)


def require_trust_size(size: int) -> None:
    _require_at_most(size, "ACLSizePerRole", TRUST_POLICY_SIZE)


def require_inline_size(kind: IdentityKind, name: str, size: int) -> None:
    """Refuse inline policies of one holder that are too long together."""
    if size > (most := INLINE_POLICY_SIZES[kind]):
        raise LimitExceeded(f"Maximum policy size of {most} bytes exceeded for {kind.value} {name}")


def require_room_for_version(present: int) -> None:
    if present >= VERSIONS_PER_POLICY:
        raise LimitExceeded(
            f"A managed policy can have up to {VERSIONS_PER_POLICY} versions. Before you create a new version, you "
            "must delete an existing version."
        )


def _require_below(present: int, name: str, most: int) -> None:
    _require_at_most(present + 1, name, most)


def _require_at_most(count: int, name: str, most: int) -> None:
    if count > most:
        raise LimitExceeded(f"Cannot exceed quota for {name}: {most}")
