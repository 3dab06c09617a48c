"""GetCallerIdentity: who the caller is. Nobody who can prove it is refused, whatever policies say (documented)."""

from __future__ import annotations

from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.operations.base import Request, Response
from strongroom.policy.access_request import NO_RESOURCE


class GetCallerIdentityRequest(Request, kw_only=True):
    pass


class GetCallerIdentityResponse(Response, kw_only=True):
    user_id: str | None = None
    account: str | None = None
    arn: str | None = None


def get_caller_identity(call: CompanionCall, _request: GetCallerIdentityRequest) -> GetCallerIdentityResponse:
    caller = call.principal
    return GetCallerIdentityResponse(user_id=caller.principal_id, account=caller.account_id, arn=caller.arn)


OPERATION = CompanionOperation(
    service=STS,
    name="GetCallerIdentity",
    request=GetCallerIdentityRequest,
    result=GetCallerIdentityResponse,
    access=Access.PROVEN,
    resource=lambda _request, _account_id, _caller: NO_RESOURCE,
    mutates=False,
    handler=get_caller_identity,
    shown_request=(),
    shown_response=(),
)
