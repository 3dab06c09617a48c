"""The policy simulator: what the engine would decide, asked without doing anything.

Rules:
- Each pair of an action and a resource is decided on its own, and told as one result (recorded).
- The caller is never the root, to whom policies are nothing: who simulates a custom policy and names no user
  simulates one without name.
- Without a resource policy a resource counts as the caller's own, wherever it is (recorded of S3, whose ARNs
  name no account). With one, its ARN must name its account, and the caller must be known (documented).
- The policies of a principal are its own, those of its groups, and those in the request; a boundary in the
  request stands for its own (documented).
- Context keys are those in the request, and what follows from the principal: its name, id, ARN and tags. Keys
  that conditions of the policies ask for and nobody gave are told as missing.
- The statement that decided is told by the policy it stands in, "IAM Policy" its type (recorded).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final

from strongroom.authorization import find_policy
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam.declaration import everything, reads
from strongroom.companions.iam.paging import Place, page
from strongroom.companions.iam.simulation_shapes import (
    BoundaryDetail,
    ContextEntry,
    EvaluationResult,
    MatchedStatement,
    ResourceResult,
    SimulateCustomRequest,
    SimulatePrincipalRequest,
    SimulateResponse,
    Simulation,
)
from strongroom.companions.targets import find_target
from strongroom.domain import iam_names
from strongroom.domain.arns import account_of
from strongroom.domain.identity import Group, Identity, IdentityKind, Role, User, arn_of
from strongroom.domain.principal import Principal, last_name
from strongroom.errors import (
    InvalidInput,
    MalformedPolicyDocument,
    MalformedPolicyDocumentException,
    NoSuchEntity,
)
from strongroom.policy.access_request import NO_RESOURCE, AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide, judge
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.stored import parse_stored

POLICY_TYPE: Final = "IAM Policy"
ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = "allowed", "explicitDeny", "implicitDeny"

_USER: Final = re.compile(r"arn:aws:iam::[0-9]{12}:user/.+")
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What all pairs of a simulation have in common; `caller_account` is known where a resource policy counts."""

    caller_arn: str
    caller_account: str | None
    policies: Policies
    keys: dict[str, str | list[str]]


def simulate_principal_policy(call: CompanionCall, request: SimulatePrincipalRequest) -> SimulateResponse:
    source = _get_source(call, request.policy_source_arn)
    caller_arn = _given_caller(request) or (source.arn if isinstance(source, User) else None)
    boundary = _boundary_of(call, source)
    policies = Policies(
        identity=(*_policies_of(call, source), *_parsed(request.policy_input_list, "PolicyInputList")),
        resource=_resource_policies(request),
        boundary=_given_boundary(request) or boundary,
    )
    question = Question(
        caller_arn=caller_arn or source.arn,
        caller_account=_caller_account(request, caller_arn),
        policies=policies,
        keys=_with_entries(_keys_of(source), request.context_entries),
    )
    return _answer(call, request, question)


def simulate_custom_policy(call: CompanionCall, request: SimulateCustomRequest) -> SimulateResponse:
    policies = Policies(
        identity=_parsed(request.policy_input_list, "PolicyInputList"),
        resource=_resource_policies(request),
        boundary=_given_boundary(request),
    )
    caller_arn = _given_caller(request)
    question = Question(
        caller_arn=caller_arn or arn_of(IdentityKind.USER, call.account_id, "/", "simulated"),
        caller_account=_caller_account(request, caller_arn),
        policies=policies,
        keys=_with_entries({}, request.context_entries),
    )
    return _answer(call, request, question)


def _answer(call: CompanionCall, request: Simulation, question: Question) -> SimulateResponse:
    for action in request.action_names:
        if _ACTION.fullmatch(action) is None:
            raise InvalidInput(f"Invalid action: {action}")
    pairs = product(request.action_names, request.resource_arns or [NO_RESOURCE])

    def follow(after: Place) -> Iterator[tuple[int, str, str]]:
        numbered = ((number, *pair) for number, pair in enumerate(pairs))
        return islice(numbered, int(after[0]) + 1 if after else 0, None)

    found = page(call, request, follow, lambda pair: [str(pair[0])])
    results = [_result(question, action, arn) for _, action, arn in found.items]
    return SimulateResponse(evaluation_results=results, is_truncated=found.is_truncated, marker=found.marker)


def _result(question: Question, action: str, arn: str) -> EvaluationResult:
    request = AccessRequest(_names(question, arn), action, arn, Context(question.keys))
    decision = decide(request, question.policies)
    told = IMPLICIT_DENY if decision.statement is None else EXPLICIT_DENY
    told = ALLOWED if decision.allowed else told
    matched = []
    if decision.statement is not None:
        matched = [MatchedStatement(source_policy_id=decision.policy or "", source_policy_type=POLICY_TYPE)]
    missing = _missing(question, action)
    bounds = question.policies.boundary
    detail = None
    if bounds is not None:
        verdict = judge((bounds,), request)
        is_within = verdict.deny is None and verdict.allow is not None
        detail = BoundaryDetail(allowed_by_permissions_boundary=is_within)
    result = ResourceResult(
        eval_resource_name=arn,
        eval_resource_decision=told,
        matched_statements=matched,
        missing_context_values=missing,
        permissions_boundary_decision_detail=detail,
    )
    return EvaluationResult(
        eval_action_name=action,
        eval_resource_name=arn,
        eval_decision=told,
        matched_statements=matched,
        missing_context_values=missing,
        permissions_boundary_decision_detail=detail,
        eval_decision_details={},
        resource_specific_results=[] if arn == NO_RESOURCE else [result],
    )


def _names(question: Question, arn: str) -> CallerNames:
    owner = account_of(arn)
    if question.caller_account is None:
        return CallerNames(account_id=owner, arn=question.caller_arn)
    if owner == "" and arn != NO_RESOURCE:
        raise InvalidInput("A resource policy can be simulated for resources whose ARN names their account.")
    return CallerNames(account_id=question.caller_account, arn=question.caller_arn)


def _missing(question: Question, action: str) -> list[str]:
    """Return the keys that conditions about an action ask for and nobody gave."""
    given = {key.lower() for key in question.keys}
    policies = question.policies
    all_policies = (*policies.identity, *policies.resource, *([policies.boundary] if policies.boundary else []))
    keys = {
        condition.key
        for policy in all_policies
        for statement in policy.statements
        if statement.actions.covers(action)
        for condition in statement.conditions
    }
    return sorted(key for key in keys if key.lower() not in given)


def _get_source(call: CompanionCall, arn: str) -> User | Group | Role:
    found = find_target(call.tx.identities, arn) if account_of(arn) == call.account_id else None
    if not isinstance(found, User | Group | Role) or found.arn != arn:
        raise NoSuchEntity(f"The entity with ARN {arn} cannot be found.")
    return found


def _policies_of(call: CompanionCall, source: User | Group | Role) -> Iterator[Policy]:
    identities = call.tx.identities
    holders: list[Identity] = [source]
    if isinstance(source, User):
        holders += identities.groups_of(source)
    for holder in holders:
        for name, document in sorted(identities.inline_policies(holder).items()):
            source_id = f"{holder.kind.value}_{holder.name}_{name}"
            yield parse_stored(document, PolicyKind.IDENTITY, name=source_id)
        for arn in identities.attachments(holder):
            document = find_policy(call.tx, arn) or ""
            yield parse_stored(document, PolicyKind.IDENTITY, name=last_name(arn))


def _boundary_of(call: CompanionCall, source: User | Group | Role) -> Policy | None:
    if isinstance(source, Group) or source.boundary_arn is None:
        return None
    document = find_policy(call.tx, source.boundary_arn) or ""
    return parse_stored(document, PolicyKind.BOUNDARY, name=last_name(source.boundary_arn))


def _parsed(documents: Iterable[str] | None, name: str, kind: PolicyKind = PolicyKind.IDENTITY) -> tuple[Policy, ...]:
    """Return policies of a request. Raises InvalidInput for one that is none."""
    try:
        return tuple(
            parse_policy(document, kind=kind, name=f"{name}.{number}")
            for number, document in enumerate(documents or (), start=1)
        )
    except (MalformedPolicyDocument, MalformedPolicyDocumentException) as error:
        raise InvalidInput(error.message) from error


def _resource_policies(request: Simulation) -> tuple[Policy, ...]:
    given = [] if request.resource_policy is None else [request.resource_policy]
    return tuple(replace(each, name="ResourcePolicy") for each in _parsed(given, "", PolicyKind.RESOURCE))


def _given_boundary(request: Simulation) -> Policy | None:
    name = "PermissionsBoundaryPolicyInputList"
    boundaries = _parsed(request.permissions_boundary_policy_input_list, name, PolicyKind.BOUNDARY)
    if len(boundaries) > 1:
        raise InvalidInput("A principal has one permissions boundary at most.")
    return boundaries[0] if boundaries else None


def _given_caller(request: Simulation) -> str | None:
    if request.caller_arn is not None and _USER.fullmatch(request.caller_arn) is None:
        raise InvalidInput("CallerArn must be the ARN of a user.")
    return request.caller_arn


def _caller_account(request: Simulation, caller_arn: str | None) -> str | None:
    if request.resource_policy is None:
        return None
    if caller_arn is None:
        raise InvalidInput("A resource policy is simulated for a caller, whom CallerArn names.")
    return account_of(caller_arn)


def _keys_of(source: User | Group | Role) -> dict[str, str | list[str]]:
    if isinstance(source, Group):
        return {}
    keys: dict[str, str | list[str]] = {
        "aws:PrincipalArn": source.arn,
        "aws:PrincipalAccount": source.account_id,
        **{f"aws:PrincipalTag/{tag.key}": tag.value for tag in source.tags},
    }
    if isinstance(source, User):
        keys |= {"aws:username": source.name, "aws:userid": source.unique_id, "aws:PrincipalType": "User"}
    return keys


def _with_entries(
    keys: dict[str, str | list[str]], entries: Iterable[ContextEntry] | None
) -> dict[str, str | list[str]]:
    """Return keys with those of the request, which count instead of others, whatever their case."""
    given: dict[str, str | list[str]] = {}
    for entry in entries or ():
        name, values = entry.context_key_name, entry.context_key_values
        if name is None or values is None or entry.context_key_type is None:
            raise InvalidInput("A context entry has a name, values and a type.")
        is_list = entry.context_key_type.endswith("List")
        if not is_list and len(values) != 1:
            raise InvalidInput(f"The context key {name} is of the type {entry.context_key_type}: it has one value.")
        given[name] = values if is_list else values[0]
    replaced = {name.lower() for name in given}
    return {key: value for key, value in keys.items() if key.lower() not in replaced} | given


def _the_source(request: Any, _account_id: str, _principal: Principal | None) -> str:
    arn: str = request.policy_source_arn
    iam_names.require_holder_arn(arn)
    return arn


OPERATIONS = (
    reads(
        "SimulatePrincipalPolicy",
        SimulatePrincipalRequest,
        SimulateResponse,
        simulate_principal_policy,
        resource=_the_source,
    ),
    reads("SimulateCustomPolicy", SimulateCustomRequest, SimulateResponse, simulate_custom_policy, resource=everything),
)
