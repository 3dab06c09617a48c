"""A whole Strongroom inside the test process: real storage, crypto, trail and jobs; clock and entropy of the test."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strongroom.app import Node, open_node
from strongroom.audit.chain import take_apart
from strongroom.audit.record import Origin
from strongroom.config import Config
from strongroom.domain.principal import Principal, root_arn
from strongroom.first_start import prepare
from strongroom.operations import OPERATIONS
from strongroom.service import Caller
from strongroom.storage.base import Transaction
from strongroom.wire import awsjson, constraints
from support.clock import FrozenClock
from support.entropy import SeededEntropy
from support.factories import ACCOUNT_ID, REGION

OTHER_ACCOUNTS = ("999988887777", "000000000001")
"""Accounts that every deployment has besides its own, for policies to name."""

VALUE = "correct horse battery staple"


def token(number: int) -> str:
    """Return a ClientRequestToken that tells which of a test's tokens it is."""
    return f"{number:08d}-0000-4000-8000-000000000000"


@dataclass
class Deployment:
    """Calls operations as a client would, after signature and before HTTP."""

    node: Node
    config: Config
    clock: FrozenClock
    region: str = REGION
    account_id: str = ACCOUNT_ID
    principal: Principal | None = None
    """Who calls; the account's root if nobody else does."""

    def call(self, operation_name: str, **members: Any) -> dict[str, Any]:
        """Perform an operation given by wire members and return its wire answer; raises ServiceError.

        Bytes are sent as base64. The clock moves a second, so that every call has an instant of its own.
        """
        self.clock.advance_seconds(1)
        operation = OPERATIONS[operation_name]
        request = awsjson.decode(json.dumps(members, default=_base64).encode(), operation.request)
        constraints.check(request)
        response = self.node.service.perform(operation, request, self.caller())
        return json.loads(awsjson.encode(response) or b"{}")

    def create(self, name: str = "app/db", value: str | None = VALUE, **members: Any) -> str:
        """Create a secret whose first version has token 1, and return its ARN."""
        if value is not None:
            members = {"SecretString": value, "ClientRequestToken": token(1), **members}
        return str(self.call("CreateSecret", Name=name, **members)["ARN"])

    def put(self, secret_id: str, number: int, value: str | None = None, *labels: str) -> dict[str, Any]:
        """Put a value under token `number`, with labels if any are given."""
        members: dict[str, Any] = {"VersionStages": list(labels)} if labels else {}
        return self.call(
            "PutSecretValue",
            SecretId=secret_id,
            ClientRequestToken=token(number),
            SecretString=value or f"value {number}",
            **members,
        )

    def stages(self, secret_id: str) -> dict[str, set[str]]:
        """Return version id to labels, as DescribeSecret shows them."""
        shown = self.call("DescribeSecret", SecretId=secret_id).get("VersionIdsToStages", {})
        return {version_id: set(labels) for version_id, labels in shown.items()}

    def elsewhere(self, *, region: str | None = None, account_id: str | None = None) -> Deployment:
        """Return the same deployment as seen by a caller of another region or account."""
        elsewhere = replace(self, region=region or self.region, account_id=account_id or self.account_id)
        elsewhere.require_account(elsewhere.account_id)
        return elsewhere

    def require_account(self, account_id: str) -> None:
        """Have an account, which policies may then name."""

        def make(tx: Transaction) -> None:
            if tx.find_account(account_id) is None:
                tx.insert_account(account_id, self.clock.now())

        self.node.storage.write(make)

    def caller(self) -> Caller:
        root = Principal("Root", root_arn(self.account_id), self.account_id, self.account_id, "AKIAEXAMPLEEXAMPLE00")
        return Caller(self.principal or root, self.region, Origin("request-id", "192.0.2.7", "tests/1"))

    def run_jobs(self) -> int:
        """Run every background job that is due now, and return how many ran."""
        return self.node.runner.run_due()

    def settle(self) -> None:
        """Wait until the dates of what was read are written down."""
        self.node.service.dates.settle()

    def trail(self) -> list[dict[str, Any]]:
        """Return the audit records so far."""
        lines = (self.config.audit_dir / "trail-0.jsonl").read_bytes().splitlines()
        parts = [take_apart(line) for line in lines]
        return [json.loads(part.record) for part in parts if part is not None]


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value))


def config_for(database_url: str, directory: Path, **settings: Any) -> Config:
    """Return the configuration of a deployment in `directory` on the database a fixture named."""
    database = None if database_url.startswith("sqlite") else database_url
    return Config(data_dir=directory / "data", database=database, account_id=ACCOUNT_ID, **settings)


@contextmanager
def deployed(config: Config, *, clock: FrozenClock | None = None, seed: int = 0) -> Iterator[Deployment]:
    """Start a deployment, without its background threads: tests run jobs themselves."""
    clock, entropy = clock or FrozenClock(), SeededEntropy(seed)
    prepare(config, clock=clock, entropy=entropy)
    deployment = Deployment(open_node(config, clock=clock, entropy=entropy), config, clock)
    try:
        for account_id in OTHER_ACCOUNTS:
            deployment.require_account(account_id)
        yield deployment
    finally:
        deployment.node.close()  # another than at first, if the test opened it again
