from __future__ import annotations

import pytest

from strongroom.operations import OPERATIONS
from strongroom.wire import awsjson
from support.refusals import MARKED_FOR_DELETION, SECRET_NOT_FOUND, refusal


def wire(**tags: str):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag(deployment, tags):
    return deployment.call("TagResource", SecretId="app/db", Tags=tags)


def tags_of(deployment):
    return deployment.call("DescribeSecret", SecretId="app/db").get("Tags")


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource"])
def test_the_answer_is_empty(operation):
    assert OPERATIONS[operation].response is None
    assert awsjson.encode(None) == b""


def test_new_tags_follow_and_a_key_in_use_takes_the_new_value(deployment):
    deployment.create(Tags=wire(a="1", b="1"))
    assert tag(deployment, wire(c="2", a="2")) == {}
    assert tags_of(deployment) == wire(a="2", b="1", c="2")
    tag(deployment, [{"Key": "A", "Value": ""}, {"Key": "ключ", "Value": "=+-@ :/"}])
    assert tags_of(deployment) == [*wire(a="2", b="1", c="2", A=""), {"Key": "ключ", "Value": "=+-@ :/"}]


def test_no_tags_leave_a_secret_untagged(deployment):
    deployment.create()
    tag(deployment, [])
    assert tags_of(deployment) is None


def test_a_secret_has_fifty_tags_at_most(deployment):
    deployment.create(Tags=wire(**{f"k{number}": "v" for number in range(50)}))
    too_many = ("InvalidParameterException", "You can't attach more than 50 tags to a secret.")
    assert refusal(deployment, "TagResource", SecretId="app/db", Tags=wire(more="v")) == too_many
    tag(deployment, wire(k49="new"))
    assert len(tags_of(deployment)) == 50
    assert refusal(deployment, "CreateSecret", Name="new", Tags=wire(**{f"k{n}": "v" for n in range(51)})) == too_many


def test_reserved_and_repeated_keys_are_refused_on_create_and_tag(deployment):
    deployment.create()
    for key in ("aws:x", "AWS:x"):
        text = f"You can't add or remove the tag key {key}. Tag keys that start with aws: are reserved for AWS use."
        for operation, named in (("TagResource", {"SecretId": "app/db"}), ("CreateSecret", {"Name": "new"})):
            refused = refusal(deployment, operation, **named, Tags=[{"Key": key, "Value": "v"}])
            assert refused == ("InvalidParameterException", text)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "1"}]
    text = "You can't specify the tag key a more than once in the same request."
    for operation, named in (("TagResource", {"SecretId": "app/db"}), ("CreateSecret", {"Name": "new"})):
        assert refusal(deployment, operation, **named, Tags=twice) == ("InvalidParameterException", text)
    assert tags_of(deployment) is None


def test_a_tag_needs_a_key_and_may_lack_a_value(deployment):
    deployment.create()
    no_key = ("InvalidParameterException", "You must specify a key for every tag.")
    for tags in ([{"Value": "v"}], [{"Key": "a", "Value": "v"}, {}]):
        assert refusal(deployment, "TagResource", SecretId="app/db", Tags=tags) == no_key
        assert refusal(deployment, "CreateSecret", Name="new", Tags=tags) == no_key
    tag(deployment, [{"Key": "a"}])
    assert tags_of(deployment) == wire(a="")


def test_tags_are_kept_by_every_other_change(deployment):
    deployment.create(Tags=wire(a="1"))
    deployment.put("app/db", 2)
    deployment.call("UpdateSecret", SecretId="app/db", Description="d", KmsKeyId="alias/aws/secretsmanager")
    deployment.call("DeleteSecret", SecretId="app/db")
    assert tags_of(deployment) == wire(a="1")


def test_the_secret_must_exist_and_not_be_scheduled(deployment):
    members = {"SecretId": "app/db", "Tags": wire(a="1")}
    assert refusal(deployment, "TagResource", **members) == SECRET_NOT_FOUND
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refusal(deployment, "TagResource", **members) == MARKED_FOR_DELETION
    assert tags_of(deployment) is None
