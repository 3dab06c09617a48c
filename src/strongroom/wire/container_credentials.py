"""Credentials for workloads as containers fetch them: an address, a token in a file, no secret anywhere.

Every AWS SDK asks AWS_CONTAINER_CREDENTIALS_FULL_URI with the content of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE as
the Authorization header, and again before the credentials end. Here the token is one that an OpenID Connect
issuer gave the workload, such as a service account's of Kubernetes.

Rules:
- GET /v1/credentials/<account>/<role>, where a role's path stands in front of its name. It is
  AssumeRoleWithWebIdentity, decided and recorded as such.
- The header is the token, with or without `Bearer` in front.
- The session is named after the token's subject, with a hyphen for what no name may hold (ours).
- An error is `code` and `message` in JSON, which SDKs show (documented for the endpoints of ECS), with the
  status that STS gives it.
- An address of this form without such an account or role, and another method, is nothing that exists: 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from strongroom.audit.record import Origin, event_time
from strongroom.authn import web_identity
from strongroom.authn.sigv4 import nobody_proven
from strongroom.companions.base import CompanionOperation
from strongroom.companions.sts.assume_role_with_web_identity import (
    OPERATION,
    AssumeRoleWithWebIdentityRequest,
    AssumeRoleWithWebIdentityResponse,
)
from strongroom.domain.arns import account_of
from strongroom.domain.identity import IdentityKind, arn_of
from strongroom.errors import InvalidIdentityToken, ServiceError
from strongroom.operations.base import Request, Response
from strongroom.wire import constraints, faults
from strongroom.wire.companion_core import Speech
from strongroom.wire.exchange import Answer, HttpRequest, Outcome

PATH_PREFIX: Final = b"/v1/credentials/"
MAX_SESSION_NAME: Final = 64
MIN_SESSION_NAME: Final = 2

_ROLE: Final = re.compile(r"([0-9]{12})/((?:[!-.0-~]+/)*)([\w+=,.@-]+)", re.ASCII)
_NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_BEARER: Final = "bearer "
_NOT_FOUND: Final = 404


PerformAnonymous = Callable[[CompanionOperation[Any], Request, Origin, Speech], Outcome]
"""Performs a call that needs no signature, and has its outcome said."""


class ContainerCredentials:
    """Answers at the addresses of roles."""

    def __init__(self, perform: PerformAnonymous) -> None:
        self._perform = perform

    def begin(self, request: HttpRequest, origin: Origin) -> Outcome | None:
        """Answer now, or say what to wait for; None for what is not of this endpoint. Raises nothing."""
        if not request.raw_path.startswith(PATH_PREFIX):
            return None
        role_arn = _role_arn(request.raw_path)
        if request.method != "GET" or role_arn is None:
            return _answer(origin, _NOT_FOUND, {"code": "NotFound", "message": "There is nothing at this address."})
        speech = JsonSpeech(origin, role_arn)
        try:
            typed = _asked(role_arn, _token(request))
            constraints.check(typed)
        except ServiceError as error:
            return speech.fault(error)
        return self._perform(OPERATION, typed, origin, speech)


class JsonSpeech:
    """Answers as the credential endpoints of containers do."""

    def __init__(self, origin: Origin, role_arn: str) -> None:
        self._origin = origin
        self._role_arn = role_arn

    def answer(self, response: Response | None) -> Answer:
        if not isinstance(response, AssumeRoleWithWebIdentityResponse) or response.credentials is None:
            raise LookupError("the operation answers with credentials")
        credentials = response.credentials
        return _answer(
            self._origin,
            200,
            {
                "RoleArn": self._role_arn,
                "AccessKeyId": credentials.access_key_id,
                "SecretAccessKey": credentials.secret_access_key,
                "Token": credentials.session_token,
                "Expiration": event_time(credentials.expiration),
                "AccountId": account_of(self._role_arn),
            },
        )

    def fault(self, error: ServiceError) -> Answer:
        fault = faults.query_fault_of(error)
        return _answer(self._origin, fault.status, {"code": fault.code, "message": error.message or ""})


def address_of(role_arn: str) -> str | None:
    """Return the path at which the credentials of a role are, None for what is no role's ARN."""
    head, _, role = role_arn.partition(":role/")
    account_id = head.rpartition(":")[2]
    path = f"{PATH_PREFIX.decode()}{account_id}/{quote(role, safe='/+=,@')}"
    return path if _role_arn(path.encode()) == role_arn else None


def session_name(subject: str) -> str:
    """Return the name of a session for the subject of a token."""
    return _NOT_OF_A_NAME.sub("-", subject)[:MAX_SESSION_NAME].ljust(MIN_SESSION_NAME, "-")


def _role_arn(raw_path: bytes) -> str | None:
    found = _ROLE.fullmatch(unquote(raw_path[len(PATH_PREFIX) :].decode("latin-1")))
    return None if found is None else arn_of(IdentityKind.ROLE, found[1], f"/{found[2]}", found[3])


def _token(request: HttpRequest) -> str:
    header = next((value for name, value in request.headers if name == b"authorization"), b"").decode("latin-1").strip()
    token = header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else header
    if not token:
        raise nobody_proven()
    return token


def _asked(role_arn: str, token: str) -> AssumeRoleWithWebIdentityRequest:
    try:
        subject = web_identity.claimed_subject(token)
    except InvalidIdentityToken:  # the operation says so, and it is recorded
        subject = ""
    return AssumeRoleWithWebIdentityRequest(
        role_arn=role_arn, role_session_name=session_name(subject), web_identity_token=token
    )


def _answer(origin: Origin, status: int, body: dict[str, str]) -> Answer:
    headers = [
        (b"x-amzn-RequestId", origin.request_id.encode()),
        (b"Content-Type", b"application/json"),
        (b"Cache-Control", b"no-store"),
    ]
    return Answer(status, headers, msgspec.json.encode(body))
