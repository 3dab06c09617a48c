"""IAM as a client has it, without sockets: botocore writes the form and reads the XML, the door does the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.handlers import json_decode_policies
from botocore.model import ServiceModel
from botocore.parsers import QueryParser
from botocore.serialize import create_serializer

from strongroom.audit.record import Origin
from strongroom.authorization import Caller
from strongroom.companions.iam import OPERATIONS
from strongroom.domain.principal import Principal, Session, root_arn
from strongroom.wire import awsquery, constraints
from support.deployment import Deployment
from support.factories import ACCOUNT_ID, REGION

ORIGIN = Origin("request-id", "192.0.2.7", "tests/1")
ROOT = Principal("Root", root_arn(ACCOUNT_ID), ACCOUNT_ID, ACCOUNT_ID, "AKIAEXAMPLEEXAMPLE00")


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: str | list[str], resource: str | list[str] = "*", **elements: Any) -> dict[str, Any]:
    return allow(action, resource, **elements) | {"Effect": "Deny"}


def trust(*arns: str) -> str:
    principal = {"AWS": arns[0] if len(arns) == 1 else list(arns)}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


READ_ALL = document(allow("secretsmanager:GetSecretValue"))
TRUST_ACCOUNT = trust(f"arn:aws:iam::{ACCOUNT_ID}:root")


@cache
def model() -> ServiceModel:
    return botocore.session.Session().get_service_model("iam")


def policy_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:policy{path}{name}"


@dataclass
class Iam:
    """Calls operations as one principal; answers are what botocore makes of them."""

    deployment: Deployment
    principal: Principal = ROOT

    def __call__(self, name: str, **members: Any) -> dict[str, Any]:
        """Perform an operation; raises ServiceError."""
        self.deployment.clock.advance_seconds(1)
        operation, described = OPERATIONS[name], model().operation_model(name)
        form = create_serializer("query", include_validation=False).serialize_to_request(members, described)["body"]
        request = awsquery.decode({key: _text(value) for key, value in form.items()}, operation.request)
        constraints.check(request)
        caller = Caller(self.principal, REGION, ORIGIN)
        response = self.deployment.node.companions.perform(operation, request, caller, ORIGIN)
        answer = {"body": awsquery.encode(operation, response, "request-id"), "headers": {}, "status_code": 200}
        parsed: dict[str, Any] = QueryParser().parse(answer, described.output_shape)
        del parsed["ResponseMetadata"]
        json_decode_policies(parsed, described)
        return parsed

    def user(self, name: str, **members: Any) -> Iam:
        """Make a user, and return IAM as that user calls it."""
        self("CreateUser", UserName=name, **members)
        return self.as_user(name)

    def as_user(self, name: str) -> Iam:
        shown = self("GetUser", UserName=name)["User"]
        return Iam(
            self.deployment,
            Principal("IAMUser", shown["Arn"], shown["UserId"], ACCOUNT_ID, "AKIAEXAMPLEEXAMPLE01"),
        )

    def as_role(self, name: str) -> Iam:
        shown = self("GetRole", RoleName=name)["Role"]
        session = Session(shown["Arn"], shown["RoleId"], self.deployment.clock.now())
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/session"
        return Iam(
            self.deployment,
            Principal("AssumedRole", arn, f"{shown['RoleId']}:session", ACCOUNT_ID, "ASIAEXAMPLEEXAMPLE02", session),
        )

    def pages(self, name: str, member: str, size: int, **members: Any) -> list[list[Any]]:
        """Return the pages of a list, and check that only the last one says that it is."""
        pages, marker = [], {}
        while True:
            answer = self(name, MaxItems=size, **members, **marker)
            pages.append(answer[member])
            assert answer["IsTruncated"] is ("Marker" in answer)
            if not answer["IsTruncated"]:
                return pages
            marker = {"Marker": answer["Marker"]}


def _text(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
