"""AWS's caching client for Python: a value is asked for once, and again when the cache says so."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from aws_secretsmanager_caching import SecretCache, SecretCacheConfig
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from support.server import Server


@pytest.fixture(scope="module")
def client(server: Server) -> Any:
    return server.client()


@pytest.fixture
def cached(server: Server) -> Any:
    """A client for a cache, which notes the operations it was used for."""
    client = server.client()
    client.asked = []
    client.meta.events.register(
        "before-call.secretsmanager.*", lambda model, **_: client.asked.append(model.name), unique_id="note"
    )
    return client


@pytest.fixture
def name() -> str:
    return f"caching/{uuid.uuid4()}"


def test_a_text_is_read_once_and_kept(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretString="pässword")
    cache = SecretCache(client=cached)
    assert [cache.get_secret_string(name) for _ in range(3)] == ["pässword"] * 3
    assert cached.asked == ["DescribeSecret", "GetSecretValue"]


def test_bytes_are_read_once_and_kept(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretBinary=bytes(range(256)))
    cache = SecretCache(client=cached)
    assert [cache.get_secret_binary(name) for _ in range(3)] == [bytes(range(256))] * 3
    assert cache.get_secret_string(name) is None
    assert cached.asked == ["DescribeSecret", "GetSecretValue"]


def test_every_stage_is_kept_apart(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretString="old")
    client.put_secret_value(SecretId=name, SecretString="new")
    client.put_secret_value(SecretId=name, SecretString="next", VersionStages=["AWSPENDING"])
    cache = SecretCache(client=cached)
    assert cache.get_secret_string(name) == "new"
    assert cache.get_secret_string(name, version_stage="AWSPREVIOUS") == "old"
    assert cache.get_secret_string(name, version_stage="AWSPENDING") == "next"
    assert cache.get_secret_string(name, version_stage="NONE") is None


def test_a_new_current_version_is_seen_after_a_refresh(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretString="before")
    cache = SecretCache(client=cached)
    assert cache.get_secret_string(name) == "before"
    client.put_secret_value(SecretId=name, SecretString="after")
    assert cache.get_secret_string(name) == "before"
    cache.refresh_secret_now(name)
    assert cache.get_secret_string(name) == "after"


def test_a_new_current_version_is_seen_when_the_interval_is_over(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretString="before")
    cache = SecretCache(SecretCacheConfig(secret_refresh_interval=1), cached)
    assert cache.get_secret_string(name) == "before"
    client.put_secret_value(SecretId=name, SecretString="after")
    time.sleep(1.1)
    assert cache.get_secret_string(name) == "after"


def test_a_refresh_without_a_new_version_does_not_read_the_value_again(client: Any, cached: Any, name: str):
    client.create_secret(Name=name, SecretString="same")
    cache = SecretCache(SecretCacheConfig(secret_refresh_interval=1), cached)
    assert cache.get_secret_string(name) == "same"
    time.sleep(1.1)
    assert cache.get_secret_string(name) == "same"
    assert cached.asked == ["DescribeSecret", "GetSecretValue", "DescribeSecret"]


def test_a_secret_that_does_not_exist_is_an_error_of_the_client(cached: Any, name: str):
    with pytest.raises(ClientError) as caught:
        SecretCache(client=cached).get_secret_string(name)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
