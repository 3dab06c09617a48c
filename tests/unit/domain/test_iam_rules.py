"""Quotas and tags of IAM: at the bound accepted, beyond it refused in IAM's sentence."""

from __future__ import annotations

import pytest

from strongroom.domain import iam_limits, iam_tags
from strongroom.domain.identity import IdentityKind
from strongroom.domain.secret import Tag
from strongroom.errors import InvalidInput, LimitExceeded

USER, POLICY = IdentityKind.USER, IdentityKind.POLICY


@pytest.mark.parametrize(
    ("rule", "arguments", "most", "sentence"),
    [
        (iam_limits.require_room_for, (IdentityKind.USER,), 4_999, "UsersPerAccount: 5000"),
        (iam_limits.require_room_for, (IdentityKind.GROUP,), 299, "GroupsPerAccount: 300"),
        (iam_limits.require_room_for, (IdentityKind.ROLE,), 999, "RolesPerAccount: 1000"),
        (iam_limits.require_room_for, (IdentityKind.POLICY,), 1_499, "PoliciesPerAccount: 1500"),
        (iam_limits.require_room_for, (IdentityKind.PROVIDER,), 99, "OpenIdConnectProvidersPerAccount: 100"),
        (iam_limits.require_room_for_key, (), 1, "AccessKeysPerUser: 2"),
        (iam_limits.require_room_for_group, (), 9, "GroupsPerUser: 10"),
        (iam_limits.require_room_for_attachment, (IdentityKind.ROLE,), 9, "PoliciesPerRole: 10"),
        (iam_limits.require_client_ids, (), 100, "ClientIdsPerOpenIdConnectProvider: 100"),
        (iam_limits.require_tag_count, (IdentityKind.PROVIDER,), 50, "TagsPerOpenIdConnectProvider: 50"),
        (iam_limits.require_managed_size, (), 6_144, "PolicySize: 6144"),
        (iam_limits.require_trust_size, (), 2_048, "ACLSizePerRole: 2048"),
    ],
)
def test_a_quota_is_exceeded_by_one_more(rule, arguments, most, sentence):
    rule(*arguments, most)
    with pytest.raises(LimitExceeded) as refusal:
        rule(*arguments, most + 1)
    assert refusal.value.message == f"Cannot exceed quota for {sentence}"


@pytest.mark.parametrize(
    ("kind", "most"), [(IdentityKind.USER, 2_048), (IdentityKind.GROUP, 5_120), (IdentityKind.ROLE, 10_240)]
)
def test_inline_policies_have_a_sentence_of_their_own(kind, most):
    iam_limits.require_inline_size(kind, "x", most)
    with pytest.raises(LimitExceeded, match=f"^Maximum policy size of {most} bytes exceeded for {kind.value} x$"):
        iam_limits.require_inline_size(kind, "x", most + 1)


def test_versions_and_thumbprints_have_a_sentence_of_their_own():
    iam_limits.require_room_for_version(4)
    with pytest.raises(LimitExceeded, match="A managed policy can have up to 5 versions"):
        iam_limits.require_room_for_version(5)
    iam_limits.require_thumbprints(5)
    with pytest.raises(InvalidInput):
        iam_limits.require_thumbprints(6)


def test_a_key_keeps_the_case_it_was_last_written_in():
    merged = iam_tags.merge(USER, (Tag("Team", "a"), Tag("x", "1")), [Tag("TEAM", "b")])
    assert merged == (Tag("TEAM", "b"), Tag("x", "1"))
    assert iam_tags.remove(USER, merged, ["team"]) == (Tag("x", "1"),)


def test_keys_of_policies_differ_by_case():
    merged = iam_tags.merge(POLICY, (Tag("Team", "a"),), [Tag("TEAM", "b")])
    assert merged == (Tag("Team", "a"), Tag("TEAM", "b"))
    assert iam_tags.remove(POLICY, merged, ["team"]) == merged


@pytest.mark.parametrize("kind", [USER, POLICY])
def test_reserved_and_repeated_keys_are_refused(kind):
    for new in ([Tag("aws:x", "1")], [Tag("x", "1"), Tag("x", "2")]):
        with pytest.raises(InvalidInput):
            iam_tags.merge(kind, (), new)
    with pytest.raises(InvalidInput):
        iam_tags.remove(kind, (), ["AWS:x"])
