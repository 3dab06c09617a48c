"""Every member of every operation, given everything it should not be: signed, sent, and on both databases.

The members come from the wire types, so a new operation is fuzzed from the day it is in the table. Whatever
is sent, the answer is a success or an error in AWS's form, never a failure of the server; and what was
refused has changed nothing.
"""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import inspect as wire_types

from strongroom.operations import OPERATIONS
from strongroom.operations.base import REQUIRED
from support.http_wire import Answer, Connection, ConnectionEnded
from support.server import REGION, Server, running
from support.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import PrivatePostgres

TOKEN = "f0000000-0000-4000-8000-000000000000"
DEEP = 100_000
DEEP_IN_MEMBERS = 5_000

WRONG_TYPES = (
    *("null", "true", "false", "0", "-1", "1", "7", "30", "1.5", "1e3", "-0", "1e400", "-1e400", "1" * 30, "9" * 5_000),
    *('""', '"x"', '"true"', '"7"', "[]", "[null]", "[[]]", "[{}]", "[1]", '[""]', '["x"]', '["x", 1]', "{}"),
    *('{"a": 1}', '{"Key": "a"}', '[{"Key": 1}]', '[{"Key": null}]', '[{"Key": "a", "Value": {}}]'),
)
NOT_JSON = (
    *("", "NaN", "-Infinity", "01", "+1", ".5", "nul", "'x'", '"x', '"\x01"', '"\\x"', "[1,]", "[", "{", "]", "/**/1"),
    *(r'"\ud800"', r'"\udc00"', r'"\udfff\ud800"', r'"\ud800x"', r'["\ud83d"]', r'{"Key": "\ud800"}'),
)
STRANGE_TEXTS = (
    *("\0", "a\0b", "\x01", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "🔑", "é", "e\u0301"),
    *(" ", "  a  ", "\n", "\t", "\u202eabc", "ǅ", "İ", "ß" * 300, "%s%n%d", "%00", "{0}", "${a}", "${jndi:ldap://a}"),
    *("'; DROP TABLE secrets; --", '"', "\\", "\\u0000", "%", "_", "*", "[a-z]*", "(" * 50, "(a+)+$", "!", "!!", "-"),
    *("../../../etc/passwd", "..", ".", "/", "//", "<b>", "a" * 31, "a" * 32, "a" * 64, "a" * 65, "a" * 257, "a" * 513),
    *("arn:", "arn:aws", "arn:aws:secretsmanager", "arn:aws:secretsmanager:::secret:", "arn:" + ":" * 50, "arn:\0"),
    *("arn:aws:secretsmanager:eu-central-1:123456789012:secret:", "arn:aws:s3:::a", "arn:aws:kms:a:b:key/c", "alias/"),
    *("arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-123456", "arn:aws:secretsmanager:\u0661:1:secret:a"),
    *("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "name", "asc", "aws:tag", "1h", "rate(1 day)", "eu-central-1"),
    *("YQ==", "YQ", "YQ===", "====", "_-8=", "YW\nJj", "QUJD" * 22_000),
)
HUGE_TEXTS = ("x" * 70_000, "é" * 40_000, "\0" * 11_000, "🔑" * 20_000)
BOMBS = (
    "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
    "[" * DEEP,
    '[{"Key":' * DEEP,
    "[" * 900 + "]" * 900,
)


def raw_values(kind: wire_types.Type) -> Iterator[str]:
    """Yield JSON, and what is not, as it is put behind the name of a member of this type."""
    yield from WRONG_TYPES
    yield from NOT_JSON
    if isinstance(kind, (wire_types.BoolType, wire_types.IntType)):
        return
    is_list = isinstance(kind, wire_types.ListType)
    for text in STRANGE_TEXTS:
        yield json.dumps([text] if is_list else text, ensure_ascii=False).replace("\x7f", r"\u007f")
    yield from (json.dumps(text) for text in HUGE_TEXTS)
    yield from BOMBS
    if is_list:
        yield json.dumps(["x"] * 5_000)
        yield json.dumps([{"Key": "name", "Value": "a", "Values": ["a"]}] * 60)


def places(operation: str) -> Iterator[tuple[str, str, wire_types.Type]]:
    """Yield each member with a template, JSON with %s where the value goes, and the value's type."""
    for field in wire_types.type_info(OPERATIONS[operation].request).fields:
        kind = unwrapped(field.type)
        yield field.encode_name, "%s", kind
        if isinstance(kind, wire_types.ListType) and isinstance(kind.item_type, wire_types.StructType):
            for inner in kind.item_type.fields:
                yield field.encode_name, f'[{{"{inner.encode_name}": %s}}]', unwrapped(inner.type)


def unwrapped(kind: wire_types.Type) -> wire_types.Type:
    """Return the type below `Annotated` and `| None`."""
    if isinstance(kind, wire_types.Metadata):
        return unwrapped(kind.type)
    if isinstance(kind, wire_types.UnionType):
        (kind,) = (part for part in kind.types if not isinstance(part, wire_types.NoneType))
        return unwrapped(kind)
    return kind


class Target:
    """A server, a connection that is kept as long as the server keeps it, and what can be seen from outside."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.signer = Signer(*server.credentials, host=f"127.0.0.1:{server.port}", region=REGION)
        self.client = server.client()
        self._connection: Connection | None = None

    def send(self, operation: str | None, body: bytes) -> Answer:
        """Return the answer, having checked its form; one that is a failure of the server fails the test."""
        message = self.signer.message(operation, body)
        try:
            answer = self._exchange(message)
        except ConnectionEnded:  # it was closed between two requests
            answer = self._exchange(message)
        assert answer.require_aws_form().status in (200, 400, 413), (operation, body[:500], answer)
        if answer.headers.get("connection") == "close":
            self.hang_up()
        return answer

    def _exchange(self, message: bytes) -> Answer:
        if self._connection is None:
            self._connection = Connection(self.server.port)
        try:
            self._connection.send(message)
            return self._connection.receive()
        except (ConnectionEnded, TimeoutError):
            self.hang_up()
            raise

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def state(self) -> list[dict[str, Any]]:
        """Return what can be listed of every secret that is not on its way out."""
        pages = self.client.get_paginator("list_secrets").paginate(SortBy="name")
        secrets = [secret for page in pages for secret in page["SecretList"]]
        return [{name: value for name, value in secret.items() if name != "LastAccessedDate"} for secret in secrets]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory: Path = tmp_path_factory.mktemp("server")
    arguments: tuple[str, ...] = ()
    if request.param == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        postgres.create_database("fuzz")
        arguments = ("--database", postgres.url("fuzz"))
    with running(directory, *arguments) as server:
        one = Target(server)
        yield one
        one.hang_up()
    if arguments:
        postgres.drop_database("fuzz")


_numbers = itertools.count(1)

USUAL: dict[str, Any] = {
    "Name": "to be replaced",
    "SecretId": "to be replaced",
    "ClientRequestToken": TOKEN,
    "SecretString": "value",
    "Tags": [{"Key": "a", "Value": "b"}],
    "TagKeys": ["a"],
    "VersionStage": "AWSCURRENT",
    "SecretIdList": ["to be replaced"],
    "AddReplicaRegions": [{"Region": "us-west-2"}],
    "RemoveReplicaRegions": ["us-west-2"],
    "ResourcePolicy": json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"AWS": "123456789012"},
                "Action": "secretsmanager:DescribeSecret",
                "Resource": "*",
            },
        }
    ),
    "CrossAccountReplicaARN": "arn:aws:secretsmanager:eu-central-1:999988887777:secret:x-a1b2c3",
}
"""Members that make a request of an operation do something; those it does not have are left out."""


LEFT_OUT = {"GetSecretValue": ("VersionStage",), "CreateSecret": ("AddReplicaRegions",)}
"""Members of `USUAL` without which an operation does more."""

REFUSED = {
    "UpdateSecretVersionStage": "InvalidParameterException",
    "RemoveRegionsFromReplication": "InvalidParameterException",
    "StopReplicationToReplica": "InvalidParameterException",
    "AssociateCrossAccountReplica": "InvalidParameterException",
    "DisassociateCrossAccountReplica": "InvalidParameterException",
    "RotateSecret": "InvalidRequestException",
    "CancelRotateSecret": "InvalidRequestException",
}
"""Operations that need more than one secret of their own, and how they refuse it: in the handler."""


def usual_members(operation: str, name: str) -> dict[str, str]:
    """Return a request that would succeed, as JSON by member."""
    request = OPERATIONS[operation].request
    names = {field.encode_name for field in msgspec.structs.fields(request)}
    members = {member: value for member, value in USUAL.items() if member in names}
    members |= dict.fromkeys(("Name", "SecretId") & members.keys(), name)
    if "SecretIdList" in members:
        members["SecretIdList"] = [name]
    for member in LEFT_OUT.get(operation, ()):
        members.pop(member)
    return {member: json.dumps(value) for member, value in members.items()}


def render(members: dict[str, str]) -> bytes:
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}").encode()


def requests_of(operation: str, secret: str) -> Iterator[bytes]:
    """Yield a request for each value at each place; CreateSecret gets a name of its own each time."""
    for member, template, kind in places(operation):
        for value in raw_values(kind):
            name = f"new/{next(_numbers)}" if operation == "CreateSecret" else secret
            members = usual_members(operation, name)
            if member == "SecretBinary":
                members.pop("SecretString")
            yield render(members | {member: template % value})


def test_the_usual_request_of_every_operation_succeeds(target: Target):
    """Or else the fuzz below would never reach a handler."""
    for operation in OPERATIONS:
        name = f"usual/{operation}"
        if operation != "CreateSecret":
            target.client.create_secret(Name=name, SecretString="first")
        answer = target.send(operation, render(usual_members(operation, name)))
        if operation in REFUSED:
            assert answer.code == REFUSED[operation], (operation, answer)
        else:
            assert answer.status == 200, (operation, answer)


def test_every_required_member_is_among_the_usual_ones():
    for operation in OPERATIONS.values():
        required = {f.encode_name for f in msgspec.structs.fields(operation.request) if f.default is REQUIRED}
        assert required <= USUAL.keys(), operation.name


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_a_member_holds_the_answer_is_aws_and_refusals_change_nothing(target: Target, operation: str):
    secret = f"fuzz/{operation}"
    target.client.create_secret(Name=secret, SecretString="first")
    refused = [body for body in requests_of(operation, secret) if target.send(operation, body).status != 200]
    assert refused
    if not OPERATIONS[operation].mutates:
        return
    # What was refused stood between successes: it is sent again until there is a round of refusals alone.
    bodies = [body for body in refused if len(body) < 10_000]
    while True:
        before = target.state()
        refused = [body for body in bodies if target.send(operation, body).status != 200]
        if refused == bodies:
            break
        bodies = refused
    assert target.state() == before


@pytest.mark.parametrize("seed", range(3))
def test_bodies_with_bytes_changed_are_answered_in_form(target: Target, seed: int):
    chance = random.Random(seed)
    name = f"bytes/{seed}"
    target.client.create_secret(Name=name, SecretString="first")
    for operation in OPERATIONS:
        whole = render(usual_members(operation, name))
        for _ in range(15):
            body = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(body) or 1)
                match chance.randrange(4):
                    case 0:
                        body[at : at + 1] = bytes([chance.randrange(256)])
                    case 1:
                        del body[at : at + chance.randint(1, 10)]
                    case 2:
                        body[at:at] = chance.choice(
                            [b'"', b"{", b"}", b"[", b",", b":", b"\\", b"\0", b"\xff", b"\\u0000"]
                        )
                    case _:
                        body[at:at] = body[: chance.randint(1, 30)]
            target.send(operation, bytes(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        '{"SecretId": "a"}'.encode("utf-16"),
        b" " * 1_000_000,
        b"{" + b'"a":1,' * 150_000 + b'"b":1}',
        b'{"' + b"a" * 1_000_000 + b'":1}',
        b'{"SecretId":' * DEEP,
        b'{"SecretId":"a",' * 60_000,
        b'{"Unknown":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
        b'{"Filters": [' + b'{"Key":"x"},' * 80_000 + b"{}]}",
        b'{"Tags": [' + b'{"Key":""},' * 80_000 + b"{}]}",
        b'{"SecretId": "a", "Tags": [' + b"{}," * 300_000 + b"{}]}",
        b'{"SecretId": "a", "TagKeys": [' + b'"a",' * 200_000 + b'"a"]}',
        b'{"Filters": [{"Key": "all", "Values": ["' + b"a " * 250 + b'"]}]}',
        b"x" * 1_048_577,
    ],
    ids=lambda body: f"{body[:12]!r} of {len(body)}",
)
def test_bodies_of_the_worst_kind_are_answered_soon_and_in_short(target: Target, body: bytes):
    for operation in OPERATIONS:
        assert len(target.send(operation, body).body) < 100_000


def test_targets_of_every_kind_are_answered_in_form(target: Target):
    for operation in (None, "", "Nonsense", "Get", "getsecretvalue", "a" * 4_000, "RotateSecrets", "\t", "..", "%s"):
        assert target.send(operation, b"{}").code == "UnknownOperationException"


def test_the_server_still_serves_and_its_log_tells_of_no_failure(target: Target):
    """Runs last on each database."""
    target.client.create_secret(Name="still-here", SecretString="value")
    assert target.client.get_secret_value(SecretId="still-here")["SecretString"] == "value"
    log = target.server.log.read_text()
    for word in ("Traceback", "Exception", "ERROR", "never retrieved", "never awaited"):
        assert word not in log, log[-4_000:]
    assert target.server.command("audit", "verify").returncode == 0
