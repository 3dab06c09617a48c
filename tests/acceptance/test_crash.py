"""kill -9 in the middle of a storm of writes, again and again: what was acknowledged is there, whole.

Each client thread has secrets of its own and knows what each must hold; only its last call, which the kill
left without an answer, may or may not have happened. The moments are drawn from a seed, as a number of
answers to wait for.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from strongroom.audit.chain import take_apart
from support.postgres import PrivatePostgres
from support.server import Server, running
from support.storages import run_sql

THREADS = 6
ROUNDS = 3
LEAST_ANSWERS = 40
WAIT_SECONDS = 30
INTERNAL_ERROR = 500

pytestmark = pytest.mark.slow


@dataclass
class Known:
    """What a secret must be, as its owner knows from the answers it got."""

    name: str
    versions: dict[str, str] = field(default_factory=dict)
    current: str | None = None
    state: str = "absent"  # absent, live, scheduled, purged

    def after(self, action: str, token: str, value: str) -> Known:
        versions = dict(self.versions)
        if action in ("create", "put", "update"):
            versions[token] = value
            return Known(self.name, versions, token, "live")
        state = {"delete": "scheduled", "restore": "live", "force": "purged"}[action]
        return Known(self.name, versions, self.current, state)


class Owner:
    """A client that changes its own secrets as fast as it is answered, until the server is gone."""

    def __init__(self, number: int, seed: int) -> None:
        self.number = number
        self.random = Random(f"{seed}/{number}")
        self.secrets: dict[str, Known] = {}
        self.doubtful: dict[str, Known] = {}
        self.acknowledged: set[str] = set()
        self.unexpected: list[BaseException] = []
        self._count = 0

    def run(self, client: Any, answered: threading.Semaphore) -> None:
        try:
            while self._one_call(client):
                answered.release()
        except BaseException as error:  # noqa: BLE001 - reported by the test's thread
            self.unexpected.append(error)
        finally:
            for _ in range(100_000):
                answered.release()

    def _one_call(self, client: Any) -> bool:
        self._count += 1
        known, action = self._choose()
        token = f"{self.number:04d}{self._count:04d}-0000-4000-8000-000000000000"
        value = f"value {token} " + "x" * self.random.randrange(2_000)
        after = known.after(action, token, value)
        self.doubtful[known.name] = after
        try:
            answer = perform(client, action, known.name, token, value)
        except (HTTPClientError, EndpointConnectionError):
            return False
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < INTERNAL_ERROR:
                raise
            return False
        self.acknowledged.add(answer["ResponseMetadata"]["RequestId"])
        self.secrets[known.name] = after
        del self.doubtful[known.name]
        return True

    def _choose(self) -> tuple[Known, str]:
        usable = [known for known in self.secrets.values() if known.state in ("live", "scheduled")]
        if len(usable) < 3 or self.random.random() < 0.15:
            return Known(f"owner{self.number}/secret{self._count}"), "create"
        known = self.random.choice(usable)
        if known.state == "scheduled":
            return known, self.random.choice(["restore", "restore", "force"])
        return known, self.random.choice(["put"] * 5 + ["update"] * 2 + ["delete", "force"])


def perform(client: Any, action: str, name: str, token: str, value: str) -> Any:
    match action:
        case "create":
            return client.create_secret(Name=name, ClientRequestToken=token, SecretString=value)
        case "put":
            return client.put_secret_value(SecretId=name, ClientRequestToken=token, SecretBinary=value.encode())
        case "update":
            return client.update_secret(SecretId=name, ClientRequestToken=token, SecretString=value)
        case "delete":
            return client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
        case "restore":
            return client.restore_secret(SecretId=name)
    return client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


class Storm:
    """The owners, and the server they write to."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.random = Random(seed)
        self.owners = [Owner(number, seed) for number in range(THREADS)]

    def rage_until(self, strike: Any) -> None:
        """Let all owners write; after a drawn number of answers strike, and wait until they notice."""
        answered = threading.Semaphore(0)
        threads = [
            threading.Thread(target=owner.run, args=(patient_client(self.server), answered)) for owner in self.owners
        ]
        for thread in threads:
            thread.start()
        for _ in range(self.random.randrange(LEAST_ANSWERS, 4 * LEAST_ANSWERS)):
            assert answered.acquire(timeout=WAIT_SECONDS)
        strike()
        for thread in threads:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()
        assert [error for owner in self.owners for error in owner.unexpected] == []

    def check(self) -> None:
        """Compare what the server holds with what the owners know, and let them know what came of doubtful calls."""
        # A worker may be ready a moment before the one that writes: the client tries again, as clients do.
        client = self.server.client(config=ClientConfig(retries={"total_max_attempts": 8, "mode": "standard"}))
        for owner in self.owners:
            for name in {*owner.secrets, *owner.doubtful}:
                allowed = [owner.secrets.get(name, Known(name))]
                if name in owner.doubtful:
                    allowed.append(owner.doubtful.pop(name))
                owner.secrets[name] = require_one_of(client, allowed)

    @property
    def acknowledged(self) -> set[str]:
        return set().union(*(owner.acknowledged for owner in self.owners))


def patient_client(server: Server) -> Any:
    return server.client(config=ClientConfig(retries={"total_max_attempts": 1}, read_timeout=WAIT_SECONDS))


def require_one_of(client: Any, allowed: list[Known]) -> Known:
    """Return the one of the allowed states that the secret is in, whole; fail if it is in none of them."""
    if allowed[-1].state == "purged" and (len(allowed) == 1 or is_scheduled_now(client, allowed[-1].name)):
        wait_until_gone(client, allowed[-1].name)
    reasons = []
    for known in allowed:
        reason = difference(client, known)
        if reason is None:
            return known
        reasons.append(f"not {known.state}: {reason}")
    raise AssertionError(f"{allowed[0].name}: {reasons}")


def difference(client: Any, known: Known) -> str | None:
    """Return how the secret differs from what is known of it, or None."""
    described = describe(client, known.name)
    if known.state in ("absent", "purged"):
        return None if described is None else "it is there"
    if described is None:
        return "it is gone"
    if (known.state == "scheduled") is not ("DeletedDate" in described):
        return f"DeletedDate is {described.get('DeletedDate')}"
    labels = described["VersionIdsToStages"]
    holders = [version_id for version_id, stages in labels.items() if "AWSCURRENT" in stages]
    if holders != [known.current]:
        return f"AWSCURRENT is on {holders}, not on {known.current}"
    if known.state == "live":
        for version_id in {*labels, *known.versions}:
            answer = client.get_secret_value(SecretId=known.name, VersionId=version_id)
            value = answer.get("SecretString") or answer["SecretBinary"].decode()
            if value != known.versions.get(version_id):
                return f"version {version_id} holds another value"
    return None


def describe(client: Any, name: str) -> Any:
    try:
        return client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return None


def is_scheduled_now(client: Any, name: str) -> bool:
    """Tell whether a forced deletion that nobody acknowledged took place: its date is not days away."""
    described = describe(client, name)
    if described is None or "DeletedDate" not in described:
        return False
    return bool(described["DeletedDate"].timestamp() <= time.time() + 1)


def wait_until_gone(client: Any, name: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while describe(client, name) is not None:
        assert time.monotonic() < deadline, f"{name} was force-deleted and is still there"


def require_whole_rows(database_url: str) -> None:
    """Nothing half there: each version has its value and its key, each secret with versions a current one."""
    halves = "SELECT COUNT(*) FROM versions WHERE ciphertext IS NULL OR wrapped_key IS NULL"
    assert run_sql(database_url, halves) == [(0,)]
    without_current = (
        "SELECT COUNT(*) FROM secrets WHERE arn NOT IN (SELECT arn FROM stages WHERE label = 'AWSCURRENT')"
    )
    assert run_sql(database_url, without_current) == [(0,)]


def recorded(server: Server) -> dict[str, Any]:
    """Return the trail's records of successful calls by request id."""
    records = {}
    for path in (server.data_dir / "audit").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            part = take_apart(line)
            assert part is not None
            one = json.loads(part.record)
            if "errorCode" not in one:
                records[one["requestID"]] = one
    return records


def require_proven_trail(server: Server) -> None:
    verified = server.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.fixture(scope="module")
def durable_postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres(durable=True).start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "sqlite with 2 workers", "postgresql"])
def arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param != "postgresql":
        return ("--workers", "2") if "workers" in request.param else ()
    postgres = request.getfixturevalue("durable_postgres")
    name = f"crash_{abs(hash(request.node.name))}"
    postgres.create_database(name)
    return ("--database", postgres.url(name))


def database_of(server: Server) -> str:
    if "--database" in server.arguments:
        return server.arguments[server.arguments.index("--database") + 1]
    return f"sqlite:///{server.data_dir / 'strongroom.db'}"


@pytest.mark.parametrize("seed", [2030])
def test_acknowledged_writes_survive_kill_9_whole(tmp_path: Path, arguments: tuple[str, ...], seed: int):
    with running(tmp_path, *arguments) as server:
        storm = Storm(server, seed)
        for _ in range(ROUNDS):
            storm.rage_until(server.kill)
            server.start()
            storm.check()
        require_proven_trail(server)
        require_whole_rows(database_of(server))
        assert len(storm.acknowledged) >= ROUNDS * LEAST_ANSWERS
        assert not storm.acknowledged - recorded(server).keys()
        states = [known.state for owner in storm.owners for known in owner.secrets.values()]
        assert {"live", "purged"} <= set(states)


@pytest.mark.parametrize("seed", [7])
def test_sigterm_under_load_answers_what_was_accepted_and_exits_0(
    tmp_path: Path, arguments: tuple[str, ...], seed: int
):
    statuses: list[int] = []
    with running(tmp_path, *arguments) as server:
        storm = Storm(server, seed)
        storm.rage_until(lambda: statuses.append(server.stop()))
        assert statuses == [0]
        answered = recorded(server)
        calls = {request_id for request_id, one in answered.items() if one["eventType"] == "AwsApiCall"}
        assert calls == storm.acknowledged, "each call that was carried out was answered, and the other way round"
        log = server.log.read_text()
        assert "Traceback" not in log
        assert " ERROR " not in log
        server.start()
        storm.check()
        require_proven_trail(server)
