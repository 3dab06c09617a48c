"""Access keys of users and of the account's root.

Rules:
- Without a name the caller's own keys are meant (documented); a session has none (recorded).
- A user has at most two keys. The secret is told once, in the answer that makes the key, and stands on no
  record.
- A key is changed by the name of its user only; under another name it is not found (documented).
- Whoever asks when a key was last used must be allowed to ask about its user (documented). It is known to the
  minute or so; a key never used has no date and N/A for region and service (documented).
- Of the root no user name is told.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from strongroom.companions.base import Access
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import changes, everything, reads, the_user
from strongroom.companions.iam.paging import page_of
from strongroom.companions.iam.shapes import KeyStatus
from strongroom.companions.targets import condition_keys, find_target, named_in_denial
from strongroom.domain import iam_limits, iam_names
from strongroom.domain.identity import User
from strongroom.domain.principal import last_name
from strongroom.errors import InvalidInput
from strongroom.operations.base import REQUIRED, Request, Response, Shape, limits
from strongroom.policy.access_request import NO_RESOURCE
from strongroom.storage.base import AccessKeyRow

_UNKNOWN: Final = "N/A"


class MaybeUserRequest(Request, kw_only=True):
    user_name: shapes.ExistingUserName | None = None


class UpdateAccessKeyRequest(MaybeUserRequest, kw_only=True):
    access_key_id: shapes.AccessKeyId = REQUIRED
    status: Annotated[str, limits(enum=KeyStatus)] = REQUIRED


class DeleteAccessKeyRequest(MaybeUserRequest, kw_only=True):
    access_key_id: shapes.AccessKeyId = REQUIRED


class ListAccessKeysRequest(MaybeUserRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class LastUsedRequest(Request, kw_only=True):
    access_key_id: shapes.AccessKeyId = REQUIRED


class AccessKey(Shape, kw_only=True):
    user_name: str | None = None
    access_key_id: str
    status: str
    secret_access_key: Annotated[str, limits(sensitive=True)]
    create_date: datetime


class AccessKeyMetadata(Shape, kw_only=True):
    user_name: str | None = None
    access_key_id: str
    status: str
    create_date: datetime


class AccessKeyLastUsed(Shape, kw_only=True):
    last_used_date: datetime | None = None
    service_name: str = _UNKNOWN
    region: str = _UNKNOWN


class CreateAccessKeyResponse(Response, kw_only=True):
    access_key: AccessKey


class ListAccessKeysResponse(shapes.PageResponse, kw_only=True):
    access_key_metadata: list[AccessKeyMetadata]


class LastUsedResponse(Response, kw_only=True):
    user_name: str | None = None
    access_key_last_used: AccessKeyLastUsed


def create_access_key(call: CompanionCall, request: MaybeUserRequest) -> CreateAccessKeyResponse:
    user = _holder(call, request)
    iam_limits.require_room_for_key(len(call.tx.identities.access_keys_of(_id_of(call, user))))
    if user is None:
        row, secret = call.access_keys.create_root_key(call.tx, call.account_id, call.now)
    else:
        row, secret = call.access_keys.create_key(call.tx, user, call.now)
    return CreateAccessKeyResponse(
        access_key=AccessKey(
            user_name=None if user is None else user.name,
            access_key_id=row.access_key_id,
            status=_status(row),
            secret_access_key=secret,
            create_date=row.created_at,
        )
    )


def update_access_key(call: CompanionCall, request: UpdateAccessKeyRequest) -> None:
    row = _find_key(call, request)
    if request.status == KeyStatus.EXPIRED:
        raise InvalidInput("A key expires by itself: its status can be set to Active or Inactive.")
    call.access_keys.set_active(call.tx, row.access_key_id, active=request.status == KeyStatus.ACTIVE)


def delete_access_key(call: CompanionCall, request: DeleteAccessKeyRequest) -> None:
    call.access_keys.delete(call.tx, _find_key(call, request).access_key_id)


def list_access_keys(call: CompanionCall, request: ListAccessKeysRequest) -> ListAccessKeysResponse:
    user = _holder(call, request)
    rows = call.tx.identities.access_keys_of(_id_of(call, user))
    found = page_of(call, request, list(enumerate(rows)), lambda numbered: f"{numbered[0]:02}")
    shown = [
        AccessKeyMetadata(
            user_name=None if user is None else user.name,
            access_key_id=row.access_key_id,
            status=_status(row),
            create_date=row.created_at,
        )
        for _, row in found.items
    ]
    return ListAccessKeysResponse(access_key_metadata=shown, is_truncated=found.is_truncated, marker=found.marker)


def get_access_key_last_used(call: CompanionCall, request: LastUsedRequest) -> LastUsedResponse:
    row = call.tx.find_access_key(request.access_key_id)
    if row is not None and row.account_id != call.account_id:
        row = None
    _require_allowed(call, request, NO_RESOURCE if row is None else row.principal_arn)
    if row is None:
        raise iam_names.access_key_not_found(request.access_key_id)
    use = call.tx.identities.key_use(row.access_key_id)
    shown = AccessKeyLastUsed()
    if use is not None:
        shown = AccessKeyLastUsed(last_used_date=use.used_at, service_name=use.service, region=use.region)
    is_root = row.principal_id == row.account_id
    return LastUsedResponse(user_name=None if is_root else last_name(row.principal_arn), access_key_last_used=shown)


def _require_allowed(call: CompanionCall, request: LastUsedRequest, holder_arn: str) -> None:
    action = "iam:GetAccessKeyLastUsed"
    target = find_target(call.tx.identities, holder_arn)
    as_sent = None if holder_arn == NO_RESOURCE else named_in_denial(holder_arn)
    keys = partial(condition_keys, action, request, target)
    call.authorizer.require(action, holder_arn, as_sent=as_sent, keys=keys)


def _holder(call: CompanionCall, request: Any) -> User | None:
    """Return whose keys a request is about, None for the root."""
    name = request.user_name or entities.caller_name(call)
    return None if name is None else entities.get_user(call, name)


def _id_of(call: CompanionCall, user: User | None) -> str:
    return call.account_id if user is None else user.unique_id


def _find_key(call: CompanionCall, request: Any) -> AccessKeyRow:
    row = call.tx.find_access_key(request.access_key_id)
    if row is None or row.principal_id != _id_of(call, _holder(call, request)):
        raise iam_names.access_key_not_found(request.access_key_id)
    return row


def _status(row: AccessKeyRow) -> str:
    return (KeyStatus.ACTIVE if row.active else KeyStatus.INACTIVE).value


OPERATIONS = (
    changes(
        "CreateAccessKey",
        MaybeUserRequest,
        create_access_key,
        resource=the_user,
        result=CreateAccessKeyResponse,
        shown_response=tuple(
            f"access_key.{member}" for member in ("user_name", "access_key_id", "status", "create_date")
        ),
    ),
    changes("UpdateAccessKey", UpdateAccessKeyRequest, update_access_key, resource=the_user),
    changes("DeleteAccessKey", DeleteAccessKeyRequest, delete_access_key, resource=the_user),
    reads("ListAccessKeys", ListAccessKeysRequest, ListAccessKeysResponse, list_access_keys, resource=the_user),
    reads(
        "GetAccessKeyLastUsed",
        LastUsedRequest,
        LastUsedResponse,
        get_access_key_last_used,
        resource=everything,
        access=Access.DECIDED,
    ),
)
