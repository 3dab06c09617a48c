"""The invariants can be broken: for each, something that breaks it is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chaos import records
from chaos.calls import DELETIONS, WINDOW_SECONDS, Action, Call, Held, Seen, State, difference, is_due_refusal
from chaos.client import Answer
from chaos.owner import Grave
from chaos.people import Change, Key, KeyState, Operation, Person
from chaos.people import is_due_refusal as is_due_refusal_of
from chaos.plant import AWAY
from chaos.registrar import Registrar
from chaos.rivals import Put, Rivals
from chaos.violation import Violation
from support.deployment import config_for, deployed
from support.iam import READ_ALL, Iam
from support.storages import run_sql

NOW = 1_900_000_000.0
LIVE = Held("a", State.LIVE, "arn:a", {"v1": "one", "v2": "two"}, "v2", "v1", {"k": "v"}, "text")
SHOWN = Seen(
    State.LIVE,
    "arn:a",
    frozenset({"v1", "v2"}),
    {"v1": "one", "v2": "two"},
    {"v2": ["AWSCURRENT"], "v1": ["AWSPREVIOUS"]},
    {"k": "v"},
    "text",
)
DUE = replace(LIVE, state=State.SCHEDULED, purge_at=NOW)


def test_a_secret_that_is_as_it_was_left_differs_in_nothing():
    assert difference(LIVE, SHOWN, NOW) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"arn": "arn:b"},
        {"version_ids": frozenset({"v2"})},
        {"values": {"v1": "one", "v2": "another"}},
        {"stages": {"v1": ["AWSCURRENT"], "v2": ["AWSPREVIOUS"]}},
        {"tags": {}},
        {"description": ""},
        {"replicas": frozenset({"eu-west-1"})},
        {"state": State.SCHEDULED},
        {"state": State.ABSENT},
    ],
)
def test_a_secret_that_lost_or_changed_anything_differs(changed: dict[str, Any]):
    assert difference(LIVE, replace(SHOWN, **changed), NOW) is not None


@pytest.mark.parametrize(("at", "is_early"), [(NOW - 1, True), (NOW, False), (NOW + 1, False)])
def test_a_secret_that_is_gone_before_its_date_differs(at: float, is_early):
    assert (difference(DUE, Seen(), at) is not None) is is_early


def test_a_deletion_whose_date_moved_differs():
    scheduled = Call(Action.DELETE, "a").after(LIVE, NOW)
    shown = replace(SHOWN, state=State.SCHEDULED, values={}, purge_at=NOW + WINDOW_SECONDS)
    assert difference(scheduled, shown, NOW) is None
    assert difference(scheduled, replace(shown, purge_at=NOW + WINDOW_SECONDS - 1), NOW) is not None


@pytest.mark.parametrize(
    ("action", "code", "ended", "expected"),
    [
        (Action.RESTORE, "InvalidRequestException", NOW - 1, False),
        (Action.RESTORE, "InvalidRequestException", NOW, True),
        (Action.RESTORE, "ResourceNotFoundException", NOW, True),
        (Action.READ, "InvalidRequestException", NOW - 1, True),
        (Action.READ, "ResourceNotFoundException", NOW - 1, False),
        (Action.PUT, "InvalidRequestException", NOW, False),
    ],
)
def test_a_refusal_is_expected_only_of_what_is_scheduled_and_due(action, code, ended, expected):
    assert is_due_refusal(Call(action, "a"), DUE, code, ended) is expected
    assert not is_due_refusal(Call(action, "a"), LIVE, code, ended)


REPLICATED = replace(LIVE, arn="arn:aws:secretsmanager:eu-central-1:1:secret:a-X", replicas=frozenset({"eu-west-1"}))


def test_a_replica_is_to_be_as_its_primary_where_there_is_one_and_nothing_elsewhere():
    there = REPLICATED.replica("eu-west-1")
    shown = replace(SHOWN, arn="arn:aws:secretsmanager:eu-west-1:1:secret:a-X")
    assert difference(there, shown, NOW) is None
    assert difference(there, replace(shown, arn=REPLICATED.arn), NOW) is not None
    assert difference(there, replace(shown, values={"v2": "another"}), NOW) is not None
    assert difference(there, Seen(), NOW) is not None
    assert difference(REPLICATED.replica("us-east-1"), shown, NOW) is not None
    assert difference(REPLICATED.replica("us-east-1"), Seen(), NOW) is None


def test_a_primary_with_replicas_must_not_be_deleted():
    for action in DELETIONS:
        assert is_due_refusal(Call(action, "a"), REPLICATED, "InvalidParameterException", NOW)
        assert not is_due_refusal(Call(action, "a"), LIVE, "InvalidParameterException", NOW)
        assert not is_due_refusal(Call(action, "a"), REPLICATED, "InvalidRequestException", NOW)
    removed = Call(Action.REMOVE, "a", region="eu-west-1").after(REPLICATED, NOW)
    assert removed.replicas == Call(Action.PUT, "a", "v3", "x").after(removed, NOW).replicas == frozenset()


ACTIVE, DISABLED = Key("one", "secret"), Key("two", "secret", KeyState.INACTIVE)
PERSON = Person("a", is_there=True, keys={"one": ACTIVE, "two": DISABLED}, effects=frozenset({"Allow"}))


@pytest.mark.parametrize(
    ("key", "effects", "outcome"),
    [
        (ACTIVE, {"Allow"}, ""),
        (ACTIVE, set(), "AccessDeniedException"),
        (ACTIVE, {"Deny"}, "AccessDeniedException"),
        (ACTIVE, {"Allow", "Deny"}, "AccessDeniedException"),
        (DISABLED, {"Allow"}, "UnrecognizedClientException"),
        (replace(ACTIVE, state=KeyState.DELETED), {"Allow"}, "UnrecognizedClientException"),
    ],
)
def test_a_key_that_does_more_or_less_than_it_was_given_is_found(key, effects, outcome):
    registrar, person = Registrar("r", "1"), replace(PERSON, effects=frozenset(effects))
    for code in ("", "AccessDeniedException", "UnrecognizedClientException"):
        answer = Answer(200 if not code else 400, "1", {"__type": code}, NOW, NOW)
        if code == outcome:
            registrar._require_outcome(person, key, answer)
        else:
            with pytest.raises(Violation):
                registrar._require_outcome(person, key, answer)


def test_a_user_that_has_something_must_not_be_deleted():
    deletion = Change(Operation.DELETE_USER, "a")
    assert is_due_refusal_of(deletion, PERSON, "DeleteConflict")
    assert not is_due_refusal_of(deletion, PERSON, "NoSuchEntity")
    assert not is_due_refusal_of(deletion, Person("a", is_there=True), "DeleteConflict")
    assert not is_due_refusal_of(deletion, Person("a", is_there=True, effects=frozenset({"Deny"})), "")


def test_what_was_changed_about_a_user_is_what_is_expected_of_it():
    disabled = Change(Operation.UPDATE_KEY, "a", "one", KeyState.INACTIVE).after(PERSON)
    assert (disabled.key_states["one"], disabled.outcome(disabled.keys["one"])) == (
        "Inactive",
        "UnrecognizedClientException",
    )
    deleted = Change(Operation.DELETE_KEY, "a", "one").after(PERSON)
    assert (set(deleted.key_states), deleted.keys["one"].state) == ({"two"}, KeyState.DELETED)
    assert Change(Operation.DELETE_POLICY, "a", effect="Allow").after(PERSON).effects == frozenset()


def called(request_id: str, name: str = "PutSecretValue", **more: str) -> dict[str, Any]:
    return {"eventType": "AwsApiCall", "requestID": request_id, "eventName": name, **more}


@pytest.mark.parametrize(
    "written", [[], [called("1"), called("1")], [called("1", "TagResource")], [called("1", errorCode="Some")]]
)
def test_an_answered_call_that_is_not_on_the_trail_exactly_once_and_as_it_was_is_found(written):
    answered = [("PutSecretValue", Answer(200, "1", {}, NOW, NOW))]
    records.require_recorded([called("1")], answered)
    with pytest.raises(Violation):
        records.require_recorded(written, answered)


def told(name: str, version: str, event_id: str) -> dict[str, Any]:
    details = {"SecretId": "arn:a", "VersionId": version}
    return {"eventType": "AwsServiceEvent", "eventName": name, "eventID": event_id, "additionalEventData": details}


PURGED = [told(f"{name}SecretVersionDelete", "v1", name) for name in ("Start", "End")]


@pytest.mark.parametrize(
    "written",
    [
        [],
        PURGED[:1],
        [*PURGED, told("EndSecretVersionDelete", "v1", "other")],
        [told("EndSecretVersionDelete", "v2", "x")],
    ],
)
def test_a_purge_that_is_told_half_or_twice_or_of_another_version_is_found(written):
    graves = {"arn:a": Grave(NOW, frozenset({"v1"}), 1)}
    records.require_told_purges([*PURGED, *PURGED], graves, {})
    with pytest.raises(Violation):
        records.require_told_purges(written, graves, {})


def test_a_current_version_that_another_came_after_is_found():
    puts = [Put("v1", "", 1.0, 2.0), Put("v2", "", 3.0, 4.0), Put("v3", "", 3.5, None)]
    for current in ("v2", "v3"):
        Rivals._require_last("a", puts, [current])
    for current in ([], ["v1"]):
        with pytest.raises(Violation):
            Rivals._require_last("a", puts, current)


@dataclass
class Rows:
    """The part of a plant that looks at rows."""

    url: str

    def sql(self, statement: str, **params: Any) -> list[tuple[Any, ...]]:
        return run_sql(self.url, statement, **params)


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Any]:
    with deployed(config_for("sqlite", tmp_path)) as here:
        here.create("a")
        here.create("b")
        here.put("b", 2)
        here.call("DeleteSecret", SecretId="b")
        here.create("c")
        here.call("DeleteSecret", SecretId="c", ForceDeleteWithoutRecovery=True)
        here.create("d", AddReplicaRegions=[{"Region": AWAY[0]}])
        user = Iam(here)
        user("CreateUser", UserName="u")
        user("CreateAccessKey", UserName="u")
        user("PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=READ_ALL)
        here.run_jobs()
        yield Rows(f"sqlite:///{here.config.database_path}")


@pytest.mark.parametrize(
    ("what", "sabotage"),
    [
        ("versions without a value or a key", "UPDATE versions SET wrapped_key = NULL"),
        ("secrets without a current version", "DELETE FROM stages WHERE label = 'AWSCURRENT'"),
        ("versions of no secret", "DELETE FROM secrets WHERE name = 'a'"),
        ("labels of no secret", "UPDATE stages SET arn = 'arn:x' WHERE label = 'AWSPREVIOUS'"),
        ("labels of no version", "DELETE FROM versions"),
        ("index terms of no secret", "UPDATE secrets SET name = 'other' WHERE name = 'a'"),
        ("scheduled secrets that no job will purge", "DELETE FROM jobs"),
        ("purges of what is not scheduled", "UPDATE secrets SET purge_at = NULL"),
        ("secrets both purged and there", "UPDATE tombstones SET arn = (SELECT arn FROM secrets WHERE name = 'a')"),
        ("replicas that no primary has", "DELETE FROM replicas"),
        ("primaries of replicas that are scheduled or gone", "UPDATE secrets SET purge_at = 1 WHERE name = 'd'"),
        ("access keys of nobody", "UPDATE access_keys SET principal_id = 'x' WHERE principal_arn LIKE '%user/u'"),
        ("policies of nobody", "UPDATE identities SET unique_id = 'x' WHERE kind = 'user'"),
    ],
)
def test_rows_that_are_half_there_are_found(rows: Any, what: str, sabotage: str):
    statement = records.NO_ROW_MAY_BE[what]
    records.require_whole_rows(rows)
    rows.sql(sabotage)
    assert rows.sql(statement)
    with pytest.raises(Violation):
        records.require_whole_rows(rows)


def test_a_purge_before_its_date_or_without_being_asked_is_found(rows: Any):
    ((arn, at),) = records.tombstones(rows).items()
    grave = Grave(at, frozenset(), 1)
    records.require_graves({arn: at}, {arn: grave}, {})
    records.require_graves({arn: at}, {}, {arn: grave})
    late = replace(grave, purge_at=at + 1)
    broken: list[tuple[dict[str, Grave], dict[str, Grave]]] = [({}, {}), ({arn: late}, {}), ({}, {arn: late})]
    broken.append(({arn: grave, "arn:b": grave}, {}))
    for graves, due in broken:
        with pytest.raises(Violation):
            records.require_graves({arn: at}, graves, due)


def test_a_replica_that_was_purged_unasked_is_found(rows: Any):
    arn = f"arn:aws:secretsmanager:{AWAY[0]}:123456789012:secret:d-ABCDEF"
    rows.sql("UPDATE tombstones SET arn = :arn", arn=arn)
    assert records.tombstones(rows) == {}
    records.require_removed(rows, {arn})
    with pytest.raises(Violation):
        records.require_removed(rows, set())


def test_a_job_that_stays_due_is_found(rows: Any):
    records.require_no_stuck_jobs(rows, patience=0)
    rows.sql("UPDATE jobs SET run_at = 1")
    with pytest.raises(Violation):
        records.require_no_stuck_jobs(rows, patience=0)
