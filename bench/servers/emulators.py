"""moto and ministack: emulators of the same API that keep everything in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from bench.generator import RunFailed
from bench.processes import free_port, plain_environment
from bench.servers.base import Server, ask, peer_command, signed
from bench.workloads import MAIN, Call, Workload

_USER: Final = "bench"
_REFUSALS: Final = (400, 403)
_PROBE: Final = Call("ListSecrets", {"MaxResults": 1})


class Emulator(Server):
    """A server in one process that is filled through the API it emulates.

    Both look through all their secrets at every creation, so that 10,000 of them would take minutes.
    """

    most_secrets = 3_000

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = free_port()
        self.credentials = Credentials("test", "test")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def urls(self, workload: Workload) -> list[str]:
        return [] if workload.tls else [self.url]

    def encode(self, call: Call, url: str) -> bytes | None:
        return signed(call, url, self.credentials)

    def _serve(self, *command: str | Path, **variables: str) -> None:
        started = time.monotonic()
        environment = plain_environment(AWS_EC2_METADATA_DISABLED="true", **variables)
        self.launch(*command, environment=environment)
        probe = signed(_PROBE, self.url, self.credentials)
        self.await_answer(lambda: ask(self.url, probe).status in (200, *_REFUSALS), started)


class Moto(Emulator):
    """moto's own server, as `moto_server` starts it."""

    name = "moto"
    title = "`moto_server`, one process, threads"
    filling_threads = 1  # several at once make it answer with 500
    guarantees = "no signature check, no authorization, no encryption, no audit; in memory; closes each connection"

    def runs(self, workload: Workload) -> bool:
        # Of several creations at once it answers some with 500: it walks through its secrets while others add to them.
        return workload.name != "create" and super().runs(workload)

    def set_up(self, kinds: Sequence[str]) -> None:
        self._serve(peer_command("moto_server"), "-H", "127.0.0.1", "-p", str(self.port))
        self.fill_through_api(kinds, self.url)


class Ministack(Emulator):
    """ministack with AUTH=true, spoken to as an IAM user: of the root key it does not check signatures."""

    name = "ministack"
    title = "`ministack`, AUTH=true, one process"
    guarantees = (
        "checks the signature of the IAM user that calls (AUTH=true) and evaluates its policy; no encryption, "
        "no audit; in memory"
    )

    def encode(self, call: Call, url: str) -> bytes | None:
        if any(entry["Key"] == "all" for entry in call.members.get("Filters", ())):
            return None  # it lists everything then, which is less work than asked for
        return super().encode(call, url)

    def set_up(self, kinds: Sequence[str]) -> None:
        self._serve(peer_command("ministack"), AUTH="true", GATEWAY_PORT=str(self.port))
        self.credentials = self._make_user()
        self._require_signatures_checked()
        self.fill_through_api(kinds, self.url)

    def _make_user(self) -> Credentials:
        """Make an IAM user who may call Secrets Manager, and return an access key of his."""
        settings = Config(retries={"total_max_attempts": 1})
        iam = boto3.client(
            "iam",
            endpoint_url=self.url,
            region_name=MAIN,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=settings,
        )
        policy = {"Version": "2012-10-17", "Statement": [_allow("secretsmanager:*")]}
        iam.create_user(UserName=_USER)
        iam.put_user_policy(UserName=_USER, PolicyName="secrets", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=_USER)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def _require_signatures_checked(self) -> None:
        forged = signed(_PROBE, self.url, Credentials(self.credentials.access_key, "not the secret"))
        if ask(self.url, forged).status not in _REFUSALS:
            raise RunFailed("ministack took a wrong signature in spite of AUTH=true: its figures would mislead")


def _allow(action: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": "*"}
