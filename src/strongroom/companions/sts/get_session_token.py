"""GetSessionToken: temporary credentials of a user or root, for whoever has their long-term key.

No policy is asked (documented). Who is a session already gets none (recorded text), so that credentials end
when they were to end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.sts import not_offered
from strongroom.companions.sts.shapes import (
    Credentials,
    OwnSeconds,
    SerialNumber,
    TokenCode,
    TokenSize,
    wire_credentials,
)
from strongroom.domain.principal import Session
from strongroom.domain.session_limits import own_session_seconds
from strongroom.errors import AccessDeniedException
from strongroom.operations.base import Request, Response
from strongroom.policy.access_request import NO_RESOURCE


class GetSessionTokenRequest(Request, kw_only=True):
    duration_seconds: OwnSeconds | None = None
    serial_number: SerialNumber | None = None
    token_code: TokenCode | None = None
    minimum_session_token_size: TokenSize | None = None


class GetSessionTokenResponse(Response, kw_only=True):
    credentials: Credentials | None = None


def get_session_token(call: CompanionCall, request: GetSessionTokenRequest) -> GetSessionTokenResponse:
    not_offered.refuse_second_factor(request.serial_number, request.token_code)
    not_offered.refuse(MinimumSessionTokenSize=request.minimum_session_token_size)
    caller = call.principal
    if caller.session is not None:
        raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
    issued_at = call.now.replace(microsecond=0)
    seconds = own_session_seconds(request.duration_seconds, is_root=caller.is_root)
    session = Session(issuer_arn=caller.arn, issuer_id=caller.principal_id, issued_at=issued_at)
    issued = call.sessions.issue(replace(caller, session=session), issued_at + timedelta(seconds=seconds))
    return GetSessionTokenResponse(credentials=wire_credentials(issued))


OPERATION = CompanionOperation(
    service=STS,
    name="GetSessionToken",
    request=GetSessionTokenRequest,
    result=GetSessionTokenResponse,
    access=Access.PROVEN,
    resource=lambda _request, _account_id, _caller: NO_RESOURCE,
    mutates=False,
    handler=get_session_token,
    shown_request=("duration_seconds", "serial_number"),
    shown_response=("credentials.access_key_id", "credentials.expiration"),
)
