"""The AWS SDK for JavaScript: raw UTF-8, one connection for many requests, a clock that corrects itself."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.server import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.node import JavaScriptClient
    from support.server import Server

PRELUDE = """
import * as sdk from "@aws-sdk/client-secrets-manager";
import http from "node:http";

const name = process.argv.at(-1);
const client = new sdk.SecretsManagerClient({ maxAttempts: 3 });
const call = (operation, members) => client.send(new sdk[operation + "Command"](members));
const answer = (value) => console.log(JSON.stringify(value));
"""


@pytest.fixture(scope="module")
def run(server: Server, javascript_client: JavaScriptClient) -> Callable[..., Any]:
    """Run a program with a client ready made, and return what it answered."""

    def run(program: str, name: str = "") -> Any:
        key, secret = server.credentials
        done = javascript_client.run(
            PRELUDE + program,
            name,
            AWS_ENDPOINT_URL_SECRETS_MANAGER=server.url,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=key,
            AWS_SECRET_ACCESS_KEY=secret,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def name() -> str:
    return f"javascript/{uuid.uuid4()}"


def test_the_life_of_a_secret(run: Callable[..., Any], name: str):
    seen = run(
        """
        const created = await call("CreateSecret", { Name: name, SecretString: "first" });
        const put = await call("PutSecretValue", { SecretId: name, SecretString: "second" });
        const read = await call("GetSecretValue", { SecretId: created.ARN });
        const before = await call("GetSecretValue", { SecretId: name, VersionStage: "AWSPREVIOUS" });
        const described = await call("DescribeSecret", { SecretId: name });
        const deleted = await call("DeleteSecret", { SecretId: name, RecoveryWindowInDays: 7 });
        await call("RestoreSecret", { SecretId: name });
        const tagged = await call("TagResource", { SecretId: name, Tags: [{ Key: "a", Value: "b" }] });
        answer({
          sameVersion: put.VersionId === read.VersionId,
          values: [before.SecretString, read.SecretString],
          stages: described.VersionIdsToStages[created.VersionId],
          dates: [described.CreatedDate instanceof Date, deleted.DeletionDate > new Date()],
          requestId: created.$metadata.requestId,
          tagged: Object.keys(tagged),
        });
        """,
        name,
    )
    assert len(seen.pop("requestId")) == 36
    assert seen == {
        "sameVersion": True,
        "values": ["first", "second"],
        "stages": ["AWSPREVIOUS"],
        "dates": [True, True],
        "tagged": ["$metadata"],
    }


def test_text_goes_as_raw_utf_8_and_comes_back(run: Callable[..., Any], name: str):
    seen = run(
        r"""
        const value = "pässwörd 密码 🔑 \u0000\u2028 \"quoted\" \\ \n";
        await call("CreateSecret", { Name: name, SecretString: value, Description: value.replaceAll("\0", "") });
        const read = await call("GetSecretValue", { SecretId: name });
        const described = await call("DescribeSecret", { SecretId: name });
        answer([read.SecretString === value, described.Description]);
        """,
        name,
    )
    assert seen == [True, 'pässwörd 密码 🔑 \u2028 "quoted" \\ \n']


def test_bytes_come_back_as_they_went(run: Callable[..., Any], name: str):
    seen = run(
        """
        const value = Uint8Array.from({ length: 65536 }, (_, index) => index % 256);
        await call("CreateSecret", { Name: name, SecretBinary: value });
        const read = await call("GetSecretValue", { SecretId: name });
        answer([read.SecretBinary.length, Buffer.from(read.SecretBinary).equals(Buffer.from(value))]);
        """,
        name,
    )
    assert seen == [65_536, True]


def test_errors_have_their_names_and_messages(run: Callable[..., Any], name: str):
    seen = run(
        """
        const refused = async (operation, members) => {
          try {
            await call(operation, members);
          } catch (error) {
            const status = error.$metadata.httpStatusCode;
            return [error.name, error.message, status, error instanceof sdk.SecretsManagerServiceException];
          }
        };
        answer([
          await refused("GetSecretValue", { SecretId: name }),
          await refused("CreateSecret", { Name: "not a name" }),
          await refused("CreateSecret", { Name: name, SecretString: "" }),
        ]);
        """,
        name,
    )
    assert seen == [
        ["ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400, True],
        [
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            400,
            True,
        ],
        [
            "ValidationException",
            (
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
            400,
            True,
        ],
    ]


def test_secrets_are_listed_page_by_page(run: Callable[..., Any], name: str):
    seen = run(
        """
        for (const suffix of ["a", "b", "c"]) await call("CreateSecret", { Name: `${name}/${suffix}` });
        const found = [];
        const filters = { Filters: [{ Key: "name", Values: [`${name}/`] }], SortBy: "name" };
        for await (const page of sdk.paginateListSecrets({ client, pageSize: 2 }, filters)) {
          found.push(page.SecretList.map((secret) => secret.Name.slice(-1)));
        }
        answer(found);
        """,
        name,
    )
    assert seen == [["a", "b"], ["c"]]


def test_one_connection_serves_many_requests_errors_included(run: Callable[..., Any], name: str):
    seen = run(
        """
        const { NodeHttpHandler } = await import("@smithy/node-http-handler");
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        let opened = 0;
        const open = agent.createConnection;
        agent.createConnection = (...args) => (opened++, open.apply(agent, args));
        const steady = new sdk.SecretsManagerClient({ requestHandler: new NodeHttpHandler({ httpAgent: agent }) });
        for (let count = 0; count < 10; count++) {
          await steady.send(new sdk.ListSecretsCommand({}));
          await steady.send(new sdk.DescribeSecretCommand({ SecretId: name })).catch(() => {});
        }
        answer(opened);
        agent.destroy();
        """,
        name,
    )
    assert seen == 1


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_corrects_itself_by_the_date_of_the_answer(run: Callable[..., Any], minutes: int):
    seen = run(
        f"""
        const skew = {minutes} * 60_000;
        const RealDate = Date;
        globalThis.Date = class extends RealDate {{
          constructor(...parts) {{
            super(...(parts.length ? parts : [RealDate.now() + skew]));
          }}
          static now() {{
            return RealDate.now() + skew;
          }}
        }};
        const first = await call("ListSecrets", {{}});
        const second = await call("ListSecrets", {{}});
        const offset = client.config.systemClockOffset;
        answer([first.$metadata.attempts, second.$metadata.attempts, Math.abs(offset + skew) < 5000]);
        """
    )
    assert seen == [2, 1, True]


def test_requests_at_once_are_all_answered(run: Callable[..., Any], name: str):
    seen = run(
        """
        await call("CreateSecret", { Name: name, SecretString: "0" });
        const puts = Array.from({ length: 20 }, (_, index) =>
          call("PutSecretValue", { SecretId: name, SecretString: String(index) }));
        const versions = new Set((await Promise.all(puts)).map((put) => put.VersionId));
        answer(versions.size);
        """,
        name,
    )
    assert seen == 20
