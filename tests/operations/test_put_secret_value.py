from __future__ import annotations

from support.deployment import VALUE, token
from support.refusals import (
    BOTH_VALUES,
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    refusal,
    token_in_use,
)


def labels_after(deployment, name, *puts: tuple[str, ...]):
    """Create a secret, put versions 2, 3, ... with the labels given, and return version number to labels."""
    deployment.create(name)
    for number, labels in enumerate(puts, start=2):
        deployment.put(name, number, None, *labels)
    stages = deployment.stages(name)
    return {int(version_id[:8]): labels for version_id, labels in stages.items()}


def test_the_answer_names_the_version_and_the_labels_now_on_it(deployment):
    arn = deployment.create()
    answer = deployment.put("app/db", 2)
    assert answer == {"ARN": arn, "Name": "app/db", "VersionId": token(2), "VersionStages": ["AWSCURRENT"]}
    assert set(deployment.put("app/db", 3, "v", "A", "B", "A")["VersionStages"]) == {"A", "B"}


LABELS_AFTER_PUTS = [
    ("a new current demotes the old one", [()], {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT"}}),
    ("the one before the previous is deprecated", [(), ()], {2: {"AWSPREVIOUS"}, 3: {"AWSCURRENT"}}),
    ("a custom label leaves AWSCURRENT alone", [("K",)], {1: {"AWSCURRENT"}, 2: {"K"}}),
    (
        "labels are taken from whoever had them, the rest stay",
        [("one", "two", "three"), ("one", "two")],
        {1: {"AWSCURRENT"}, 2: {"three"}, 3: {"one", "two"}},
    ),
    (
        "a version robbed of all labels is deprecated",
        [("one", "two"), ("one", "two", "three")],
        {1: {"AWSCURRENT"}, 3: {"one", "three", "two"}},
    ),
    ("AWSCURRENT with a custom label", [("AWSCURRENT", "K")], {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT", "K"}}),
    (
        "custom labels stay on a demoted version",
        [("AWSCURRENT", "K"), ()],
        {2: {"AWSPREVIOUS", "K"}, 3: {"AWSCURRENT"}},
    ),
    (
        "a label is on one version at most",
        [("AWSCURRENT", "K"), ("AWSCURRENT", "K")],
        {2: {"AWSPREVIOUS"}, 3: {"AWSCURRENT", "K"}},
    ),
    ("a custom label pins a version", [("K",), (), ()], {2: {"K"}, 3: {"AWSPREVIOUS"}, 4: {"AWSCURRENT"}}),
    ("a pending version", [("AWSPENDING",)], {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}}),
    ("a new current abandons a rotation", [("AWSPENDING",), ()], {1: {"AWSPREVIOUS"}, 3: {"AWSCURRENT"}}),
    (
        "AWSPENDING moves off the current version",
        [("AWSCURRENT", "AWSPENDING"), ("AWSPENDING",)],
        {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT"}, 3: {"AWSPENDING"}},
    ),
    (
        "AWSPENDING on the old current disappears",
        [("AWSCURRENT", "AWSPENDING"), ()],
        {2: {"AWSPREVIOUS"}, 3: {"AWSCURRENT"}},
    ),
    (
        "a custom label does not abandon a rotation",
        [("AWSPENDING",), ("K",)],
        {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}, 3: {"K"}},
    ),
    ("AWSPREVIOUS can be asked for", [(), ("AWSPREVIOUS",)], {2: {"AWSCURRENT"}, 3: {"AWSPREVIOUS"}}),
    ("any text is a label", [("AWSSOMETHING", "awscurrent")], {1: {"AWSCURRENT"}, 2: {"AWSSOMETHING", "awscurrent"}}),
]
"""A rule, the labels of puts 2, 3, ... of a secret, and the labels of each version after them."""


def test_labels_after_puts(deployment):
    for number, (rule, puts, expected) in enumerate(LABELS_AFTER_PUTS):
        assert (rule, labels_after(deployment, f"s{number}", *puts)) == (rule, expected)


def test_the_first_value_of_a_secret_takes_awscurrent_whatever_it_asks_for(deployment):
    for name, labels, expected in (
        ("none", (), {"AWSCURRENT"}),
        ("custom", ("K",), {"AWSCURRENT", "K"}),
        ("pending", ("AWSPENDING",), {"AWSCURRENT", "AWSPENDING"}),
    ):
        deployment.create(name, None)
        assert set(deployment.put(name, 1, "v", *labels)["VersionStages"]) == expected
        assert deployment.stages(name) == {token(1): expected}
        assert deployment.call("GetSecretValue", SecretId=name)["SecretString"] == "v"


def test_an_identical_value_under_a_new_token_is_a_new_version(deployment):
    deployment.create("app/db", "same")
    before = deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"]
    deployment.put("app/db", 2, "same")
    assert deployment.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT"}}
    assert deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"] > before


def test_a_repetition_changes_nothing_whatever_labels_it_names(deployment):
    deployment.create("app/db", "one")
    first = deployment.put("app/db", 2, "two")
    before = deployment.call("DescribeSecret", SecretId="app/db")
    assert deployment.put("app/db", 2, "two") == first
    assert deployment.put("app/db", 2, "two", "K", "AWSPENDING") == first
    assert deployment.call("DescribeSecret", SecretId="app/db") == before
    deployment.put("app/db", 3)
    assert deployment.put("app/db", 2, "two")["VersionStages"] == ["AWSPREVIOUS"]
    deployment.put("app/db", 4)
    assert "VersionStages" not in deployment.put("app/db", 2, "two")


def test_a_token_in_use_for_another_value_is_refused(deployment):
    arn = deployment.create("app/db", "v")
    again = {"SecretId": "app/db", "ClientRequestToken": token(1)}
    assert refusal(deployment, "PutSecretValue", **again, SecretString="other") == token_in_use(token(1), arn)
    assert refusal(deployment, "PutSecretValue", **again, SecretBinary=b"v") == token_in_use(token(1), arn)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "v"


def test_tokens_of_different_secrets_do_not_meet(deployment):
    deployment.create("a", "value a")
    deployment.create("b", "value b")
    assert deployment.call("GetSecretValue", SecretId="a", VersionId=token(1))["SecretString"] == "value a"
    assert deployment.call("GetSecretValue", SecretId="b", VersionId=token(1))["SecretString"] == "value b"


def test_a_value_and_a_token_are_required(deployment):
    deployment.create()
    missing = ("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
    named = {"SecretId": "app/db"}
    assert refusal(deployment, "PutSecretValue", **named, ClientRequestToken=token(2)) == missing
    assert refusal(deployment, "PutSecretValue", **named, SecretString="v") == TOKEN_MISSING
    both = {"SecretString": "v", "SecretBinary": b"v", "ClientRequestToken": token(2)}
    assert refusal(deployment, "PutSecretValue", **named, **both) == BOTH_VALUES
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_the_secret_must_exist_and_not_be_scheduled(deployment):
    members = {"SecretString": "v", "ClientRequestToken": token(2)}
    assert refusal(deployment, "PutSecretValue", SecretId="app/db", **members) == SECRET_NOT_FOUND
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refusal(deployment, "PutSecretValue", SecretId="app/db", **members) == MARKED_FOR_DELETION
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_all_bytes_survive(deployment):
    deployment.create()
    members = {"SecretBinary": bytes(range(256)), "ClientRequestToken": token(2)}
    deployment.call("PutSecretValue", SecretId="app/db", **members)
    deployment.call("PutSecretValue", SecretId="app/db", **members)
    read = deployment.call("GetSecretValue", SecretId="app/db")
    assert read["VersionId"] == token(2)
    assert read["SecretBinary"].startswith("AAECAwQ")


def test_more_than_twenty_labels_on_a_secret_are_refused(deployment):
    deployment.create()
    deployment.put("app/db", 2, "v", *(f"L{number}" for number in range(19)))
    before = deployment.stages("app/db")
    assert sum(len(labels) for labels in before.values()) == 20
    for labels in (["ONE_MORE"], ["AWSCURRENT"]):
        members = {"SecretString": "v", "ClientRequestToken": token(3), "VersionStages": labels}
        code, _ = refusal(deployment, "PutSecretValue", SecretId="app/db", **members)
        assert code == "LimitExceededException"
    assert deployment.stages("app/db") == before
    deployment.put("app/db", 3, "v", "L0", "L1")


def test_a_rotation_token_has_no_visible_effect(deployment):
    deployment.create()
    members = {"SecretString": VALUE, "ClientRequestToken": token(2), "RotationToken": "a" * 36}
    answer = deployment.call("PutSecretValue", SecretId="app/db", **members)
    assert answer["VersionStages"] == ["AWSCURRENT"]
