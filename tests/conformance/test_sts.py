"""Workloads without a key on the disk: the ways in which unmodified AWS clients come by temporary credentials."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config as ClientConfig

from support.factories import ACCOUNT_ID
from support.identities import Identities, document, identities_of, statement, trust
from support.issuer import AUDIENCE, SUBJECT, Issuer, TokenIssuer, public_jwk
from support.server import REGION, STRONGROOM, Server, clean_environment, running

if TYPE_CHECKING:
    from support.node import JavaScriptClient
    from support.postgres import PrivatePostgres

AWS = Path(sys.executable).with_name("aws")
SECRET = "app/db"
VALUE = "correct horse battery staple"
READ = statement("secretsmanager:GetSecretValue")
PINNED = TokenIssuer(url="https://pinned.example.com/id/A1", published=[public_jwk()])
READER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/reader"
DISCOVERED_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/apps/discovered"
PINNED_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/pinned"
ONCE = ClientConfig(retries={"total_max_attempts": 1})

_database_numbers = itertools.count(1)


@dataclass
class World:
    """A server, the issuer it may ask, a user with a key, and roles that trust them."""

    server: Server
    issuer: Issuer
    identities: Identities
    key: tuple[str, str] = ("", "")
    folder: Path = field(default_factory=Path)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what configures a client with this server and with no credentials."""
        return clean_environment(AWS_ENDPOINT_URL=self.server.url, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION, **more)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def sts(self, **credentials: str) -> Any:
        key, secret = self.key
        given = {"aws_access_key_id": key, "aws_secret_access_key": secret} | credentials
        return boto3.client("sts", endpoint_url=self.server.url, region_name=REGION, config=ONCE, **given)

    def secrets_manager(self, credentials: dict[str, Any]) -> Any:
        return self.server.client(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with Issuer.start(tmp_path_factory.mktemp("issuer")) as one:
        yield one


@pytest.fixture(scope="module", params=["sqlite", "sqlite with two workers", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[World]:
    arguments = ["--workers", "2" if "workers" in request.param else "1"]
    if request.param == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        name = f"sts_{next(_database_numbers)}"
        postgres.create_database(name)
        arguments = ["--database", postgres.url(name)]
    trusts = {"STRONGROOM_OIDC_CA_FILE": str(issuer.ca_file), "STRONGROOM_OIDC_PRIVATE_ISSUERS": issuer.host}
    folder = tmp_path_factory.mktemp("server")
    with running(folder, *arguments, **trusts) as server, identities_of(server) as identities:
        server.client().create_secret(Name=SECRET, SecretString=VALUE)
        yield _peopled(World(server, issuer, identities, folder=folder))


def _peopled(world: World) -> World:
    made = world.identities
    ana = made.user("ana")
    world.key = made.access_key(ana)
    made.role("reader", [trust(ana.arn, ["sts:AssumeRole", "sts:TagSession"])], READ, max_session_seconds=7_200)
    made.provider(PINNED.provider_url, (AUDIENCE,), PINNED.jwks())
    made.provider(world.issuer.provider_url, (AUDIENCE,))
    for name, path, one in (("pinned", "/", PINNED), ("discovered", "/apps/", world.issuer)):
        subject = {"StringEquals": {f"{one.provider_url}:sub": SUBJECT, f"{one.provider_url}:aud": AUDIENCE}}
        provider = {"Federated": f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{one.provider_url}"}
        made.role(name, [trust(provider, "sts:AssumeRoleWithWebIdentity", Condition=subject)], READ, path=path)
    return world


@pytest.fixture
def client_process(world: World) -> Callable[..., Any]:
    """Read the secret with boto3 in a process that knows of the world only what its environment says."""
    program = (
        "import boto3, json; s = boto3.Session();"
        f"value = s.client('secretsmanager').get_secret_value(SecretId={SECRET!r})['SecretString'];"
        "print(json.dumps([value, s.client('sts').get_caller_identity()['Arn']]))"
    )

    def run(**environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=world.environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def session_arn(role: str, session: str) -> str:
    return f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{session}"


def code_of(error: Any) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


# How clients are configured


def test_a_profile_with_a_role_and_a_source_profile(world: World, client_process: Callable[..., Any]):
    key, secret = world.key
    keys = f"[keys]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    profile = f"[profile reader]\nrole_arn = {READER_ARN}\nsource_profile = keys\nrole_session_name = nightly\n"
    seen = client_process(
        AWS_PROFILE="reader",
        AWS_SHARED_CREDENTIALS_FILE=world.file("credentials", keys),
        AWS_CONFIG_FILE=world.file("config", profile),
    )
    assert seen == [VALUE, session_arn("reader", "nightly")]


@pytest.mark.parametrize("role_arn", [PINNED_ARN, DISCOVERED_ARN])
def test_a_role_and_a_token_in_a_file(world: World, client_process: Callable[..., Any], role_arn: str):
    token = PINNED.token() if role_arn == PINNED_ARN else world.issuer.token()
    seen = client_process(
        AWS_ROLE_ARN=role_arn, AWS_WEB_IDENTITY_TOKEN_FILE=world.file("token", token), AWS_ROLE_SESSION_NAME="web"
    )
    assert seen == [VALUE, session_arn(role_arn.rsplit("/", 1)[-1], "web")]


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_an_address_and_a_token_in_a_file(world: World, client_process: Callable[..., Any], prefix: str):
    seen = client_process(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{world.server.url}/v1/credentials/{ACCOUNT_ID}/apps/discovered",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=world.file("token", prefix + world.issuer.token()),
    )
    assert seen == [VALUE, session_arn("discovered", SUBJECT.replace(":", "-"))]


def test_a_program_that_exchanges_a_token(world: World, client_process: Callable[..., Any]):
    token_file = world.file("token", PINNED.token() + "\n")
    command = [*STRONGROOM, "credential-process", "--endpoint", world.server.url, "--role-arn", PINNED_ARN]
    profile = f"[default]\ncredential_process = {' '.join([*command, '--web-identity-token-file', token_file])}\n"
    seen = client_process(AWS_CONFIG_FILE=world.file("config", profile))
    assert seen == [VALUE, session_arn("pinned", SUBJECT.replace(":", "-"))]


def test_a_program_beside_the_server(world: World, client_process: Callable[..., Any]):
    asked = ["--role", "reader", "--session-name", "operator", "--data-dir", str(world.server.data_dir)]
    command = [*STRONGROOM, "credential-process", *asked, *world.server._database_arguments()]
    profile = f"[default]\ncredential_process = {' '.join(command)}\n"
    seen = client_process(AWS_CONFIG_FILE=world.file("config", profile))
    assert seen == [VALUE, session_arn("reader", "operator")]


def test_javascript_with_a_token_in_a_file(world: World, javascript_client: JavaScriptClient):
    program = f"""
        import * as sdk from "@aws-sdk/client-secrets-manager";
        const client = new sdk.SecretsManagerClient({{}});
        console.log((await client.send(new sdk.GetSecretValueCommand({{ SecretId: "{SECRET}" }}))).SecretString);
    """
    token_file = world.file("token", world.issuer.token())
    shared = {"AWS_ENDPOINT_URL": world.server.url, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    for environment in (
        {"AWS_ROLE_ARN": DISCOVERED_ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": token_file},
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{world.server.url}/v1/credentials/{ACCOUNT_ID}/apps/discovered",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token_file,
        },
    ):
        done = javascript_client.run(program, **shared, **environment)
        assert (done.returncode, done.stdout.strip()) == (0, VALUE), done.stderr


# The AWS CLI


def aws(world: World, *arguments: str) -> Any:
    key, secret = world.key
    done = subprocess.run(
        [sys.executable, AWS, "sts", *arguments],
        env=world.environment(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_cli_asks_who_it_is(world: World):
    seen = aws(world, "get-caller-identity")
    assert (seen["Account"], seen["Arn"]) == (ACCOUNT_ID, f"arn:aws:iam::{ACCOUNT_ID}:user/ana")
    assert seen["UserId"].startswith("AIDA")


def test_the_cli_assumes_a_role_with_all_that_narrows_it(world: World):
    asked = ["--role-arn", READER_ARN, "--role-session-name", "cli", "--duration-seconds", "7200"]
    narrow = document(statement("secretsmanager:DescribeSecret"))
    seen = aws(world, "assume-role", *asked, "--tags", "Key=team,Value=a", "--policy", narrow)
    assert seen["AssumedRoleUser"]["Arn"] == session_arn("reader", "cli")
    assert 0 < seen["PackedPolicySize"] <= 100
    client = world.secrets_manager(seen["Credentials"])
    with pytest.raises(botocore.exceptions.ClientError, match="no session policy allows") as caught:
        client.get_secret_value(SecretId=SECRET)
    assert code_of(caught) == ("AccessDeniedException", 400)


# Proofs, refusals


def test_a_presigned_address_proves_who_signed_it(world: World):
    address = world.sts().generate_presigned_url("get_caller_identity", HttpMethod="GET", ExpiresIn=60)
    with urllib.request.urlopen(address, timeout=10) as response:
        assert f"<Arn>arn:aws:iam::{ACCOUNT_ID}:user/ana</Arn>" in response.read().decode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address.replace("GetCallerIdentity", "GetSessionToken"), timeout=10)
    caught.value.close()
    assert caught.value.code in {400, 403}


def test_errors_are_those_of_the_real_service(world: World):
    sts = world.sts()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/missing", RoleSessionName="work")
    assert code_of(caught) == ("AccessDenied", 403)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sts.assume_role(RoleArn=READER_ARN, RoleSessionName="work", DurationSeconds=7_201)
    assert code_of(caught) == ("ValidationError", 400)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sts.decode_authorization_message(EncodedMessage="x")
    assert code_of(caught) == ("InvalidAction", 400)
    with pytest.raises(sts.exceptions.MalformedPolicyDocumentException):
        sts.assume_role(RoleArn=READER_ARN, RoleSessionName="work", Policy="{}")


def test_tokens_are_refused_as_by_the_real_service(world: World):
    sts = world.sts()

    def assume(token: str) -> Any:
        return sts.assume_role_with_web_identity(RoleArn=DISCOVERED_ARN, RoleSessionName="web", WebIdentityToken=token)

    good = world.issuer.token()
    assert assume(good)["SubjectFromWebIdentityToken"] == SUBJECT
    header, claims, signature = good.split(".")
    for bad in (
        "not.a.token",
        f"{header}.{claims}.{signature[::-1]}",
        world.issuer.token(headers={"kid": "unknown"}),
        world.issuer.token(aud="somebody else"),
        TokenIssuer(url="https://stranger.example.com").token(),
    ):
        with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
            assume(bad)
    with pytest.raises(sts.exceptions.ExpiredTokenException) as expired:
        assume(world.issuer.token(iat=1, nbf=1, exp=2))
    assert code_of(expired) == ("ExpiredTokenException", 400)
    with pytest.raises(botocore.exceptions.ClientError) as denied:
        assume(world.issuer.token(sub="system:serviceaccount:apps:other"))
    assert code_of(denied) == ("AccessDenied", 403)


def test_an_issuer_that_rotates_its_keys_is_asked_again_in_time(world: World):
    before = len(world.issuer.requests)
    for _ in range(3):
        world.sts().assume_role_with_web_identity(
            RoleArn=DISCOVERED_ARN, RoleSessionName="web", WebIdentityToken=world.issuer.token()
        )
    assert len(world.issuer.requests) - before <= 4, "two documents for each process at most, then they are known"


def test_a_session_token_that_was_changed_is_worth_nothing(world: World):
    given = world.sts().assume_role(RoleArn=READER_ARN, RoleSessionName="work")["Credentials"]
    token = given["SessionToken"]
    other = world.sts().assume_role(RoleArn=READER_ARN, RoleSessionName="work")["Credentials"]["SessionToken"]
    for wrong in (token[:-8] + "AAAAAAA=", other, ""):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            world.secrets_manager(given | {"SessionToken": wrong}).get_secret_value(SecretId=SECRET)
        assert code_of(caught) == ("UnrecognizedClientException", 400)
    assert world.secrets_manager(given).get_secret_value(SecretId=SECRET)["SecretString"] == VALUE


# The address of credentials


def fetch(address: str, **headers: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        (f"{ACCOUNT_ID}/pinned", "not.a.token", 400, "InvalidIdentityToken"),
        (f"{ACCOUNT_ID}/pinned", "", 403, "MissingAuthenticationToken"),
        (f"{ACCOUNT_ID}/pinned", PINNED.token(sub="somebody"), 403, "AccessDenied"),
        (f"{ACCOUNT_ID}/missing", PINNED.token(), 403, "AccessDenied"),
        (f"{ACCOUNT_ID}/", PINNED.token(), 404, "NotFound"),
        ("12345/pinned", PINNED.token(), 404, "NotFound"),
    ],
)
def test_an_address_refuses_in_json(world: World, path: str, token: str, status: int, code: str):
    answered, body = fetch(f"{world.server.url}/v1/credentials/{path}", Authorization=token)
    assert (answered, body["code"]) == (status, code)
    assert body["message"]


def test_an_address_gives_what_containers_expect(world: World):
    status, body = fetch(f"{world.server.url}/v1/credentials/{ACCOUNT_ID}/pinned", Authorization=PINNED.token())
    assert status == 200
    assert body.keys() == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId"}
    assert (body["RoleArn"], body["AccountId"]) == (PINNED_ARN, ACCOUNT_ID)
