"""Decisions on secrets that have policies; the policies follow the cases of AWS's user guides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain.principal import Principal
from strongroom.errors import AccessDeniedException
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import PrincipalMatch, names_of
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide, judge
from strongroom.policy.document import ACTIONS_KEPT, Policy, PolicyKind, parse_policy
from strongroom.policy.evaluate import Decision, require_allowed

OWNER, PARTNER, STRANGER = "123456789012", "444455556666", "777788889999"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/db-a1b2c3"
GET = "secretsmanager:GetSecretValue"
ROLE = f"arn:aws:iam::{OWNER}:role/service/reader"

LACKS_RESOURCE = f"because no resource-based policy allows the {GET} action"
LACKS_IDENTITY = f"because no identity-based policy allows the {GET} action"
DENIED = "with an explicit deny in a resource-based policy"


def root(account: str = OWNER) -> Principal:
    return Principal("Root", f"arn:aws:iam::{account}:root", account, account, "AKIAEXAMPLE")


def user(name: str = "mary", account: str = OWNER) -> Principal:
    return Principal("IAMUser", f"arn:aws:iam::{account}:user/{name}", "AIDAEXAMPLE", account, "AKIAEXAMPLE")


def session(name: str = "one") -> Principal:
    arn = f"arn:aws:sts::{OWNER}:assumed-role/reader/{name}"
    return Principal("AssumedRole", arn, f"AROAEXAMPLE:{name}", OWNER, "ASIAEXAMPLE")


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    text = json.dumps({"Version": version, "Statement": list(statements)})
    return parse_policy(text, kind=PolicyKind.RESOURCE)


def allow(principal: Any, action: Any = GET, **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **elements}


def deny(principal: Any, action: Any = GET, **elements: Any) -> dict[str, Any]:
    return {**allow(principal, action, **elements), "Effect": "Deny"}


def decision(
    principal: Principal,
    *policies: Policy,
    action: str = GET,
    resource: str = SECRET,
    role_arn: str | None = None,
    **context: Any,
) -> Decision:
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    request = AccessRequest(names_of(principal, role_arn=role_arn), action, resource, Context(keys))
    return decide(request, Policies(resource=policies))


def reason(*arguments: Any, **options: Any) -> str:
    """The end of the denial; empty when allowed."""
    found = decision(*arguments, **options)
    assert found.allowed is not bool(found.reason)
    return found.reason


def test_without_policies_only_the_owner_s_root_is_allowed():
    assert reason(root()) == ""
    assert reason(user()) == LACKS_IDENTITY
    assert reason(root(PARTNER)) == reason(user(account=PARTNER)) == LACKS_RESOURCE


def test_an_action_without_resource_is_one_in_the_caller_s_account():
    assert reason(root(), action="secretsmanager:ListSecrets", resource="*") == ""
    assert reason(user(), resource="*") == LACKS_IDENTITY


@pytest.mark.parametrize("resource", ["", "name", "arn:aws:secretsmanager:us-east-1::secret:x", "arn:aws:s3"])
def test_a_resource_of_no_account_is_not_the_caller_s(resource):
    assert reason(root(), resource=resource) == LACKS_RESOURCE


def test_a_named_user_and_role_may_read_in_their_own_account():
    readers = policy(allow({"AWS": [user().arn, ROLE]}))
    assert reason(user(), readers) == ""
    assert reason(user("john"), readers) == LACKS_IDENTITY
    assert reason(session(), readers, role_arn=ROLE) == ""
    assert reason(session(), readers, role_arn=f"arn:aws:iam::{OWNER}:role/reader") == LACKS_IDENTITY
    assert reason(session(), readers) == LACKS_IDENTITY
    write = "secretsmanager:PutSecretValue"
    assert reason(user(), readers, action=write) == LACKS_IDENTITY.replace(GET, write)


def test_one_session_may_be_named():
    only_one = policy(allow({"AWS": session("one").arn}))
    assert reason(session("one"), only_one, role_arn=ROLE) == ""
    assert reason(session("two"), only_one, role_arn=ROLE) == LACKS_IDENTITY


def test_the_own_account_delegates_only():
    delegating = policy(allow({"AWS": OWNER}, "secretsmanager:*"))
    assert reason(root(), delegating) == ""
    assert reason(user(), delegating) == LACKS_IDENTITY


def test_everyone_includes_the_own_account_s_users():
    assert reason(user(), policy(allow("*"))) == ""


def test_another_account_needs_both_policies():
    shared = policy(allow({"AWS": f"arn:aws:iam::{PARTNER}:root"}))
    assert reason(root(PARTNER), shared) == ""
    assert reason(user(account=PARTNER), shared) == LACKS_IDENTITY
    assert reason(root(STRANGER), shared) == LACKS_RESOURCE
    assert reason(root(PARTNER)) == LACKS_RESOURCE
    named = policy(allow({"AWS": user(account=PARTNER).arn}))
    assert reason(root(PARTNER), named) == LACKS_RESOURCE
    assert reason(user(account=PARTNER), named) == LACKS_IDENTITY
    assert reason(root(STRANGER), policy(allow("*"))) == ""


def test_an_explicit_deny_wins_over_every_allow_the_root_included():
    closed = policy(allow("*", "*"), deny("*", "secretsmanager:GetSecret*"))
    for principal in (root(), user(), root(PARTNER)):
        found = decision(principal, closed)
        assert (found.allowed, found.reason) == (False, DENIED)
        assert found.statement is not None
        assert found.statement.where == "Statement[1]"
    assert reason(root(PARTNER), closed, action="secretsmanager:DescribeSecret") == ""


def test_a_deny_in_any_policy_of_the_secret_counts_and_allows_add_up():
    default, managed = policy(allow({"AWS": PARTNER})), policy(deny({"AWS": PARTNER}, "secretsmanager:DeleteSecret"))
    assert reason(root(PARTNER), default, managed) == ""
    assert reason(root(PARTNER), managed) == LACKS_RESOURCE
    opened = policy(allow({"AWS": PARTNER}, "secretsmanager:*"))
    assert reason(root(PARTNER), opened, managed, action="secretsmanager:DeleteSecret") == DENIED


def test_the_deciding_statement_is_kept_for_operators():
    found = decision(user(), policy(allow({"AWS": OWNER}), allow({"AWS": user().arn}, Sid="mary"), allow("*")))
    assert found.statement is not None
    assert found.statement.sid == "mary"
    assert decision(root()).statement is None


def test_a_deny_of_the_account_denies_all_of_it():
    closed = policy(allow("*"), deny({"AWS": OWNER}))
    assert reason(user(), closed) == DENIED
    assert reason(root(), closed) == DENIED
    assert reason(root(PARTNER), closed) == ""


def test_not_principal_denies_all_others():
    exempt = {"AWS": [OWNER, ROLE, session("one").arn]}
    statement = {**deny(None), "NotPrincipal": exempt}
    del statement["Principal"]
    guarded = policy(allow({"AWS": [ROLE, user().arn]}), statement)
    assert reason(session("one"), guarded, role_arn=ROLE) == ""
    assert reason(session("two"), guarded, role_arn=ROLE) == DENIED
    assert reason(user(), guarded) == DENIED
    assert reason(root(), guarded) == ""
    assert reason(root(PARTNER), guarded) == DENIED


def test_not_action_and_not_resource():
    read_only = {**deny("*"), "NotAction": ["secretsmanager:Get*", "secretsmanager:Describe*"]}
    del read_only["Action"]
    assert reason(root(), policy(read_only)) == ""
    assert reason(root(), policy(read_only), action="secretsmanager:DeleteSecret") == DENIED
    elsewhere = {**deny("*"), "NotResource": f"arn:aws:secretsmanager:*:{OWNER}:secret:prod/*"}
    del elsewhere["Resource"]
    assert reason(root(), policy(elsewhere)) == ""
    assert reason(root(), policy(elsewhere), resource=SECRET.replace("prod", "test")) == DENIED


def test_a_resource_that_cannot_be_told_is_never_granted_and_never_spared():
    unknown = f"arn:aws:secretsmanager:*:{OWNER}:secret:${{aws:PrincipalTag/team}}/*"
    allowed, spared = allow({"AWS": PARTNER}, NotResource=unknown), deny("*", NotResource=unknown)
    del allowed["Resource"], spared["Resource"]
    assert reason(root(PARTNER), policy(allow({"AWS": PARTNER}, Resource=unknown))) == LACKS_RESOURCE
    assert reason(root(PARTNER), policy(allowed)) == LACKS_RESOURCE
    assert reason(root(PARTNER), policy(allowed), **{"aws__PrincipalTag/team": "test"}) == ""
    assert reason(root(PARTNER), policy(allow("*"), spared)) == DENIED
    assert reason(root(PARTNER), policy(allow("*"), spared), **{"aws__PrincipalTag/team": "prod"}) == ""


@pytest.mark.parametrize(
    ("resource", "applies"),
    [
        ("*", True),
        (None, True),
        (SECRET, True),
        (f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/db-??????", True),
        ([f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/*", "arn:aws:s3:::x"], True),
        (f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/db", False),
        (f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/db-x1y2z3", False),
        (f"arn:aws:secretsmanager:eu-west-1:{OWNER}:secret:prod/*", False),
    ],
)
def test_the_resource_element(resource, applies):
    statement = allow({"AWS": PARTNER})
    if resource is None:
        del statement["Resource"]
    else:
        statement["Resource"] = resource
    assert decision(root(PARTNER), policy(statement)).allowed is applies


def test_only_the_current_version_may_be_read():
    """The older user guide's policy; a caller must name the stage (recorded)."""
    condition = {"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    current = policy(allow({"AWS": PARTNER}, Condition=condition))
    assert reason(root(PARTNER), current, secretsmanager__VersionStage="AWSCURRENT") == ""
    assert reason(root(PARTNER), current, secretsmanager__VersionStage="AWSPREVIOUS") == LACKS_RESOURCE
    assert reason(root(PARTNER), current) == LACKS_RESOURCE


def test_all_but_one_vpc_endpoint_are_shut_out():
    guarded = policy(
        allow({"AWS": PARTNER}),
        deny("*", Condition={"StringNotEquals": {"aws:sourceVpce": "vpce-1234abcd"}}),
    )
    assert reason(root(PARTNER), guarded, aws__SourceVpce="vpce-1234abcd") == ""
    assert reason(root(PARTNER), guarded, aws__SourceVpce="vpce-9999abcd") == DENIED
    assert reason(root(PARTNER), guarded) == DENIED  # a caller without an endpoint differs as well
    assert reason(root(), guarded) == DENIED


def test_only_some_addresses_may_be_used():
    guarded = policy(deny("*", "secretsmanager:*", Condition={"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}))
    assert reason(root(), guarded, aws__SourceIp="203.0.113.9") == ""
    assert reason(root(), guarded, aws__SourceIp="198.51.100.9") == DENIED
    assert reason(root(), guarded, aws__SourceIp="not an address") == DENIED
    assert reason(root(), guarded) == DENIED


def test_transport_must_be_secure():
    guarded = policy(deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
    assert reason(root(), guarded, aws__SecureTransport="false") == DENIED
    assert reason(root(), guarded, aws__SecureTransport="true") == ""
    assert reason(root(), guarded) == ""


TEAM = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
OTHER_TEAM = {"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}


@pytest.mark.parametrize(
    ("of_secret", "of_caller", "same"),
    [
        ("blue", "blue", True),
        ("blue", "red", False),
        ("blue", None, False),
        (None, "blue", False),
        ("blue", "*", False),
    ],
)
def test_tags_of_secret_and_caller_are_compared(of_secret, of_caller, same):
    tags = {"aws:ResourceTag/team": of_secret, "aws:PrincipalTag/team": of_caller}
    context = {key.replace(":", "__"): value for key, value in tags.items() if value is not None}
    assert (reason(root(PARTNER), policy(allow({"AWS": PARTNER}, Condition=TEAM)), **context) == "") is same
    guarded = policy(allow({"AWS": PARTNER}), deny("*", Condition=OTHER_TEAM))
    assert (reason(root(PARTNER), guarded, **context) == "") is same


def test_the_older_version_of_the_language_has_no_variables():
    old = policy(allow({"AWS": PARTNER}, Condition=TEAM), version="2008-10-17")
    tags = {"aws__ResourceTag/team": "blue", "aws__PrincipalTag/team": "blue"}
    assert reason(root(PARTNER), old, **tags) == LACKS_RESOURCE
    assert reason(root(PARTNER), old, **{"aws__ResourceTag/team": "${aws:PrincipalTag/team}"}) == ""


def test_a_denial_is_raised_with_the_recorded_sentence():
    """Recorded: a policy with a Deny, and the name as the caller sent it."""
    denied = decision(user(), policy(deny("*")))
    with pytest.raises(AccessDeniedException) as refused:
        require_allowed(denied, user(), action=GET, resource_as_sent="my-example-secret")
    assert refused.value.message == (
        f"User: arn:aws:iam::{OWNER}:user/mary is not authorized to perform: {GET} on resource: "
        "my-example-secret with an explicit deny in a resource-based policy"
    )


def test_a_verdict_tells_how_the_caller_is_named():
    def match(principal: Principal, *statements: dict[str, Any]) -> PrincipalMatch | None:
        request = AccessRequest(names_of(principal, role_arn=ROLE), GET, SECRET, Context({}))
        return judge([policy(*statements)], request).match

    assert match(session(), allow({"AWS": OWNER}), allow({"AWS": ROLE})) is PrincipalMatch.ROLE
    assert match(session(), allow({"AWS": ROLE}), allow({"AWS": session().arn})) is PrincipalMatch.CALLER
    assert match(session(), allow({"AWS": OWNER})) is PrincipalMatch.ACCOUNT
    assert match(session(), allow("*")) is PrincipalMatch.EVERYONE
    assert match(session(), allow({"AWS": PARTNER})) is None
    assert match(session(), allow("*"), deny("*")) is None


def test_a_policy_remembers_its_statements_for_so_many_actions_and_finds_them_for_any():
    reader = policy(allow("*", "secretsmanager:Get*"), deny("*", "*:Delete*"))
    for number in range(2 * ACTIONS_KEPT):
        assert len(reader.statements_on(f"secretsmanager:GetAny{number}")) == 1
    for _ in range(2):
        assert [each.where for each in reader.statements_on(GET)] == ["Statement[0]"]
        assert [each.where for each in reader.statements_on("s3:DELETEObject")] == ["Statement[1]"]
        assert reader.statements_on("s3:GetObject") == ()
    assert len(reader._by_action) == ACTIONS_KEPT
