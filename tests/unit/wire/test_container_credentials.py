"""Addresses of roles, and what sessions are called that come by one."""

from __future__ import annotations

import pytest

from strongroom.wire.container_credentials import address_of, session_name

ROLE = "arn:aws:iam::123456789012:role/"


@pytest.mark.parametrize(
    ("role_arn", "address"),
    [
        (f"{ROLE}web", "/v1/credentials/123456789012/web"),
        (f"{ROLE}apps/web", "/v1/credentials/123456789012/apps/web"),
        (f"{ROLE}w+=,.@-b", "/v1/credentials/123456789012/w+=,.@-b"),
        (f"{ROLE}a?b/#c/web", "/v1/credentials/123456789012/a%3Fb/%23c/web"),
    ],
)
def test_a_role_has_an_address(role_arn: str, address: str):
    assert address_of(role_arn) == address


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:iam::123456789012:user/ana",
        "arn:aws:iam::12345:role/web",
        "arn:aws-cn:iam::123456789012:role/web",
        ROLE,
        f"{ROLE}apps/",
        f"{ROLE}a b",
        f"{ROLE}ä",
        f"{ROLE}a%41",
    ],
)
def test_what_is_no_role_has_none(arn: str):
    assert address_of(arn) is None


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("system:serviceaccount:apps:web", "system-serviceaccount-apps-web"),
        ("repo:o/r:ref:refs/heads/main", "repo-o-r-ref-refs-heads-main"),
        ("ana@example.com", "ana@example.com"),
        ("x", "x-"),
        ("", "--"),
        ("ä" * 100, "-" * 64),
    ],
)
def test_a_session_is_called_after_the_subject(subject: str, name: str):
    assert session_name(subject) == name
