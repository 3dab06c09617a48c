"""GetAccessKeyInfo: the account that an access key is of.

Only long-term keys can be told: what a session's key id is of stands in its token alone. For any other key
AWS answers whatever its id says, and here nothing is known (text ours).
"""

from __future__ import annotations

from typing import Annotated

from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.errors import ValidationException
from strongroom.operations.base import REQUIRED, Request, Response, limits
from strongroom.policy.access_request import NO_RESOURCE


class GetAccessKeyInfoRequest(Request, kw_only=True):
    access_key_id: Annotated[str, limits(16, 128, pattern=r"[\w]*")] = REQUIRED


class GetAccessKeyInfoResponse(Response, kw_only=True):
    account: str | None = None


def get_access_key_info(call: CompanionCall, request: GetAccessKeyInfoRequest) -> GetAccessKeyInfoResponse:
    key = call.tx.find_access_key(request.access_key_id)
    if key is None:
        raise ValidationException("There is no long-term access key of that id.")
    return GetAccessKeyInfoResponse(account=key.account_id)


OPERATION = CompanionOperation(
    service=STS,
    name="GetAccessKeyInfo",
    request=GetAccessKeyInfoRequest,
    result=GetAccessKeyInfoResponse,
    access=Access.SIGNED,
    resource=lambda _request, _account_id, _caller: NO_RESOURCE,
    mutates=False,
    handler=get_access_key_info,
    shown_request=("access_key_id",),
    shown_response=(),
)
