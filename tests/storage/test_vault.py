"""Rows changed behind the server's back: whatever was moved, cut or flipped, no value comes out.

The whole server runs on each database; an attacker writes to the tables, and the calls are answered
DecryptionFailure, counted and logged, without a byte of any secret.
"""

from __future__ import annotations

import logging

import pytest

from strongroom.domain.kms_key import KeyState
from strongroom.errors import DecryptionFailure, EncryptionFailure, ServiceError
from support.deployment import token
from support.refusals import access_denied, refusal
from support.storages import run_sql

CANARY = "c4nary-value-that-nobody-may-see"
OTHER_CANARY = "0ther-canary-of-equal-lengths-xx"
FIRST = token(1)
REFUSAL = "Secrets Manager can't decrypt the protected secret text using the provided KMS key."
SEALED_COLUMNS = ("kind", "key_arn", "key_version", "wrapped_key", "ciphertext")
BLOBS = ("wrapped_key", "ciphertext")


class Attacker:
    """Someone who may write to the database but holds no key."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def read(self, column, arn, version_id):
        where = "FROM versions WHERE arn = :arn AND version_id = :version_id"
        value = run_sql(self._url, f"SELECT {column} {where}", arn=arn, version_id=version_id)[0][0]
        return bytes(value) if isinstance(value, (bytes, memoryview)) else value

    def write(self, arn, version_id, **columns: object):
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        statement = f"UPDATE versions SET {assignments} WHERE arn = :arn AND version_id = :version_id"
        run_sql(self._url, statement, arn=arn, version_id=version_id, **columns)

    def copy(self, source, target, *columns: str):
        self.write(*target, **{column: self.read(column, *source) for column in columns})

    def run(self, statement, **params: object):
        return run_sql(self._url, statement, **params)


@pytest.fixture
def attacker(deployment):
    config = deployment.config
    return Attacker(config.database or f"sqlite:///{config.database_path}")


@pytest.fixture
def refuses(deployment, caplog):
    """Read the value and demand a DecryptionFailure that is counted, logged and says nothing."""

    def refuse(secret_id, version_id=FIRST, *, place=deployment):
        before = deployment.node.service.metrics.value("tampered_ciphertexts_total")
        caplog.clear()
        with caplog.at_level(logging.DEBUG), pytest.raises(DecryptionFailure) as caught:
            place.call("GetSecretValue", SecretId=secret_id, VersionId=version_id)
        assert str(caught.value) == REFUSAL
        assert deployment.node.service.metrics.value("tampered_ciphertexts_total") == before + 1
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [record.name for record in errors] == ["strongroom.crypto.vault"]
        assert version_id in errors[0].getMessage()
        assert CANARY not in caplog.text
        assert OTHER_CANARY not in caplog.text

    return refuse


def value_of(place, secret_id, version_id=FIRST):
    return place.call("GetSecretValue", SecretId=secret_id, VersionId=version_id)["SecretString"]


@pytest.mark.parametrize("position", [0, 1, 13, 40, -17, -1])
@pytest.mark.parametrize("column", BLOBS)
def test_a_flipped_bit_is_refused(deployment, attacker, refuses, column, position):
    arn = deployment.create(value=CANARY)
    blob = bytearray(attacker.read(column, arn, token(1)))
    blob[position] ^= 0x10
    attacker.write(arn, token(1), **{column: bytes(blob)})
    refuses(arn)


@pytest.mark.parametrize("length", [0, 1, 12, 28, 29, -1])
@pytest.mark.parametrize("column", BLOBS)
def test_a_cut_row_is_refused(deployment, attacker, refuses, column, length):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), **{column: attacker.read(column, arn, token(1))[:length]})
    refuses(arn)


@pytest.mark.parametrize("columns", [*[(name,) for name in BLOBS], BLOBS, SEALED_COLUMNS], ids="+".join)
def test_what_was_sealed_for_another_version_is_refused(deployment, attacker, refuses, columns):
    arn = deployment.create(value=CANARY)
    deployment.put(arn, 2, OTHER_CANARY)
    attacker.copy((arn, token(1)), (arn, token(2)), *columns)
    refuses(arn, token(2))
    assert value_of(deployment, arn) == CANARY


@pytest.mark.parametrize("columns", [*[(name,) for name in BLOBS], BLOBS, SEALED_COLUMNS], ids="+".join)
def test_what_was_sealed_for_another_secret_is_refused(deployment, attacker, refuses, columns):
    one, other = deployment.create("one", CANARY), deployment.create("other", OTHER_CANARY)
    attacker.copy((one, token(1)), (other, token(1)), *columns)
    refuses(other)
    assert value_of(deployment, one) == CANARY


@pytest.mark.parametrize("columns", [BLOBS, SEALED_COLUMNS], ids="+".join)
@pytest.mark.parametrize("where", [{"account_id": "000000000001"}, {"region": "us-east-1"}], ids=["account", "region"])
def test_what_was_sealed_in_another_place_is_refused(deployment, attacker, refuses, where, columns):
    elsewhere = deployment.elsewhere(**where)
    foreign = elsewhere.create("same/name", CANARY)
    own = deployment.create("same/name", OTHER_CANARY)
    attacker.copy((foreign, token(1)), (own, token(1)), *columns)
    refuses(own)
    assert value_of(elsewhere, foreign) == CANARY


def test_a_secret_moved_to_another_account_is_refused(deployment, attacker, refuses):
    arn = deployment.create("moved", CANARY)
    deployment.elsewhere(account_id="000000000001").create("owner/of/a/key", OTHER_CANARY)
    for table in ("secrets", "versions", "stages"):
        attacker.run(f"UPDATE {table} SET account_id = '000000000001' WHERE arn = :arn", arn=arn)
    thief = deployment.elsewhere(account_id="000000000001")
    denied = access_denied("000000000001", "GetSecretValue", "moved")
    assert refusal(thief, "GetSecretValue", SecretId="moved") == denied
    attacker.run(
        "INSERT INTO resource_policies (account_id, region, arn, policy_name, document) "
        "VALUES ('000000000001', :region, :arn, 'default', :document)",
        region=deployment.region,
        arn=arn,
        document='{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}',
    )
    refuses("moved", place=thief)


@pytest.mark.parametrize(
    ("kind", "members"), [("binary", {"SecretString": CANARY}), ("string", {"SecretBinary": b"x"})]
)
def test_text_does_not_turn_into_bytes_nor_bytes_into_text(deployment, attacker, refuses, kind, members):
    arn = deployment.create(value=None)
    deployment.call("PutSecretValue", SecretId=arn, ClientRequestToken=token(1), **members)
    attacker.write(arn, token(1), kind=kind)
    refuses(arn)


@pytest.mark.parametrize("key_version", [0, 2, -1])
def test_a_changed_key_version_is_refused(deployment, attacker, refuses, key_version):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), key_version=key_version)
    refuses(arn)


@pytest.mark.parametrize(
    "key_arn", ["", "garbage!", "alias/aws/secretsmanager", "arn:aws:kms:us-east-1:123456789012:key/none"]
)
def test_a_key_arn_that_the_server_never_wrote_is_refused(deployment, attacker, refuses, key_arn):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), key_arn=key_arn)
    refuses(arn)


def test_a_changed_or_swapped_backing_key_is_refused(deployment, attacker, refuses):
    arn = deployment.create(value=CANARY)
    elsewhere = deployment.elsewhere(region="us-east-1")
    elsewhere.create(value=OTHER_CANARY)
    foreign = attacker.run("SELECT wrapped_key FROM kms_key_versions WHERE region = 'us-east-1'")[0][0]
    attacker.run("UPDATE kms_key_versions SET wrapped_key = :blob WHERE region <> 'us-east-1'", blob=bytes(foreign))
    refuses(arn)
    attacker.run("DELETE FROM kms_key_versions")
    refuses(arn)


def test_a_value_without_its_wrapped_key_is_gone(deployment, attacker, refuses):
    arn = deployment.create(value=CANARY)
    attacker.run("UPDATE versions SET wrapped_key = NULL")
    refuses(arn)


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecret", "CreateSecret"])
def test_a_repeated_write_does_not_tell_whether_it_guessed_a_changed_value(deployment, attacker, operation):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), ciphertext=attacker.read("ciphertext", arn, token(1))[:-1])
    named = {"Name": "app/db"} if operation == "CreateSecret" else {"SecretId": arn}
    for guess in (CANARY, OTHER_CANARY):
        with pytest.raises(DecryptionFailure):
            deployment.call(operation, ClientRequestToken=token(1), SecretString=guess, **named)


def test_a_failure_is_on_the_trail_without_the_value(deployment, attacker, refuses):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), ciphertext=b"\x01" + bytes(60))
    refuses(arn)
    last = deployment.trail()[-1]
    assert (last["eventName"], last["errorCode"]) == ("GetSecretValue", "DecryptionFailure")
    assert CANARY not in str(deployment.trail())


@pytest.mark.parametrize("state", [KeyState.DISABLED, KeyState.PENDING_DELETION])
def test_a_key_that_is_not_enabled_neither_opens_nor_seals_and_counts_no_tampering(deployment, attacker, state):
    arn = deployment.create(value=CANARY)
    attacker.run("UPDATE kms_keys SET state = :state", state=state.value)
    with pytest.raises(DecryptionFailure, match="AWSKMS; Status Code: 400"):
        value_of(deployment, arn)
    with pytest.raises(EncryptionFailure, match="AWSKMS; Status Code: 400"):
        deployment.put(arn, 2)
    assert deployment.node.service.metrics.value("tampered_ciphertexts_total") == 0
    attacker.run("UPDATE kms_keys SET state = 'Enabled'")
    assert value_of(deployment, arn) == CANARY


def test_no_two_versions_share_a_data_key_or_a_nonce(deployment, attacker):
    arn = deployment.create(value=CANARY)
    for number in range(2, 8):
        deployment.put(arn, number, CANARY)
    rows = attacker.run("SELECT wrapped_key, ciphertext FROM versions")
    assert len({bytes(wrapped) for wrapped, _ in rows}) == 7
    assert len({bytes(ciphertext) for _, ciphertext in rows}) == 7


def test_the_plaintext_is_in_no_column(deployment, attacker):
    deployment.create(value=CANARY)
    deployment.call("CreateSecret", Name="bytes", ClientRequestToken=token(2), SecretBinary=CANARY.encode())
    for row in attacker.run("SELECT * FROM versions"):
        for value in row:
            shown = bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
            assert CANARY.encode() not in shown


def test_a_kind_that_does_not_exist_gives_no_value(deployment, attacker):
    arn = deployment.create(value=CANARY)
    attacker.write(arn, token(1), kind="text")
    with pytest.raises((ServiceError, ValueError)) as caught:
        value_of(deployment, arn)
    assert CANARY not in str(caught.value)
