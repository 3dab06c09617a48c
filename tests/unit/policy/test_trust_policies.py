"""Role trust policies: their documents, and who may assume a role."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyFault, PolicyKind, parse_policy

ACCOUNT, PARTNER = "123456789012", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.com/cluster"
ASSUME, WITH_TOKEN = "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"
ALLOW: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ASSUME}
FEDERATED = {**ALLOW, "Principal": {"Federated": PROVIDER}, "Action": WITH_TOKEN}

TRUST_LACKS = f"because no role trust policy allows the {ASSUME} action"
IDENTITY_LACKS = f"because no identity-based policy allows the {ASSUME} action"


def document(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **elements, "Statement": list(statements)})


def changed(**changes: Any) -> str:
    return document({key: value for key, value in {**ALLOW, **changes}.items() if value is not None})


def trust(*statements: Any, **options: Any) -> Policy:
    return parse_policy(document(*statements), kind=PolicyKind.TRUST, **options)


def refusal(text: str, **options: Any) -> tuple[str | None, str]:
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, kind=PolicyKind.TRUST, **options)
    fault = refused.value.__cause__
    assert isinstance(fault, PolicyFault)
    return refused.value.message, fault.where


@pytest.mark.parametrize("version", [{"Version": "2008-10-17"}, {"Version": "2012-10-17"}, {}])
@pytest.mark.parametrize(
    "action",
    [ASSUME, [ASSUME, "sts:TagSession", "sts:SetSourceIdentity"], "STS:assumerole", WITH_TOKEN, "sts:SetContext"],
)
def test_a_trust_policy_is_of_either_version_and_of_actions_that_assume_a_role(version, action):
    assert parse_policy(json.dumps({**version, "Statement": {**ALLOW, "Action": action}}), kind=PolicyKind.TRUST)


@pytest.mark.parametrize("wrong", ["", "notjson", '{"Statement": [}', "[" * 9_000, " " * 200_000])
def test_what_is_not_json_is_refused(wrong):
    assert refusal(wrong)[0] == "This policy contains invalid Json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "Syntax error in policy."),
        (changed(Extra="x"), "Syntax error in policy."),
        (changed(NotAction=ASSUME), "Syntax error in policy."),
        (changed(Condition={"Unheard": {"a": "b"}}), "Syntax error in policy."),
        (changed(Condition={"IpAddress": {"aws:SourceIp": "x"}}), "Syntax error in policy."),
        (document(ALLOW, Version="2020-01-01"), "The policy must contain a valid version string"),
        (document(), "Could not parse the policy: Statement is empty!"),
        (changed(Effect=None), "Missing required field Effect"),
        (changed(Effect="allow"), "Invalid effect: allow"),
        (changed(Principal=None), "Missing required field Principal"),
        (changed(Principal={}), "Missing required field Principal cannot be empty!"),
        (changed(Principal="*"), "Principal must be a JSON object."),
        (changed(Principal=None, NotPrincipal={"AWS": ACCOUNT}), "Allow with NotPrincipal is not allowed."),
        (
            changed(Effect="Deny", Principal=None, NotPrincipal={"AWS": ACCOUNT}),
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        (changed(Principal={"Other": "x"}), 'Invalid principal in policy: "Other"'),
        (changed(Principal={"AWS": "nobody"}), 'Invalid principal in policy: "AWS":"nobody"'),
        (changed(Principal={"Service": "lambda"}), 'Invalid principal in policy: "SERVICE":"lambda"'),
        (
            changed(Principal={"Federated": "arn:aws:iam//x"}),
            "Federated principals must be valid domain names or SAML metadata ARNs",
        ),
        (changed(Action=None), "Missing required field Action"),
        (changed(Action=[]), "Missing required field Action"),
        (changed(Resource="*"), "Has prohibited field Resource"),
        (changed(NotResource="*"), "AssumeRole policy must not contain resources."),
        (document({**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "a"}), "The Statement Ids in the policy are not unique"),
    ],
)
def test_a_fault_has_iam_s_sentence(text, message):
    assert refusal(text)[0] == message


@pytest.mark.parametrize(
    "action", ["*", "sts:*", "sts:AssumeRole*", "s3:GetObject", "sts:GetFederationToken", "AssumeRole"]
)
def test_other_actions_and_wildcards_are_refused(action):
    sentence = "AssumeRole policy may only specify STS AssumeRole actions."
    assert refusal(changed(Action=action))[0] == sentence
    assert refusal(changed(Action=[ASSUME, action])) == (sentence, "Statement[0].Action[1]")
    assert refusal(changed(Action=None, NotAction=ASSUME))[0] == sentence


@pytest.mark.parametrize(
    ("principal", "message"),
    [
        ({"AWS": f"{ROLE}-gone"}, f'Invalid principal in policy: "AWS":"{ROLE}-gone"'),
        ({"Federated": f"{PROVIDER}-gone"}, f'Invalid principal in policy: "FEDERATED":"{PROVIDER}-gone"'),
    ],
)
def test_a_principal_that_does_not_exist_is_refused(principal, message):
    assert refusal(changed(Principal=principal), exists=lambda name: "gone" not in name)[0] == message


USER = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary", unique_id="AIDAMARY")
PARTNERS_USER = CallerNames(PARTNER, f"arn:aws:iam::{PARTNER}:user/john", unique_id="AIDAJOHN")
SERVICE = CallerNames("", "lambda.amazonaws.com", service="lambda.amazonaws.com")
TOKEN = CallerNames("", "", federated_provider=PROVIDER)


def assumes(*statements: dict[str, Any]) -> Policy:
    return parse_policy(document(*statements), kind=PolicyKind.IDENTITY)


MAY = assumes({"Effect": "Allow", "Action": ASSUME, "Resource": ROLE})
MAY_NOT = assumes({"Effect": "Deny", "Action": "sts:*", "Resource": "*"})


def reason(caller: CallerNames, policy: Policy | None, *identity: Policy, action: str = ASSUME, **context: str) -> str:
    request = AccessRequest(caller, action, ROLE, Context({k.replace("__", ":"): v for k, v in context.items()}))
    resource = [] if policy is None else [policy]
    return decide(request, Policies(identity=identity, resource=resource), union=False).reason


def test_an_identity_policy_alone_assumes_no_role_in_the_own_account_either():
    assert reason(USER, None, MAY) == TRUST_LACKS
    assert reason(USER, trust({**ALLOW, "Principal": {"AWS": PARTNER}}), MAY) == TRUST_LACKS
    assert reason(CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"), None) == TRUST_LACKS


def test_trust_in_the_account_leaves_it_to_identity_policies():
    assert reason(USER, trust(ALLOW)) == IDENTITY_LACKS
    assert reason(USER, trust(ALLOW), MAY) == ""
    assert reason(USER, trust(ALLOW), MAY, MAY_NOT) == "with an explicit deny in an identity-based policy"


def test_trust_in_a_user_of_the_same_account_suffices():
    assert reason(USER, trust({**ALLOW, "Principal": {"AWS": USER.arn}})) == ""


def test_another_account_s_user_needs_both():
    named = trust({**ALLOW, "Principal": {"AWS": PARTNERS_USER.arn}})
    assert reason(PARTNERS_USER, named) == IDENTITY_LACKS
    assert reason(PARTNERS_USER, named, MAY) == ""
    assert reason(PARTNERS_USER, trust(ALLOW), MAY) == TRUST_LACKS


def test_a_deny_of_the_trust_policy_is_told_as_its_own():
    closed = trust(ALLOW, {**ALLOW, "Effect": "Deny", "Principal": {"AWS": "*"}})
    assert reason(USER, closed, MAY) == "with an explicit deny in the role trust policy"


def test_an_external_id_is_a_condition_like_others():
    asked = trust({**ALLOW, "Condition": {"StringEquals": {"sts:ExternalId": "1234"}}})
    assert reason(USER, asked, MAY, sts__ExternalId="1234") == ""
    assert reason(USER, asked, MAY) == TRUST_LACKS


def test_a_token_s_bearer_is_named_by_the_provider_and_by_nothing_else():
    by_token = f"because no role trust policy allows the {WITH_TOKEN} action"
    condition = {"StringEquals": {"id.example.com/cluster:sub": "system:serviceaccount:app:reader"}}
    cluster = trust({**FEDERATED, "Condition": condition})
    of_reader = {"id.example.com/cluster__sub": "system:serviceaccount:app:reader"}
    assert reason(TOKEN, cluster, action=WITH_TOKEN, **of_reader) == ""
    assert reason(TOKEN, cluster, action=WITH_TOKEN) == by_token
    assert reason(TOKEN, cluster, **of_reader) == TRUST_LACKS
    other = CallerNames("", "", federated_provider=f"{PROVIDER}-other")
    assert reason(other, cluster, action=WITH_TOKEN, **of_reader) == by_token
    everyone = {**FEDERATED, "Principal": {"AWS": "*"}}
    assert reason(TOKEN, trust(everyone), action=WITH_TOKEN) == by_token
    closed = trust(FEDERATED, {**everyone, "Effect": "Deny"})
    assert reason(TOKEN, closed, action=WITH_TOKEN) == "with an explicit deny in the role trust policy"


def test_a_service_is_named_by_its_name():
    assert reason(SERVICE, trust({**ALLOW, "Principal": {"Service": "lambda.amazonaws.com"}})) == ""
    assert reason(SERVICE, trust({**ALLOW, "Principal": {"Service": "ec2.amazonaws.com"}})) == TRUST_LACKS


def test_a_session_that_came_by_a_token_is_named_by_its_provider_as_by_its_role():
    session = CallerNames(
        ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one", role_arn=ROLE, federated_provider=PROVIDER
    )
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "s3:*", "Resource": "*"}
    given = parse_policy(document(statement), kind=PolicyKind.RESOURCE)
    request = AccessRequest(session, "s3:GetObject", f"arn:aws:x::{ACCOUNT}:y", Context({}))
    assert decide(request, Policies(resource=[given])).allowed
    silence = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    for kind, limit in ((PolicyKind.SESSION, "session"), (PolicyKind.BOUNDARY, "boundary")):
        silent = parse_policy(document(silence), kind=kind)
        limited = Policies(resource=[given], **{limit: [silent] if limit == "session" else silent})
        assert decide(request, limited).kind is kind
