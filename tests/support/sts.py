"""STS inside the test process: calls as botocore writes them, answers as botocore reads them, without signatures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer

from strongroom.audit.record import Origin
from strongroom.authn.callers import Callers
from strongroom.authorization import Caller
from strongroom.companions.call import KeysWantedError
from strongroom.companions.sts import OPERATIONS
from strongroom.domain.identity import User
from strongroom.domain.principal import Principal
from strongroom.operations import OPERATIONS as SECRETS_MANAGER
from strongroom.recall import Recall
from strongroom.wire import awsjson, awsquery, constraints
from support.deployment import Deployment
from support.identities import Identities

MODEL = botocore.session.Session().get_service_model("sts")
ORIGIN = Origin("request-id", "192.0.2.7", "tests/1")


@dataclass
class Sts:
    """STS of a deployment, and the identities it is about."""

    deployment: Deployment

    @cached_property
    def identities(self) -> Identities:
        return self.identities_of(self.deployment.account_id)

    def identities_of(self, account_id: str) -> Identities:
        node = self.deployment.node
        return Identities(node.storage.write, node.companions.access_keys, account_id)

    def call(self, name: str, who: Caller | None, **members: Any) -> dict[str, Any]:
        """Perform an operation; the clock moves a second. Keys that are wanted are fetched as the server does it."""
        self.deployment.clock.advance_seconds(1)
        operation, model = OPERATIONS[name], MODEL.operation_model(name)
        form = urlencode(QuerySerializer().serialize_to_request(members, model)["body"]).encode()
        request = awsquery.decode(awsquery.parse_form(form), operation.request)
        constraints.check(request)
        door = self.deployment.node.companions
        try:
            response = door.perform(operation, request, who, ORIGIN)
        except KeysWantedError as wanted:
            door.key_sets.load(wanted.provider, wanted.key_id)
            response = door.perform(operation, request, who, ORIGIN)
        answer = {"status_code": 200, "headers": {}, "body": awsquery.encode(operation, response, "request-id")}
        parsed: dict[str, Any] = QueryParser().parse(answer, model.output_shape)
        del parsed["ResponseMetadata"]
        return parsed

    def user(self, user: User) -> Caller:
        """Return a user who calls with a long-term key."""
        principal = Principal("IAMUser", user.arn, user.unique_id, user.account_id, "AKIAEXAMPLEEXAMPLE00")
        return Caller(principal, self.deployment.region, ORIGIN)

    def root(self) -> Caller:
        return self.deployment.caller()

    def session(self, credentials: dict[str, Any]) -> Caller | None:
        """Return whoever holds temporary credentials; None if they are nobody's any more."""
        node = self.deployment.node
        callers = Callers(node.storage, node.companions.access_keys, node.companions.sessions, Recall())
        found = callers.find(credentials["AccessKeyId"], credentials["SessionToken"])
        return None if found is None else Caller(found.principal, self.deployment.region, ORIGIN)

    def secrets_manager(self, who: Caller, name: str, **members: Any) -> Any:
        """Perform an operation of Secrets Manager as somebody; raises ServiceError."""
        self.deployment.clock.advance_seconds(1)
        operation = SECRETS_MANAGER[name]
        request = awsjson.decode(json.dumps(members).encode(), operation.request)
        return self.deployment.node.service.perform(operation, request, who)
