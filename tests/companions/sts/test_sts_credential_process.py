"""`strongroom credential-process`: what it refuses, in words an operator can act upon. What works: conformance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from strongroom.audit.trail import take_apart
from support.deployment import config_for, deployed
from support.factories import ACCOUNT_ID
from support.identities import Identities, trust
from support.server import strongroom

ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/reader"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The directory of a deployment with a user ana and a role reader."""
    config = config_for("sqlite", tmp_path)
    with deployed(config) as one:
        identities = Identities(one.node.storage.write, one.node.companions.access_keys)
        ana = identities.user("ana")
        identities.role("reader", [trust(ana.arn)])
    return config.data_dir


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("word.word.word\n")
    return path


class Redirector(BaseHTTPRequestHandler):
    """Sends whoever asks somewhere else, and remembers what it was asked for."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Redirector) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def refused(*arguments: str | Path) -> str:
    done = strongroom("credential-process", *map(str, arguments))
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False), done.stderr
    return done.stderr


def test_a_user_gets_credentials_beside_the_server_and_the_trail_says_so(data_dir: Path):
    done = strongroom("credential-process", "--user", "ana", "--duration-seconds", "900", "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)
    assert given.keys() == {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"}
    assert (given["Version"], given["AccountId"]) == (1, ACCOUNT_ID)
    last = take_apart((data_dir / "audit" / "trail-cli.jsonl").read_bytes().splitlines()[-1])
    assert last is not None
    record = json.loads(last.record)
    assert (record["eventName"], record["eventSource"]) == ("GetSessionToken", "sts.amazonaws.com")
    asked = {"userName": "ana", "durationSeconds": "900", "accessKeyId": given["AccessKeyId"]}
    assert record["requestParameters"] == asked
    assert given["SecretAccessKey"] not in str(record)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--user", "bob"], "There is no user bob"),
        (["--role", "writer"], "There is no role writer"),
        (["--role", "reader", "--duration-seconds", "3601"], "Credentials cannot last 3601 seconds"),
        (["--user", "ana", "--duration-seconds", "899"], "Credentials cannot last 899 seconds"),
        (["--role", "reader", "--session-name", "a b"], "a b cannot be the name of a session"),
        (["--user", "ana", "--role", "reader"], "It is not clear whose credentials are wanted"),
        ([], "It is not clear whose credentials are wanted"),
    ],
)
def test_what_cannot_be_made_beside_the_server_is_refused(data_dir: Path, arguments: list[str], complaint: str):
    assert complaint in refused(*arguments, "--data-dir", data_dir)


@pytest.mark.parametrize(
    ("endpoint", "role_arn", "complaint"),
    [
        ("http://strongroom.example.com", ROLE_ARN, "is no address to send a token to"),
        ("ftp://127.0.0.1", ROLE_ARN, "is no address to send a token to"),
        ("http://127.0.0.1:1/path", ROLE_ARN, "is no address to send a token to"),
        ("http://127.0.0.1:1", "arn:aws:iam::123456789012:user/ana", "is not the ARN of a role"),
        ("http://127.0.0.1:1", ROLE_ARN, "cannot be asked for credentials"),
        ("http://127.0.0.1:99999999", ROLE_ARN, "cannot be asked for credentials"),
    ],
)
def test_no_token_is_sent_where_it_should_not_go(token_file: Path, endpoint: str, role_arn: str, complaint: str):
    given = ["--endpoint", endpoint, "--role-arn", role_arn, "--web-identity-token-file", token_file]
    assert complaint in refused(*given)


def test_a_redirect_is_not_followed(elsewhere: str, token_file: Path):
    given = ["--endpoint", elsewhere, "--role-arn", ROLE_ARN, "--web-identity-token-file", token_file]
    assert "answers with status 302, and not as Strongroom does" in refused(*given)


@pytest.mark.parametrize("content", [None, "", "two words", "wörter"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str | None):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    given = ["--endpoint", "http://127.0.0.1:1", "--role-arn", ROLE_ARN, "--web-identity-token-file", path]
    assert "There is no token in the file" in refused(*given)


def test_half_of_what_an_exchange_needs_is_not_enough(token_file: Path):
    assert "It is not clear" in refused("--endpoint", "http://127.0.0.1:1", "--web-identity-token-file", token_file)
