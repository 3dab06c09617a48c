"""LookupEvents: which events are told, in which order and pages, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from strongroom.authorization import Caller
from strongroom.companions.base import CLOUDTRAIL
from strongroom.companions.cloudtrail import OPERATIONS, lookup_events
from strongroom.domain.principal import Principal
from strongroom.errors import (
    AccessDeniedException,
    InvalidEventCategoryException,
    InvalidLookupAttributesException,
    InvalidMaxResultsException,
    InvalidNextTokenException,
    InvalidTimeRangeException,
    UnsupportedOperationException,
)
from strongroom.metrics import Metrics
from strongroom.storage import trail_blocks, trail_index
from strongroom.wire import awsjson, constraints
from strongroom.workers.audit_index import AuditIndex
from support.deployment import Deployment, config_for, deployed
from support.iam import ORIGIN, ROOT, allow, document

MODEL = botocore.session.Session().get_service_model("cloudtrail")

TWICE = {"AttributeKey": "EventName", "AttributeValue": "x"}


class Trail:
    """Calls LookupEvents as one principal, after everything that happened was copied."""

    def __init__(self, deployment: Deployment, principal: Principal = ROOT) -> None:
        self.deployment = deployment
        self.principal = principal

    def __call__(self, attribute: tuple[str, str] | None = None, **members: Any) -> dict[str, Any]:
        here = self.deployment
        index = AuditIndex(
            here.node.storage, here.clock, Metrics(), node="n", folder=here.config.audit_dir, kept=timedelta(days=90)
        )
        index.copy_all()
        if attribute is not None:
            members["LookupAttributes"] = [dict(zip(("AttributeKey", "AttributeValue"), attribute, strict=True))]
        request = awsjson.decode(json.dumps(members).encode(), OPERATIONS["LookupEvents"].request)
        constraints.check(request)
        caller = Caller(self.principal, here.region, ORIGIN)
        response = here.node.companions.perform(OPERATIONS["LookupEvents"], request, caller, ORIGIN)
        return json.loads(awsjson.encode(response))

    def names(self, *arguments: Any, **members: Any) -> list[str]:
        """Return the names of the events told, oldest first, without those of the lookups themselves."""
        events = reversed(self(*arguments, **members)["Events"])
        return [event["EventName"] for event in events if event["EventName"] != "LookupEvents"]


@pytest.fixture
def trail(deployment: Deployment) -> Trail:
    return Trail(deployment)


@pytest.fixture
def arn(deployment: Deployment) -> str:
    arn = deployment.create("app/db")
    deployment.call("GetSecretValue", SecretId="app/db")
    deployment.create("other")
    deployment.call("DeleteSecret", SecretId=arn)
    return arn


def test_the_service_is_what_its_model_says():
    assert CLOUDTRAIL.version == MODEL.metadata["apiVersion"]
    assert MODEL.metadata["jsonVersion"] == "1.1"


def test_members_and_errors_are_those_of_the_model():
    described = MODEL.operation_model("LookupEvents")

    def members(struct: Any) -> set[str]:
        return {field.encode_name for field in lookup_events.msgspec.structs.fields(struct)}

    assert members(lookup_events.LookupEventsRequest) == set(described.input_shape.members)
    assert members(lookup_events.LookupEventsResponse) == set(described.output_shape.members)
    assert members(lookup_events.Event) == set(described.output_shape.members["Events"].member.members)
    keys = described.input_shape.members["LookupAttributes"].member.members["AttributeKey"].enum
    assert set(lookup_events._ATTRIBUTES) == set(keys)
    errors = {shape.name for shape in described.error_shapes}
    assert {
        error.__name__
        for error in (
            InvalidEventCategoryException,
            InvalidLookupAttributesException,
            InvalidMaxResultsException,
            InvalidNextTokenException,
            InvalidTimeRangeException,
            UnsupportedOperationException,
        )
    } <= errors


def test_an_event_tells_what_cloudtrail_tells(trail, arn):
    (read,) = trail(("EventName", "GetSecretValue"))["Events"]
    record = json.loads(read.pop("CloudTrailEvent"))
    assert record["eventName"] == "GetSecretValue"
    assert record["requestParameters"] == {"secretId": "app/db"}
    assert read == {
        "EventId": record["eventID"],
        "EventName": "GetSecretValue",
        "ReadOnly": "true",
        "AccessKeyId": ROOT.access_key_id,
        "EventTime": read["EventTime"],
        "EventSource": "secretsmanager.amazonaws.com",
        "Username": "root",
        "Resources": [
            {"ResourceType": "AWS::SecretsManager::Secret", "ResourceName": "app/db"},
            {"ResourceType": "AWS::SecretsManager::Secret", "ResourceName": arn},
        ],
    }


def test_events_are_found_by_every_attribute(trail, arn):
    all_of_it = ["CreateSecret", "GetSecretValue", "CreateSecret", "DeleteSecret"]
    of_the_secret = ["CreateSecret", "GetSecretValue", "DeleteSecret"]
    assert trail.names() == all_of_it
    assert trail.names(("ResourceName", "app/db")) == of_the_secret
    assert trail.names(("ResourceName", arn)) == of_the_secret
    assert trail.names(("ResourceType", "AWS::SecretsManager::Secret")) == all_of_it
    assert trail.names(("ReadOnly", "false")) == ["CreateSecret", "CreateSecret", "DeleteSecret"]
    assert trail.names(("ReadOnly", "true")) == ["GetSecretValue"]
    assert trail.names(("Username", "root")) == all_of_it
    assert trail.names(("EventSource", "secretsmanager.amazonaws.com")) == all_of_it
    assert trail.names(("EventSource", "iam.amazonaws.com")) == []
    assert trail.names(("AccessKeyId", ROOT.access_key_id)) == all_of_it
    (event,) = trail(("EventName", "DeleteSecret"))["Events"]
    assert trail.names(("EventId", event["EventId"])) == ["DeleteSecret"]


def test_another_account_and_another_region_have_events_of_their_own(trail, deployment, arn):
    elsewhere = Trail(deployment.elsewhere(region="eu-west-1"))
    assert elsewhere.names() == []
    other = Principal("Root", "arn:aws:iam::999988887777:root", "999988887777", "999988887777", "AKIAOTHER")
    assert Trail(deployment, other).names() == []


def test_times_bound_what_is_told(trail, deployment, arn):
    times = [event["EventTime"] for event in reversed(trail()["Events"]) if event["EventName"] != "LookupEvents"]
    assert trail.names(StartTime=times[1], EndTime=times[2]) == ["GetSecretValue", "CreateSecret"]
    assert trail.names(StartTime=times[3]) == ["DeleteSecret"]
    assert trail.names(EndTime=times[0]) == ["CreateSecret"]
    assert trail.names(StartTime=times[3] + 3_600) == []


def test_pages_tell_each_event_once_newest_first(trail, deployment):
    for number in range(7):
        deployment.create(f"app/{number}")
    told, token = [], {}
    end = trail()["Events"][0]["EventTime"]
    while True:
        answer = trail(("EventName", "CreateSecret"), EndTime=end, MaxResults=2, **token)
        assert len(answer["Events"]) <= 2
        told += [event["Resources"][0]["ResourceName"] for event in answer["Events"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert told == [f"app/{number}" for number in reversed(range(7))]


def test_a_call_looks_at_a_bounded_number_of_events_and_goes_on_with_a_token(trail, deployment, monkeypatch):
    monkeypatch.setattr(trail_index, "MAX_LOOKED_AT", 4)
    monkeypatch.setattr(trail_blocks, "MAX_EVENTS", 2)
    deployment.create("app")
    for _ in range(9):
        deployment.call("DescribeSecret", SecretId="app")
    answer, calls = trail(("ResourceType", "AWS::None"), MaxResults=2), 1
    assert answer["Events"] == []
    while "NextToken" in answer:
        answer = trail(("ResourceType", "AWS::None"), MaxResults=2, NextToken=answer["NextToken"])
        calls += 1
        assert calls < 20
    assert calls >= 3


def test_a_token_is_good_for_the_same_parameters_only(trail, deployment, arn):
    token = trail(("Username", "root"), MaxResults=1)["NextToken"]
    assert trail(("Username", "root"), MaxResults=3, NextToken=token)["Events"]
    for members in ({}, {"attribute": ("Username", "alice")}, {"attribute": ("Username", "root"), "StartTime": 1.0}):
        with pytest.raises(InvalidNextTokenException):
            trail(**members, NextToken=token)
    with pytest.raises(InvalidNextTokenException):
        trail(("Username", "root"), NextToken="made up")


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"MaxResults": 0}, InvalidMaxResultsException),
        ({"MaxResults": 51}, InvalidMaxResultsException),
        ({"StartTime": 2e9, "EndTime": 1e9}, InvalidTimeRangeException),
        ({"EndTime": 1e300}, InvalidTimeRangeException),
        ({"EventCategory": "insight"}, InvalidEventCategoryException),
        (
            {"LookupAttributes": [{"AttributeKey": "EventColor", "AttributeValue": "x"}]},
            InvalidLookupAttributesException,
        ),
        (
            {"LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "yes"}]},
            InvalidLookupAttributesException,
        ),
        (
            {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2},
            InvalidLookupAttributesException,
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_error_of_the_model(trail, members, error):
    with pytest.raises(error):
        trail(**members)


def test_a_user_needs_the_permission(deployment, iam):
    user = Trail(deployment, iam.user("alice").principal)
    with pytest.raises(AccessDeniedException, match="not authorized to perform: cloudtrail:LookupEvents because"):
        user()
    iam("PutUserPolicy", UserName="alice", PolicyName="p", PolicyDocument=document(allow("cloudtrail:LookupEvents")))
    assert "AccessDenied" in user(("EventName", "LookupEvents"))["Events"][0]["CloudTrailEvent"]


def test_a_lookup_is_recorded_with_what_was_asked(trail, deployment):
    trail(("EventName", "GetSecretValue"), MaxResults=3)
    record = deployment.trail()[-1]
    assert (record["eventSource"], record["eventName"], record["readOnly"]) == (
        "cloudtrail.amazonaws.com",
        "LookupEvents",
        True,
    )
    asked = {"lookupAttributes": [{"attributeKey": "EventName", "attributeValue": "GetSecretValue"}], "maxResults": 3}
    assert record["requestParameters"] == asked
    assert record["responseElements"] is None


def test_without_an_index_the_call_says_so(tmp_path):
    with deployed(config_for("sqlite", tmp_path, audit_index_days=0)) as here:
        assert here.node.index is None
        with pytest.raises(UnsupportedOperationException, match="audit_index_days is 0"):
            Trail(here)()
