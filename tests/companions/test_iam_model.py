"""The wire types of IAM's operations against AWS's own description, as the installed botocore carries it.

Every difference is in one of the tables below, with its reason; a table must not say more than is true.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from msgspec import inspect as wire_types

from strongroom.companions.base import IAM, Access
from strongroom.companions.iam import OPERATIONS
from strongroom.companions.iam.declaration import NoMembers
from support.iam import model
from support.service_models import Side, compare_type

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFERED: Final = frozenset(
    """
    CreateUser GetUser ListUsers UpdateUser DeleteUser
    CreateGroup GetGroup ListGroups ListGroupsForUser UpdateGroup DeleteGroup AddUserToGroup RemoveUserFromGroup
    CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole
    CreatePolicy GetPolicy ListPolicies DeletePolicy ListEntitiesForPolicy
    CreatePolicyVersion GetPolicyVersion ListPolicyVersions SetDefaultPolicyVersion DeletePolicyVersion
    PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies
    PutGroupPolicy GetGroupPolicy DeleteGroupPolicy ListGroupPolicies
    PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies
    AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies
    AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies
    AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies
    PutUserPermissionsBoundary DeleteUserPermissionsBoundary
    PutRolePermissionsBoundary DeleteRolePermissionsBoundary
    TagUser UntagUser ListUserTags TagRole UntagRole ListRoleTags TagPolicy UntagPolicy ListPolicyTags
    TagOpenIDConnectProvider UntagOpenIDConnectProvider ListOpenIDConnectProviderTags
    CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys GetAccessKeyLastUsed
    CreateOpenIDConnectProvider GetOpenIDConnectProvider ListOpenIDConnectProviders DeleteOpenIDConnectProvider
    AddClientIDToOpenIDConnectProvider RemoveClientIDFromOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint
    GetAccountSummary GetAccountAuthorizationDetails SimulatePrincipalPolicy SimulateCustomPolicy
    GetLoginProfile ListMFADevices ListSigningCertificates ListSSHPublicKeys ListServiceSpecificCredentials
    ListVirtualMFADevices ListAccountAliases ListInstanceProfilesForRole
    """.split()  # noqa: SIM905 - a table of ninety lines says no more
)

NO_ORGANIZATIONS: Final = "accounts here are in no organization"
NO_TEMPLATES: Final = "roles here are made from no template"
NO_POSITIONS: Final = "a statement is known by its policy, not by lines and columns"
NEVER_SHOWN: Final = "there is none of these here: the list that would hold them is empty"
NO_EXCLUSIONS: Final = "policies that a simulation leaves out are not offered"
NO_EC2: Final = "scenarios of EC2 resources are not offered"
NO_OWNER: Final = "a resource whose ARN names no account counts as the caller's own"

UNSUPPORTED: Final = {
    r"Simulate\w+ request\.OrderedOrganizationPolicyInputList: missing": NO_ORGANIZATIONS,
    r"Simulate\w+ request\.PolicyExclusionList: missing": NO_EXCLUSIONS,
    r"Simulate\w+ request\.ResourceHandlingOption: missing": NO_EC2,
    r"Simulate\w+ request\.ResourceOwner: missing": NO_OWNER,
    r"Simulate\w+ response\.EvaluationResults\[\]\.OrganizationsDecisionDetail: missing": NO_ORGANIZATIONS,
    r"Simulate\w+ response\..*\.(Start|End)Position: missing": NO_POSITIONS,
    r"Simulate\w+ response\..*ResourceSpecificResults\[\]\.EvalDecisionDetails: missing": "empty within an account",
    r"\w+Role\w* response\..*SourceRoleTemplate: missing": NO_TEMPLATES,
    r"List\w+ response\.(MFADevices|VirtualMFADevices|Certificates|SSHPublicKeys)\[\]\.\w+: missing": NEVER_SHOWN,
    r"List\w+ response\.(ServiceSpecificCredentials|InstanceProfiles)\[\]\.\w+: missing": NEVER_SHOWN,
    r"GetAccountAuthorizationDetails response\..*\.InstanceProfileList\[\]\.\w+: missing": NEVER_SHOWN,
}
"""Patterns of what is found, and why it is so."""


def differences() -> Iterator[str]:
    for name, operation in OPERATIONS.items():
        described = model().operation_model(name)
        if described.input_shape is None:
            if operation.request is not NoMembers:
                yield f"{name}: AWS's has no input"
        else:
            yield from _compare(f"{name} request", operation.request, described.input_shape, is_request=True)
        if operation.result is None or described.output_shape is None:
            if (operation.result is None) is not (described.output_shape is None):
                yield f"{name} response: nothing on one side only"
        else:
            yield from _compare(f"{name} response", operation.result, described.output_shape, is_request=False)


def _compare(path: str, message: Any, shape: Any, *, is_request: bool) -> Iterator[str]:
    return compare_type(path, message, shape, Side(is_request, wire_types.DateTimeType))


def test_the_operations_are_those_that_are_offered():
    assert OPERATIONS.keys() == OFFERED
    assert set(model().operation_names) >= OFFERED
    assert [name for name, operation in OPERATIONS.items() if operation.name != name] == []


def test_the_version_and_namespace_are_those_of_the_service_model():
    metadata = model().metadata
    assert (IAM.version, IAM.xmlns) == (metadata["apiVersion"], metadata["xmlNamespace"])


def test_wire_types_are_those_of_the_service_model_but_for_the_table():
    found = [line for line in differences() if not any(re.fullmatch(pattern, line) for pattern in UNSUPPORTED)]
    assert not found, "\n" + "\n".join(sorted(found))


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_the_table_says_only_what_is_so(pattern):
    assert any(re.fullmatch(pattern, line) for line in differences())


def test_the_trail_never_shows_a_sensitive_member():
    found = []
    for name, operation in OPERATIONS.items():
        described = model().operation_model(name)
        for message, shape, shown in (
            (operation.request, described.input_shape, operation.shown_request),
            (operation.result, described.output_shape, operation.shown_response),
        ):
            found += [f"{name}: {path}" for path in shown if _is_sensitive(message, shape, path.split("."))]
    assert found == []


def _is_sensitive(message: Any, shape: Any, path: list[str]) -> bool:
    """Tell whether what a path shows is sensitive or has a sensitive member."""
    field = next(field for field in wire_types.type_info(message).fields if field.name == path[0])
    member, inner = shape.members[field.encode_name], field.type
    if len(path) > 1:
        return _is_sensitive(inner.cls, member, path[1:])
    return _holds_sensitive(member)


def _holds_sensitive(shape: Any) -> bool:
    inner = list(shape.members.values()) if shape.type_name == "structure" else []
    inner += [shape.member] if shape.type_name == "list" else []
    return bool(shape.metadata.get("sensitive")) or any(map(_holds_sensitive, inner))


def test_every_operation_asks_policies_or_says_who_decides():
    assert {name for name, each in OPERATIONS.items() if each.access is not Access.SIGNED} == {"GetAccessKeyLastUsed"}


def test_only_operations_that_read_are_called_so():
    reading = ("Get", "List", "Simulate")
    assert [name for name, each in OPERATIONS.items() if each.mutates is name.startswith(reading)] == []


def test_what_a_request_shows_of_itself_is_on_the_record():
    for operation in OPERATIONS.values():
        assert set(operation.shown_request) == {field.name for field in msgspec.structs.fields(operation.request)}
