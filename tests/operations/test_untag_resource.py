from __future__ import annotations

from support.refusals import MARKED_FOR_DELETION, SECRET_NOT_FOUND, refusal


def untag(deployment, *keys: str):
    return deployment.call("UntagResource", SecretId="app/db", TagKeys=list(keys))


def keys_of(deployment):
    tags = deployment.call("DescribeSecret", SecretId="app/db").get("Tags")
    return None if tags is None else [tag["Key"] for tag in tags]


def test_the_keys_named_are_removed_and_unknown_ones_ignored(deployment):
    deployment.create(Tags=[{"Key": key, "Value": "v"} for key in ("a", "A", "b", "c")])
    assert untag(deployment, "a", "c", "unknown", "a") == {}
    assert keys_of(deployment) == ["A", "b"]
    untag(deployment)
    assert keys_of(deployment) == ["A", "b"]
    untag(deployment, "A", "b")
    assert keys_of(deployment) == []
    untag(deployment, "A")
    assert keys_of(deployment) == []


def test_a_secret_never_tagged_stays_without_tags(deployment):
    deployment.create()
    untag(deployment, "a")
    assert keys_of(deployment) is None


def test_a_reserved_key_is_refused(deployment):
    deployment.create()
    assert refusal(deployment, "UntagResource", SecretId="app/db", TagKeys=["aws:cloudformation:stack-id"]) == (
        "InvalidParameterException",
        (
            "You can't add or remove the tag key aws:cloudformation:stack-id. "
            "Tag keys that start with aws: are reserved for AWS use."
        ),
    )


def test_the_secret_must_exist_and_not_be_scheduled(deployment):
    members = {"SecretId": "app/db", "TagKeys": ["a"]}
    assert refusal(deployment, "UntagResource", **members) == SECRET_NOT_FOUND
    deployment.create(Tags=[{"Key": "a", "Value": "b"}])
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refusal(deployment, "UntagResource", **members) == MARKED_FOR_DELETION
    assert keys_of(deployment) == ["a"]
