"""KmsKeyId: which key seals a value, how it is shown, and what happens when it cannot be used."""

from __future__ import annotations

from typing import Any

from strongroom.domain.kms_key import DEFAULT_ALIAS, KeyManager, KeyState
from support.deployment import VALUE, token
from support.kms_keys import change_state, create_key, key_of_version
from support.refusals import SECRET_NOT_FOUND, refusal

OTHER_ACCOUNT = "999988887777"


def described(deployment):
    return deployment.call("DescribeSecret", SecretId="app/db")


def keys_shown(deployment):
    listed = deployment.call("ListSecretVersionIds", SecretId="app/db", IncludeDeprecated=True)["Versions"]
    return {int(version["VersionId"][:8]): version["KmsKeyIds"] for version in listed}


def update(deployment, **members: Any):
    return deployment.call("UpdateSecret", SecretId="app/db", **members)


def default_key_arn(deployment):
    storage, account, region = deployment.node.storage, deployment.account_id, deployment.region
    key_id = storage.read(lambda tx: tx.find_kms_alias(account, region, DEFAULT_ALIAS))
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


def cannot_encrypt(text, code):
    wrapped = f"{text} (Service: AWSKMS; Status Code: 400; Error Code: {code})"
    return "EncryptionFailure", f"Secrets Manager can't encrypt the secret value: {wrapped}"


def cannot_decrypt(text, code):
    wrapped = f"{text} (Service: AWSKMS; Status Code: 400; Error Code: {code})"
    return "DecryptionFailure", f"Secrets Manager can't decrypt the secret value: {wrapped}"


def test_the_default_key_is_not_shown_unless_it_was_named(deployment):
    arn = deployment.create("app/db")
    assert "KmsKeyId" not in described(deployment)
    assert "KmsKeyId" not in deployment.call("ListSecrets")["SecretList"][0]
    assert keys_shown(deployment) == {1: ["DefaultEncryptionKey"]}
    named = deployment.create("named", KmsKeyId=DEFAULT_ALIAS)
    assert deployment.call("DescribeSecret", SecretId="named")["KmsKeyId"] == "alias/aws/secretsmanager"
    default = default_key_arn(deployment)
    assert key_of_version(deployment, arn, token(1)) == key_of_version(deployment, named, token(1)) == default


def test_a_customer_key_is_shown_as_the_caller_named_it(deployment):
    key = create_key(deployment, "alias/app")
    alias_arn = key.arn.replace(f"key/{key.key_id}", "alias/app")
    for number, named in enumerate((key.key_id, key.arn, "alias/app", alias_arn)):
        arn = deployment.create(f"s{number}", KmsKeyId=named)
        assert deployment.call("DescribeSecret", SecretId=arn)["KmsKeyId"] == named
        assert deployment.call("ListSecrets")["SecretList"][number]["KmsKeyId"] == named
        versions = deployment.call("ListSecretVersionIds", SecretId=arn)["Versions"]
        assert versions[0]["KmsKeyIds"] == [named]
        assert key_of_version(deployment, arn, token(1)) == key.arn
        assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE


def test_an_empty_key_at_creation_is_the_default_key(deployment):
    deployment.create(KmsKeyId="")
    assert "KmsKeyId" not in described(deployment)


def test_an_empty_key_in_an_update_returns_to_the_default_key(deployment):
    key = create_key(deployment)
    arn = deployment.create(KmsKeyId=key.key_id)
    answer = update(deployment, KmsKeyId="")
    assert answer == {"ARN": arn, "Name": "app/db"}
    assert "KmsKeyId" not in described(deployment)
    assert key_of_version(deployment, arn, token(1)) == default_key_arn(deployment)
    assert keys_shown(deployment) == {1: ["DefaultEncryptionKey"]}
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE


def test_a_new_key_reencrypts_the_three_standard_labels_and_no_other_version(deployment):
    arn = deployment.create("app/db", "value 1")
    deployment.put(arn, 2, None, "AWSCURRENT", "K")
    deployment.put(arn, 3)
    deployment.put(arn, 4)
    deployment.put(arn, 5, None, "AWSPENDING")
    deployment.put(arn, 6, None, "CUSTOM")
    before = described(deployment)
    key = create_key(deployment)
    assert "VersionId" not in update(deployment, KmsKeyId=key.key_id)
    default = default_key_arn(deployment)
    sealed_by = {number: key_of_version(deployment, arn, token(number)) for number in range(1, 7)}
    assert sealed_by == {1: default, 2: default, 3: key.arn, 4: key.arn, 5: key.arn, 6: default}
    shown = ["DefaultEncryptionKey"]
    assert keys_shown(deployment) == {1: shown, 2: shown, 3: [key.key_id], 4: [key.key_id], 5: [key.key_id], 6: shown}
    for number in range(1, 7):
        read = deployment.call("GetSecretValue", SecretId=arn, VersionId=token(number))
        assert read["SecretString"] == f"value {number}"
    assert described(deployment)["VersionIdsToStages"] == before["VersionIdsToStages"]
    deployment.put(arn, 7)
    assert key_of_version(deployment, arn, token(7)) == key.arn


def test_a_new_key_and_a_new_value_in_one_update(deployment):
    arn = deployment.create("app/db", "one")
    key = create_key(deployment)
    answer = update(deployment, KmsKeyId=key.arn, SecretString="two", ClientRequestToken=token(2))
    assert answer["VersionId"] == token(2)
    assert key_of_version(deployment, arn, token(2)) == key_of_version(deployment, arn, token(1)) == key.arn
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "two"
    assert deployment.call("GetSecretValue", SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == "one"


def test_a_key_that_does_not_exist_is_an_encryption_failure_in_kms_own_words(deployment):
    prefix = f"arn:aws:kms:{deployment.region}:{deployment.account_id}"
    key_id = "11111111-2222-3333-4444-555555555555"
    deployment.create("app/db")
    before = described(deployment)
    for named, text in (
        (key_id, f"Key '{prefix}:key/{key_id}' does not exist"),
        (f"{prefix}:key/{key_id}", f"Key '{prefix}:key/{key_id}' does not exist"),
        ("alias/absent", f"Alias {prefix}:alias/absent is not found."),
        (f"{prefix}:alias/absent", f"Alias {prefix}:alias/absent is not found."),
    ):
        refused = cannot_encrypt(text, "NotFoundException")
        assert refusal(deployment, "CreateSecret", Name="new", KmsKeyId=named) == refused
        assert refusal(deployment, "UpdateSecret", SecretId="app/db", KmsKeyId=named) == refused
    assert refusal(deployment, "DescribeSecret", SecretId="new") == SECRET_NOT_FOUND
    assert described(deployment) == before


def test_an_arn_of_another_region_or_no_key_at_all_is_refused(deployment):
    key = create_key(deployment)
    elsewhere = key.arn.replace(deployment.region, "us-east-1")
    for named, shown in ((elsewhere, "us-east-1"), ("not a key!", "not a key!"), ("arn:aws:s3:::b", "arn:aws:s3:::b")):
        text = f"The operation failed because of an invalid KMS key: Invalid arn {shown}"
        refused = refusal(deployment, "CreateSecret", Name="new", KmsKeyId=named)
        assert refused == ("InvalidParameterException", text)


def test_a_key_of_another_account_is_denied(deployment):
    key = create_key(deployment.elsewhere(account_id=OTHER_ACCOUNT), "alias/theirs")
    deployment.create("app/db")
    denied = ("AccessDeniedException", "Access to KMS is not allowed")
    for named in (key.arn, key.arn.replace(f"key/{key.key_id}", "alias/theirs"), key.arn[:-1]):
        assert refusal(deployment, "CreateSecret", Name="new", KmsKeyId=named) == denied
        assert refusal(deployment, "UpdateSecret", SecretId="app/db", KmsKeyId=named) == denied


def test_a_key_that_is_not_enabled_fails_writes_and_reads(deployment):
    key = create_key(deployment)
    deployment.create(KmsKeyId=key.key_id)
    put = {"SecretId": "app/db", "SecretString": "v", "ClientRequestToken": token(2)}
    for state, text, code in (
        (KeyState.DISABLED, f"{key.arn} is disabled.", "DisabledException"),
        (KeyState.PENDING_DELETION, f"{key.arn} is pending deletion.", "KMSInvalidStateException"),
    ):
        change_state(deployment, key, state)
        assert refusal(deployment, "PutSecretValue", **put) == cannot_encrypt(text, code)
        assert refusal(deployment, "UpdateSecret", **put) == cannot_encrypt(text, code)
        assert refusal(deployment, "CreateSecret", Name="new", KmsKeyId=key.arn) == cannot_encrypt(text, code)
        assert refusal(deployment, "GetSecretValue", SecretId="app/db") == cannot_decrypt(text, code)
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}
    assert "LastAccessedDate" not in described(deployment)
    change_state(deployment, key, KeyState.ENABLED)
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE
    deployment.call("PutSecretValue", **put)


def test_what_needs_no_key_works_while_it_is_disabled(deployment):
    key = create_key(deployment)
    deployment.create(KmsKeyId=key.key_id)
    deployment.put("app/db", 2)
    change_state(deployment, key, KeyState.DISABLED)
    update(deployment, Description="d")
    move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": token(1), "RemoveFromVersionId": token(2)}
    deployment.call("UpdateSecretVersionStage", SecretId="app/db", **move)
    deployment.call("TagResource", SecretId="app/db", Tags=[{"Key": "a", "Value": "b"}])
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert deployment.run_jobs() == 1


def test_versions_under_an_older_key_are_read_while_the_newer_one_is_disabled(deployment):
    arn = deployment.create("app/db", "one")
    deployment.put(arn, 2, None, "PINNED")
    key = create_key(deployment)
    update(deployment, KmsKeyId=key.key_id)
    change_state(deployment, key, KeyState.DISABLED)
    assert deployment.call("GetSecretValue", SecretId=arn, VersionStage="PINNED")["SecretString"] == "value 2"
    code, _ = refusal(deployment, "GetSecretValue", SecretId=arn)
    assert code == "DecryptionFailure"


def test_each_account_and_region_has_a_default_key_of_its_own(deployment):
    places = (
        deployment,
        deployment.elsewhere(region="us-east-1"),
        deployment.elsewhere(account_id=OTHER_ACCOUNT),
    )
    for place in places:
        place.create()
        place.create("second")
    keys = [
        place.node.storage.read(lambda tx, place=place: tx.list_kms_keys(place.account_id, place.region))
        for place in places
    ]
    assert [len(found) for found in keys] == [1, 1, 1]
    assert all(found[0].manager is KeyManager.AWS for found in keys)
    assert len({found[0].arn for found in keys}) == 3
