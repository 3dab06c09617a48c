"""What a SecretId names: names, whole ARNs, ARNs without their suffix, and things elsewhere."""

from __future__ import annotations

import re

from support.deployment import VALUE, token
from support.refusals import INVALID_NAME, SECRET_NOT_FOUND, access_denied, refusal

OTHER_ACCOUNT = "999988887777"


def read(deployment, secret_id):
    return deployment.call("GetSecretValue", SecretId=secret_id)["SecretString"]


def test_an_arn_is_the_name_a_hyphen_and_six_alphanumerics(deployment):
    arn = deployment.create("Valid/_+=.@-Name!")
    prefix = f"arn:aws:secretsmanager:{deployment.region}:{deployment.account_id}:secret:Valid/_+=.@-Name!-"
    assert arn.startswith(prefix)
    assert re.fullmatch(r"[A-Za-z0-9]{6}", arn.removeprefix(prefix))


def test_the_partition_follows_the_region(deployment):
    for region, partition in (("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")):
        there = deployment.elsewhere(region=region)
        arn = there.create()
        assert arn.startswith(f"arn:{partition}:secretsmanager:{region}:")
        assert read(there, arn) == VALUE
        assert refusal(there, "GetSecretValue", SecretId=arn.replace(partition, "aws-iso", 1)) == SECRET_NOT_FOUND


def test_an_arn_without_its_suffix_names_the_secret_unless_the_name_itself_ends_like_one(deployment):
    names = {
        "Valid/_+=.@-Name": True,
        "Valid/_+=.@-Name-a1b2": True,
        "Valid/_+=.@-Name-a1b2c3-": True,
        "Valid/_+=.@-Name-a1b2c3d": True,
        "Valid/_+=.@-Name-a1b2c3": False,
        "app-google": False,
    }
    for name, resolves in names.items():
        arn = deployment.create(name, f"value of {name}")
        assert read(deployment, name) == f"value of {name}"
        assert read(deployment, arn) == f"value of {name}"
        partial = arn[:-7]
        if resolves:
            assert read(deployment, partial) == f"value of {name}"
        else:
            assert refusal(deployment, "GetSecretValue", SecretId=partial) == SECRET_NOT_FOUND


def test_an_arn_that_is_wrong_in_any_part_names_nothing(deployment):
    arn = deployment.create("app/db")
    partial = arn[:-7]
    wrong = [
        f"{partial}-AAAAAA",
        partial[:-1],
        f"{partial}-",
        f"{arn}x",
        arn.upper().replace("ARN:AWS:SECRETSMANAGER", "arn:aws:secretsmanager").replace(":SECRET:", ":secret:"),
        arn.replace(deployment.region, "us-east-1"),
        arn.replace(":secretsmanager:", ":ssm:"),
        arn.replace(":secret:", ":parameter:"),
        arn.replace("arn:aws:", "arn:aws-cn:"),
        "arn:aws:secretsmanager",
        f"arn:aws:secretsmanager:{deployment.region}:{deployment.account_id}:secret:",
    ]
    for secret_id in wrong:
        refused = refusal(deployment, "DescribeSecret", SecretId=secret_id)
        assert (secret_id, *refused) == (secret_id, *SECRET_NOT_FOUND)


def test_text_that_neither_a_name_nor_an_arn_may_hold_is_an_invalid_name(deployment):
    arn = deployment.create("app/db")
    for secret_id in (f"{arn}#key", f"{arn} ", "app/db#key", "secret:app/db", "ARN:AWS:x"):
        assert refusal(deployment, "DescribeSecret", SecretId=secret_id) == INVALID_NAME


def test_a_bare_name_is_compared_with_names_only(deployment):
    arn = deployment.create("app/db")
    name_with_suffix = arn.rpartition(":")[2]
    assert refusal(deployment, "GetSecretValue", SecretId=name_with_suffix) == SECRET_NOT_FOUND
    deployment.create(name_with_suffix, "another secret")
    assert read(deployment, name_with_suffix) == "another secret"
    assert read(deployment, arn) == VALUE


def test_case_and_slashes_of_names_count(deployment):
    names = ("app/db", "App/db", "/app/db", "app//db", "app/db/", "app!db")
    for name in names:
        deployment.create(name, f"value of {name}")
    assert [read(deployment, name) for name in names] == [f"value of {name}" for name in names]


def test_the_answer_names_the_secret_whatever_the_request_called_it(deployment):
    arn = deployment.create("app/db")
    calls = {
        "GetSecretValue": {},
        "DescribeSecret": {},
        "ListSecretVersionIds": {},
        "PutSecretValue": {"SecretString": VALUE, "ClientRequestToken": token(1)},
        "UpdateSecret": {},
        "UpdateSecretVersionStage": {"VersionStage": "A", "MoveToVersionId": token(1)},
        "DeleteSecret": {},
        "RestoreSecret": {},
    }
    for operation, members in calls.items():
        answer = deployment.call(operation, SecretId=arn[:-7], **members)
        assert (operation, answer["ARN"], answer["Name"]) == (operation, arn, "app/db")


def test_regions_and_accounts_have_names_of_their_own(deployment):
    other_region = deployment.elsewhere(region="us-east-1")
    other_account = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    arns = {
        one.create("app/db", value) for one, value in ((deployment, "a"), (other_region, "b"), (other_account, "c"))
    }
    assert len(arns) == 3
    assert [read(one, "app/db") for one in (deployment, other_region, other_account)] == ["a", "b", "c"]


def test_an_arn_of_another_region_names_nothing_here(deployment):
    arn = deployment.create("app/db")
    other = deployment.elsewhere(region="us-east-1")
    other.create("app/db", "there")
    assert refusal(other, "GetSecretValue", SecretId=arn) == SECRET_NOT_FOUND
    assert refusal(other, "GetSecretValue", SecretId=arn[:-7]) == SECRET_NOT_FOUND


def test_an_arn_of_another_account_is_denied_and_its_name_means_the_callers_own(deployment):
    arn = deployment.create("app/db")
    stranger = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    assert refusal(stranger, "GetSecretValue", SecretId=arn) == access_denied(OTHER_ACCOUNT, "GetSecretValue", arn)
    assert refusal(stranger, "GetSecretValue", SecretId="app/db") == SECRET_NOT_FOUND
    denied = access_denied(OTHER_ACCOUNT, "DeleteSecret", arn)
    assert refusal(stranger, "DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True) == denied
    assert read(deployment, arn) == VALUE
