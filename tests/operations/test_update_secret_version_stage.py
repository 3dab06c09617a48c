"""The case table of moving, adding and removing one label. L is the label, H the version that holds it."""

from __future__ import annotations

import pytest

from support.deployment import token
from support.refusals import MARKED_FOR_DELETION, SECRET_NOT_FOUND, refusal, version_not_found

ILLEGAL = "InvalidParameterException"
CANNOT_REMOVE_CURRENT = (
    ILLEGAL,
    "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
)


def move(deployment, label, *, to=None, source=None):
    return deployment.call("UpdateSecretVersionStage", SecretId="app/db", **members_of(label, to, source))


def refused(deployment, label, *, to=None, source=None):
    return refusal(deployment, "UpdateSecretVersionStage", SecretId="app/db", **members_of(label, to, source))


def members_of(label, to, source):
    members = {"VersionStage": label}
    if to is not None:
        members["MoveToVersionId"] = token(to)
    if source is not None:
        members["RemoveFromVersionId"] = token(source)
    return members


def stages(deployment):
    return {int(version_id[:8]): labels for version_id, labels in deployment.stages("app/db").items()}


def source_missing(label, holder):
    text = (
        f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version "
        f"{token(holder)}, so you must explicitly reference that version in RemoveFromVersionId."
    )
    return ILLEGAL, text


def source_wrong(label):
    text = (
        f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the version that "
        f"currently has the staging label {label}."
    )
    return ILLEGAL, text


def not_there(label, number):
    return ILLEGAL, f"Version stage {label} not found in version {token(number)}"


def create_three_versions(deployment):
    """Create a secret as BEFORE has it."""
    deployment.create()
    deployment.put("app/db", 2, None, "AWSCURRENT", "L", "AWSPENDING")
    deployment.put("app/db", 3, None, "K")


@pytest.fixture
def three_versions(deployment):
    create_three_versions(deployment)
    return deployment


BEFORE = {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT", "L", "AWSPENDING"}, 3: {"K"}}


MOVES = [
    ("L on nobody: attached", "NEW", 3, None, BEFORE | {3: {"K", "NEW"}}),
    ("from H: moved", "L", 3, 2, BEFORE | {2: {"AWSCURRENT", "AWSPENDING"}, 3: {"K", "L"}}),
    ("already there", "L", 2, None, BEFORE),
    ("already there, and H named", "L", 2, 2, BEFORE),
    ("AWSCURRENT already there", "AWSCURRENT", 2, None, BEFORE),
    ("from H to nobody: removed", "L", None, 2, BEFORE | {2: {"AWSCURRENT", "AWSPENDING"}}),
    ("the last label removed: deprecated", "K", None, 3, {1: BEFORE[1], 2: BEFORE[2]}),
    ("AWSPREVIOUS may be removed", "AWSPREVIOUS", None, 1, {2: BEFORE[2], 3: BEFORE[3]}),
    ("AWSPENDING moves", "AWSPENDING", 3, 2, BEFORE | {2: {"AWSCURRENT", "L"}, 3: {"K", "AWSPENDING"}}),
    (
        "AWSCURRENT moves: H becomes previous, all other labels stay",
        "AWSCURRENT",
        3,
        2,
        {2: {"AWSPREVIOUS", "L", "AWSPENDING"}, 3: {"AWSCURRENT", "K"}},
    ),
    (
        "roll-back: current and previous change places",
        "AWSCURRENT",
        1,
        2,
        {1: {"AWSCURRENT"}, 2: {"AWSPREVIOUS", "L", "AWSPENDING"}, 3: {"K"}},
    ),
]
"""A row of the case table, label, destination, source, and the labels of each version after the move."""


def test_a_label_moves(deployment):
    for rule, label, to, source, after in MOVES:
        create_three_versions(deployment)
        answer = move(deployment, label, to=to, source=source)
        assert answer.keys() == {"ARN", "Name"}
        assert (rule, stages(deployment)) == (rule, after)
        deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
        deployment.run_jobs()


def test_a_move_against_the_rules_is_refused_and_changes_nothing(three_versions):
    deployment = three_versions
    cases = [
        ("L", 3, None, source_missing("L", 2)),
        ("AWSCURRENT", 3, None, source_missing("AWSCURRENT", 2)),
        ("AWSPENDING", 1, None, source_missing("AWSPENDING", 2)),
        ("L", 3, 1, source_wrong("L")),
        ("AWSCURRENT", 3, 1, source_wrong("AWSCURRENT")),
        ("L", 2, 1, source_wrong("L")),
        ("NEW", 3, 1, not_there("NEW", 1)),
        ("NEW", None, 1, not_there("NEW", 1)),
        ("L", None, 3, not_there("L", 3)),
        ("AWSCURRENT", None, 1, not_there("AWSCURRENT", 1)),
        ("AWSCURRENT", None, 2, CANNOT_REMOVE_CURRENT),
        ("L", 9, 2, version_not_found(token(9))),
        ("L", 3, 9, version_not_found(token(9))),
        ("NEW", 9, None, version_not_found(token(9))),
        ("NEW", None, 9, version_not_found(token(9))),
    ]
    before = deployment.call("DescribeSecret", SecretId="app/db")
    for label, to, source, expected in cases:
        assert (label, to, source, refused(deployment, label, to=to, source=source)) == (label, to, source, expected)
    assert refused(deployment, "L") == (
        ILLEGAL,
        "You must specify at least one of the parameters MoveToVersionId and RemoveFromVersionId.",
    )
    assert deployment.call("DescribeSecret", SecretId="app/db") == before


def test_labels_are_attached_to_a_deprecated_version_again(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    assert stages(deployment) == {2: {"AWSPREVIOUS"}, 3: {"AWSCURRENT"}}
    move(deployment, "AWSCURRENT", to=1, source=3)
    assert stages(deployment) == {1: {"AWSCURRENT"}, 3: {"AWSPREVIOUS"}}


def test_reading_follows_awscurrent(three_versions):
    move(three_versions, "AWSCURRENT", to=3, source=2)
    read = three_versions.call("GetSecretValue", SecretId="app/db")
    assert (read["VersionId"], read["SecretString"]) == (token(3), "value 3")
    move(three_versions, "AWSCURRENT", to=2, source=3)
    assert three_versions.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 2"


def test_a_move_that_changes_nothing_is_no_change_of_the_secret(three_versions):
    changed = three_versions.call("DescribeSecret", SecretId="app/db")["LastChangedDate"]
    move(three_versions, "L", to=2)
    assert three_versions.call("DescribeSecret", SecretId="app/db")["LastChangedDate"] == changed
    move(three_versions, "L", to=3, source=2)
    assert three_versions.call("DescribeSecret", SecretId="app/db")["LastChangedDate"] > changed


def test_a_twenty_first_label_is_refused(three_versions):
    for number in range(15):
        move(three_versions, f"EXTRA{number}", to=3)
    code, _ = refused(three_versions, "ONE_MORE", to=3)
    assert code == "LimitExceededException"
    move(three_versions, "AWSPREVIOUS", source=1)
    move(three_versions, "ONE_MORE", to=3)


def test_the_secret_must_exist_and_not_be_scheduled(deployment):
    assert refused(deployment, "L", to=1) == SECRET_NOT_FOUND
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refused(deployment, "L", to=1) == MARKED_FOR_DELETION


def test_worked_trace_of_custom_stages(deployment):
    deployment.create()
    trace = [stages(deployment)]
    for step in (
        lambda: deployment.put("app/db", 2, None, "AWSCURRENT", "PUT0"),
        lambda: deployment.put("app/db", 3, None, "AWSPENDING", "PUT1"),
        lambda: move(deployment, "AWSCURRENT", to=3, source=2),
        lambda: deployment.put("app/db", 4, None, "AWSPENDING", "PUT2"),
        lambda: move(deployment, "AWSCURRENT", to=4, source=3),
    ):
        step()
        trace.append(stages(deployment))
    assert trace == [
        {1: {"AWSCURRENT"}},
        {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT", "PUT0"}},
        {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT", "PUT0"}, 3: {"AWSPENDING", "PUT1"}},
        {2: {"AWSPREVIOUS", "PUT0"}, 3: {"AWSCURRENT", "AWSPENDING", "PUT1"}},
        {2: {"AWSPREVIOUS", "PUT0"}, 3: {"AWSCURRENT", "PUT1"}, 4: {"AWSPENDING", "PUT2"}},
        {2: {"PUT0"}, 3: {"AWSPREVIOUS", "PUT1"}, 4: {"AWSCURRENT", "AWSPENDING", "PUT2"}},
    ]


def test_a_deprecated_version_stays_readable_and_its_label_can_come_back(deployment):
    deployment.create()
    deployment.put("app/db", 2, None, "AWSPENDING")
    move(deployment, "AWSPENDING", source=2)
    assert stages(deployment) == {1: {"AWSCURRENT"}}
    assert deployment.call("GetSecretValue", SecretId="app/db", VersionId=token(2))["SecretString"] == "value 2"
    move(deployment, "AWSPENDING", to=2)
    assert stages(deployment) == {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}}
