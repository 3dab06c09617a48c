"""Versions of managed policies, of which one is in force.

Rules:
- Numbers are never given twice, also when a version is deleted (documented).
- At most five; the one in force is not deleted (recorded).
- Only GetPolicyVersion tells the document (documented). The newest version is listed first (documented in
  examples).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import changes, reads, the_policy
from strongroom.companions.iam.paging import page_of
from strongroom.domain import iam_limits, iam_names
from strongroom.domain import identity as domain
from strongroom.errors import DeleteConflict
from strongroom.operations.base import REQUIRED, Response
from strongroom.policy.document import PolicyKind, parse_policy, policy_size


class CreatePolicyVersionRequest(shapes.PolicyRequest, kw_only=True):
    policy_document: shapes.Document = REQUIRED
    set_as_default: bool | None = None


class PolicyVersionRequest(shapes.PolicyRequest, kw_only=True):
    version_id: shapes.VersionId = REQUIRED


class ListPolicyVersionsRequest(shapes.PolicyRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class PolicyVersionResponse(Response, kw_only=True):
    policy_version: shapes.PolicyVersion


class ListPolicyVersionsResponse(shapes.PageResponse, kw_only=True):
    versions: list[shapes.PolicyVersion]


def create_policy_version(call: CompanionCall, request: CreatePolicyVersionRequest) -> PolicyVersionResponse:
    identities = call.tx.identities
    policy = entities.get_own_policy(call, request.policy_arn, "iam:CreatePolicyVersion")
    parse_policy(request.policy_document, kind=PolicyKind.IDENTITY)
    iam_limits.require_managed_size(policy_size(request.policy_document))
    iam_limits.require_room_for_version(len(identities.policy_versions(policy.arn)))
    policy = replace(policy, latest_version=policy.latest_version + 1, updated_at=call.now)
    version = domain.PolicyVersion(policy.latest_version, request.policy_document, call.now, is_default=False)
    identities.put(policy)
    identities.insert_policy_version(policy, version)
    if request.set_as_default:
        identities.choose_policy_version(policy.arn, version.number)
    return PolicyVersionResponse(policy_version=_shown(replace(version, is_default=bool(request.set_as_default))))


def get_policy_version(call: CompanionCall, request: PolicyVersionRequest) -> PolicyVersionResponse:
    version = _find(call, entities.get_policy(call, request.policy_arn), request.version_id)
    shown = _shown(version)
    shown.document = entities.encoded(version.document)
    return PolicyVersionResponse(policy_version=shown)


def list_policy_versions(call: CompanionCall, request: ListPolicyVersionsRequest) -> ListPolicyVersionsResponse:
    versions = entities.versions_of(call.tx, entities.get_policy(call, request.policy_arn))
    newest_first: list[Any] = sorted(versions, key=lambda version: -version.number)
    found = page_of(call, request, list(enumerate(newest_first)), lambda numbered: f"{numbered[0]:02}")
    return ListPolicyVersionsResponse(
        versions=[_shown(version) for _, version in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def set_default_policy_version(call: CompanionCall, request: PolicyVersionRequest) -> None:
    policy = entities.get_own_policy(call, request.policy_arn, "iam:SetDefaultPolicyVersion")
    call.tx.identities.choose_policy_version(policy.arn, _find(call, policy, request.version_id).number)


def delete_policy_version(call: CompanionCall, request: PolicyVersionRequest) -> None:
    policy = entities.get_own_policy(call, request.policy_arn, "iam:DeletePolicyVersion")
    version = _find(call, policy, request.version_id)
    if version.is_default:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    call.tx.identities.delete_policy_version(policy.arn, version.number)


def _find(call: CompanionCall, policy: domain.ManagedPolicy, version_id: str) -> Any:
    for version in entities.versions_of(call.tx, policy):
        if version.version_id == version_id:
            return version
    raise iam_names.version_not_found(policy.arn, version_id)


def _shown(version: domain.PolicyVersion) -> shapes.PolicyVersion:
    return shapes.PolicyVersion(
        version_id=version.version_id, is_default_version=version.is_default, create_date=version.created_at
    )


OPERATIONS = (
    changes(
        "CreatePolicyVersion",
        CreatePolicyVersionRequest,
        create_policy_version,
        resource=the_policy,
        result=PolicyVersionResponse,
    ),
    reads("GetPolicyVersion", PolicyVersionRequest, PolicyVersionResponse, get_policy_version, resource=the_policy),
    reads(
        "ListPolicyVersions",
        ListPolicyVersionsRequest,
        ListPolicyVersionsResponse,
        list_policy_versions,
        resource=the_policy,
    ),
    changes("SetDefaultPolicyVersion", PolicyVersionRequest, set_default_policy_version, resource=the_policy),
    changes("DeletePolicyVersion", PolicyVersionRequest, delete_policy_version, resource=the_policy),
)
