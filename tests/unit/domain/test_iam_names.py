"""Names, ARNs and URLs of IAM: what is one, and in which sentence what is none is refused."""

from __future__ import annotations

import pytest

from strongroom.domain import iam_names
from strongroom.domain.identity import IdentityKind
from strongroom.errors import InvalidInput, ValidationException

OWN = "arn:aws:iam::123456789012"
POLICY, PROVIDER = IdentityKind.POLICY, IdentityKind.PROVIDER


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        (POLICY, f"{OWN}:policy/read"),
        (POLICY, f"{OWN}:policy/a/b/read"),
        (POLICY, "arn:aws:iam::aws:policy/service-role/Some"),
        (PROVIDER, f"{OWN}:oidc-provider/oidc.example.com/id/X"),
        (PROVIDER, f"{OWN}:oidc-provider/kubernetes.internal:6443"),
        (IdentityKind.ROLE, f"{OWN}:role/a/deploy"),
    ],
)
def test_an_arn_of_its_kind_is_accepted(kind, arn):
    iam_names.require_arn(kind, arn)


@pytest.mark.parametrize("arn", ["", "read", "arn:aws:iam::policy/read", "urn:aws:iam::123456789012:policy/read"])
def test_what_is_no_arn_cannot_be_parsed(arn):
    with pytest.raises(ValidationException, match=r"^Invalid ARN:  Could not be parsed!$"):
        iam_names.require_arn(POLICY, arn)


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        (POLICY, f"{OWN}:role/read"),
        (POLICY, f"{OWN}:policy/"),
        (POLICY, f"{OWN}:policy/a/"),
        (POLICY, f"{OWN}:policy/a:b"),
        (POLICY, "arn:aws:iam:eu-central-1:123456789012:policy/read"),
        (POLICY, "arn:aws:s3::123456789012:policy/read"),
        (POLICY, "arn:aws-cn:iam::123456789012:policy/read"),
        (POLICY, "arn:aws:iam::12345678901:policy/read"),
        (POLICY, "arn:aws:iam::12345678901\u0662:policy/read"),
        (PROVIDER, "arn:aws:iam::aws:oidc-provider/oidc.example.com"),
    ],
)
def test_an_arn_of_something_else_is_not_valid(kind, arn):
    with pytest.raises(InvalidInput) as refusal:
        iam_names.require_arn(kind, arn)
    assert refusal.value.message == f"ARN {arn} is not valid."


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_a_holder_is_a_user_a_group_or_a_role(kind):
    iam_names.require_holder_arn(f"{OWN}:{kind}/a/name")
    with pytest.raises(InvalidInput):
        iam_names.require_holder_arn(f"{OWN}:policy/name")


@pytest.mark.parametrize(
    ("arn", "path"), [(f"{OWN}:policy/read", "/"), (f"{OWN}:policy/a/read", "/a/"), (f"{OWN}:policy/a/b/read", "/a/b/")]
)
def test_the_path_of_a_policy_is_in_its_arn(arn, path):
    assert iam_names.path_of(arn) == path


def test_a_url_with_a_broken_host_is_refused():
    with pytest.raises(ValidationException):
        iam_names.provider_name("https://[::1")
