"""Wire shapes of the policy simulator.

What it does not simulate is no member of its requests: see the table of the test that compares them with the
service model.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from strongroom.companions.iam import shapes
from strongroom.operations.base import REQUIRED, Request, Shape, limits


class ContextKeyType(StrEnum):
    STRING = "string"
    STRING_LIST = "stringList"
    NUMERIC = "numeric"
    NUMERIC_LIST = "numericList"
    BOOLEAN = "boolean"
    BOOLEAN_LIST = "booleanList"
    IP = "ip"
    IP_LIST = "ipList"
    BINARY = "binary"
    BINARY_LIST = "binaryList"
    DATE = "date"
    DATE_LIST = "dateList"


ActionName: TypeAlias = Annotated[str, limits(3, 128)]
ResourceName: TypeAlias = Annotated[str, limits(1, 2_048)]


class ContextEntry(Shape, kw_only=True):
    context_key_name: Annotated[str, limits(5, 256)] | None = None
    context_key_values: list[str] | None = None
    context_key_type: Annotated[str, limits(enum=ContextKeyType)] | None = None


class Simulation(Request, kw_only=True):
    """What both simulations are given."""

    permissions_boundary_policy_input_list: list[shapes.Document] | None = None
    action_names: list[ActionName] = REQUIRED
    resource_arns: list[ResourceName] | None = None
    resource_policy: shapes.Document | None = None
    caller_arn: ResourceName | None = None
    context_entries: list[ContextEntry] | None = None
    max_items: shapes.MaxItems | None = None
    marker: shapes.Marker | None = None


class SimulatePrincipalRequest(Simulation, kw_only=True):
    policy_source_arn: shapes.Arn = REQUIRED
    policy_input_list: list[shapes.Document] | None = None


class SimulateCustomRequest(Simulation, kw_only=True):
    policy_input_list: list[shapes.Document] = REQUIRED


class MatchedStatement(Shape, kw_only=True):
    source_policy_id: str
    source_policy_type: str


class BoundaryDetail(Shape, kw_only=True):
    allowed_by_permissions_boundary: bool


class ResourceResult(Shape, kw_only=True):
    eval_resource_name: str
    eval_resource_decision: str
    matched_statements: list[MatchedStatement]
    missing_context_values: list[str]
    permissions_boundary_decision_detail: BoundaryDetail | None = None


class EvaluationResult(Shape, kw_only=True):
    eval_action_name: str
    eval_resource_name: str
    eval_decision: str
    matched_statements: list[MatchedStatement]
    missing_context_values: list[str]
    permissions_boundary_decision_detail: BoundaryDetail | None = None
    eval_decision_details: dict[str, str]
    resource_specific_results: list[ResourceResult]


class SimulateResponse(shapes.PageResponse, kw_only=True):
    evaluation_results: list[EvaluationResult]
