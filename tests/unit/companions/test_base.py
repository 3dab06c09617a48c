"""Declarations of companion services agree with the service models, and leave nothing out."""

from __future__ import annotations

import botocore.session
import pytest

from strongroom.companions.base import IAM, STS, Access, CompanionOperation
from strongroom.operations.base import Request

DECLARED = {
    "service": STS,
    "name": "GetCallerIdentity",
    "request": Request,
    "result": None,
    "access": Access.PROVEN,
    "resource": lambda _request, _account_id, _principal: "*",
    "mutates": False,
    "handler": lambda _call, _request: None,
    "shown_request": (),
    "shown_response": (),
}


@pytest.mark.parametrize("service", [STS, IAM])
def test_a_service_is_what_its_model_says(service):
    metadata = botocore.session.Session().get_service_model(service.name).metadata
    assert (service.version, service.xmlns) == (metadata["apiVersion"], metadata["xmlNamespace"])
    assert service.event_source == metadata["globalEndpoint"]


def test_an_operation_is_named_by_policies_after_its_service():
    assert CompanionOperation(**DECLARED).action == "sts:GetCallerIdentity"


@pytest.mark.parametrize("member", DECLARED)
def test_an_operation_that_leaves_a_member_out_cannot_be_declared(member):
    with pytest.raises(TypeError, match=member):
        CompanionOperation(**{name: value for name, value in DECLARED.items() if name != member})
