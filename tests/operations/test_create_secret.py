from __future__ import annotations

import re

from support.deployment import VALUE, token
from support.refusals import (
    BOTH_VALUES,
    INVALID_NAME,
    NAME_SCHEDULED,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    name_taken,
    refusal,
    stage_not_found,
    token_in_use,
)


def test_a_secret_with_a_value_has_one_version_named_by_the_token_and_labelled_current(deployment):
    created = deployment.call("CreateSecret", Name="app/db", SecretString=VALUE, ClientRequestToken=token(1))
    assert created == {"ARN": created["ARN"], "Name": "app/db", "VersionId": token(1)}
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_a_secret_without_a_value_has_no_version(deployment):
    created = deployment.call("CreateSecret", Name="empty")
    assert created == {"ARN": created["ARN"], "Name": "empty"}
    described = deployment.call("DescribeSecret", SecretId="empty")
    assert described.keys() == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    assert deployment.call("ListSecretVersionIds", SecretId="empty", IncludeDeprecated=True)["Versions"] == []
    assert refusal(deployment, "GetSecretValue", SecretId="empty") == stage_not_found("AWSCURRENT")


def test_a_secret_without_a_value_needs_no_token_and_a_token_makes_no_version(deployment):
    created = deployment.call("CreateSecret", Name="empty", ClientRequestToken=token(1))
    assert "VersionId" not in created
    assert deployment.stages("empty") == {}


def test_a_value_needs_a_token(deployment):
    assert refusal(deployment, "CreateSecret", Name="new", SecretString="v") == TOKEN_MISSING
    assert refusal(deployment, "CreateSecret", Name="new", SecretBinary=b"v") == TOKEN_MISSING
    assert refusal(deployment, "DescribeSecret", SecretId="new") == SECRET_NOT_FOUND


def test_any_token_of_the_right_length_becomes_the_version_id_verbatim(deployment):
    for number, chosen in enumerate(
        ("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1", "x" * 32, "Ünïcode and blanks " + "y" * 45)
    ):
        created = deployment.call("CreateSecret", Name=f"s{number}", SecretString="v", ClientRequestToken=chosen)
        assert created["VersionId"] == chosen
        assert deployment.call("GetSecretValue", SecretId=f"s{number}", VersionId=chosen)["SecretString"] == "v"


def test_text_and_bytes_together_are_refused(deployment):
    both = {"SecretString": "v", "SecretBinary": b"v", "ClientRequestToken": token(1)}
    assert refusal(deployment, "CreateSecret", Name="new", **both) == BOTH_VALUES


def test_a_name_with_other_characters_is_refused(deployment):
    for name in ("bad name", "bad*", "a?b", "a]b", "a\\b", "a:b", "ä", "a\n"):
        assert (name, refusal(deployment, "CreateSecret", Name=name)) == (name, INVALID_NAME)


def test_a_name_that_looks_like_an_arn_is_refused(deployment):
    arn = deployment.create("app/db")
    elsewhere = arn.replace(deployment.region, "us-east-1")
    for name in (
        arn,
        arn[:-7],
        f"{arn}-AAAAAA",
        elsewhere,
        arn.replace("1234", "9999"),
        "arn:x",
        "arn:aws:s3:::bucket",
    ):
        assert refusal(deployment, "CreateSecret", Name=name) == INVALID_NAME
    assert len(deployment.call("ListSecrets")["SecretList"]) == 1


def test_a_name_may_have_512_characters_and_the_exclamation_mark(deployment):
    for name in ("n" * 512, "rds!db-1", "-/_+=.@!", "a"):
        deployment.create(name)
        assert deployment.call("DescribeSecret", SecretId=name)["Name"] == name


def test_the_same_token_and_value_repeat_the_first_answer(deployment):
    members = {"Name": "app/db", "SecretString": VALUE, "ClientRequestToken": token(1)}
    first = deployment.call("CreateSecret", **members)
    before = deployment.call("DescribeSecret", SecretId="app/db")
    again = deployment.call("CreateSecret", **members, Description="ignored", Tags=[{"Key": "a", "Value": "b"}])
    assert again == first
    assert deployment.call("DescribeSecret", SecretId="app/db") == before


def test_a_repeated_answer_names_the_replicas_too(deployment):
    members = {"Name": "app/db", "SecretString": "v", "ClientRequestToken": token(1)}
    first = deployment.call("CreateSecret", **members, AddReplicaRegions=[{"Region": "eu-west-1"}])
    again = deployment.call("CreateSecret", **members, AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert again == first
    assert [one["Region"] for one in again["ReplicationStatus"]] == ["eu-west-1"]


def test_the_first_answer_is_repeated_while_its_version_exists(deployment):
    first = deployment.call("CreateSecret", Name="app/db", SecretString=VALUE, ClientRequestToken=token(1))
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    assert deployment.call("CreateSecret", Name="app/db", SecretString=VALUE, ClientRequestToken=token(1)) == first
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}


def test_the_same_token_with_another_value_is_refused(deployment):
    arn = deployment.create("app/db", "v")
    again = {"Name": "app/db", "ClientRequestToken": token(1)}
    assert refusal(deployment, "CreateSecret", **again, SecretString="other") == token_in_use(token(1), arn)
    assert refusal(deployment, "CreateSecret", **again, SecretBinary=b"v") == token_in_use(token(1), arn)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "v"


def test_a_name_in_use_is_refused_to_another_token(deployment):
    deployment.create("app/db")
    again = {"Name": "app/db", "SecretString": VALUE, "ClientRequestToken": token(2)}
    assert refusal(deployment, "CreateSecret", **again) == name_taken("app/db")
    assert refusal(deployment, "CreateSecret", Name="app/db") == name_taken("app/db")
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_a_name_scheduled_for_deletion_is_refused_even_to_a_repetition(deployment):
    deployment.create("app/db")
    deployment.call("DeleteSecret", SecretId="app/db")
    for number in (1, 2):
        again = {"Name": "app/db", "SecretString": VALUE, "ClientRequestToken": token(number)}
        assert refusal(deployment, "CreateSecret", **again) == NAME_SCHEDULED
    assert refusal(deployment, "CreateSecret", Name="app/db") == NAME_SCHEDULED


def test_a_value_is_stored_verbatim(deployment):
    values = ('{"b": 1,  "a": 2}', "  blanks \r\n\t", "é" * 100, "\u0000", "x" * 65_536, "🔑")
    for number, value in enumerate(values):
        deployment.create(f"s{number}", value)
        assert deployment.call("GetSecretValue", SecretId=f"s{number}")["SecretString"] == value


def test_a_text_longer_than_65536_bytes_is_refused_though_its_characters_are_fewer(deployment):
    members = {"Name": "new", "ClientRequestToken": token(1), "SecretString": "é" * 32_769}
    text = (
        "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
        "Member must have length less than or equal to 65536"
    )
    assert refusal(deployment, "CreateSecret", **members) == ("ValidationException", text)
    deployment.create("new", "é" * 32_768)


def test_bytes_are_base64_on_the_wire(deployment):
    deployment.create("binary", None, SecretBinary=b"footest", ClientRequestToken=token(1))
    read = deployment.call("GetSecretValue", SecretId="binary")
    assert read["SecretBinary"] == "Zm9vdGVzdA=="
    assert "SecretString" not in read


def test_what_a_secret_is_created_with_is_described(deployment):
    deployment.create(Description="the database", Tags=[{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": ""}])
    described = deployment.call("DescribeSecret", SecretId="app/db")
    assert described["Description"] == "the database"
    assert described["Tags"] == [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": ""}]


def test_an_empty_description_and_no_tags_are_as_absent(deployment):
    deployment.create(Description="", Tags=[])
    described = deployment.call("DescribeSecret", SecretId="app/db")
    assert described.keys().isdisjoint({"Description", "Tags", "KmsKeyId"})


def test_replicas_are_begun_with_the_secret_and_told_in_the_answer(deployment):
    wanted = [{"Region": "us-east-1"}, {"Region": "us-west-2", "KmsKeyId": "alias/there"}]
    created = deployment.call("CreateSecret", Name="app/db", AddReplicaRegions=wanted)
    assert created.keys() == {"ARN", "Name", "ReplicationStatus"}
    assert created["ReplicationStatus"] == [
        {"Region": "us-east-1", "KmsKeyId": "alias/aws/secretsmanager", "Status": "InProgress"},
        {"Region": "us-west-2", "KmsKeyId": "alias/there", "Status": "InProgress"},
    ]
    assert deployment.call("DescribeSecret", SecretId="app/db")["PrimaryRegion"] == deployment.region


def test_overwriting_without_regions_asks_for_nothing(deployment):
    created = deployment.call("CreateSecret", Name="app/db", ForceOverwriteReplicaSecret=True)
    assert created.keys() == {"ARN", "Name"}
    assert deployment.run_jobs() == 0


def test_a_type_is_described_and_listed_and_an_empty_one_is_none(deployment):
    deployment.create("typed", Type="SalesforceClientSecret")
    deployment.create("untyped", Type="")
    assert deployment.call("DescribeSecret", SecretId="typed")["Type"] == "SalesforceClientSecret"
    assert "Type" not in deployment.call("DescribeSecret", SecretId="untyped")
    listed = {entry["Name"]: entry.get("Type") for entry in deployment.call("ListSecrets")["SecretList"]}
    assert listed == {"typed": "SalesforceClientSecret", "untyped": None}


def test_a_recreated_secret_has_another_suffix_and_the_old_arn_names_nothing(deployment):
    old = deployment.create("app/db", "old")
    deployment.call("DeleteSecret", SecretId=old, ForceDeleteWithoutRecovery=True)
    assert deployment.run_jobs() == 1
    new = deployment.create("app/db", "new")
    assert new != old
    assert re.sub(r"-\w{6}$", "", new) == re.sub(r"-\w{6}$", "", old)
    assert refusal(deployment, "GetSecretValue", SecretId=old) == SECRET_NOT_FOUND
    assert deployment.call("GetSecretValue", SecretId=new)["SecretString"] == "new"
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == "new"


def test_a_refused_creation_leaves_nothing_behind(deployment):
    members = {"Name": "new", "SecretString": "v", "ClientRequestToken": token(1), "KmsKeyId": "alias/absent"}
    code, _ = refusal(deployment, "CreateSecret", **members)
    assert code == "EncryptionFailure"
    assert deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"] == []
