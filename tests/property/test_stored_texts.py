"""Texts in columns of the database: they stay as every version of this server has written and read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.identity import User
from strongroom.domain.schedule import RotationRules
from strongroom.domain.secret import RotationSettings, Tag
from strongroom.domain.timestamps import from_micros
from strongroom.storage.rows import changing_secret_of, secret_params
from support.clock import NOW
from support.factories import make_secret

texts = st.text()  # without lone surrogates: no request brings one
tags = st.lists(st.builds(Tag, texts, texts)).map(tuple)
FROM, TO = (round(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1, 9_999))


def stored(**members: Any) -> dict[str, Any]:
    return secret_params(make_secret(**members))


@given(tags)
def test_tags_are_compact_json_in_which_nothing_is_escaped_that_need_not_be(tags):
    pairs = [[tag.key, tag.value] for tag in tags]
    assert stored(tags=tags)["tags"] == json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))


@given(st.none() | tags)
def test_a_row_is_the_secret_that_was_stored(tags):
    secret = make_secret(tags=tags, rotation=RotationSettings(enabled=True, rules=RotationRules(30)))
    assert changing_secret_of(tuple(secret_params(secret).values())) == secret


@given(tags, st.booleans())
def test_tags_are_read_however_their_json_is_written(tags, is_ascii):
    row = stored() | {"tags": json.dumps([[tag.key, tag.value] for tag in tags], ensure_ascii=is_ascii, indent=1)}
    assert changing_secret_of(tuple(row.values())).tags == tags


def test_the_text_of_a_rotation_has_all_members_in_their_order():
    settings = RotationSettings(
        enabled=True,
        rules=RotationRules(schedule_expression="rate(10 days)"),
        lambda_arn="é",
        metadata=(("key", "value"),),
        last_rotated_at=NOW,
    )
    assert stored(rotation=settings)["rotation"] == (
        '{"enabled":true,"rules":{"automatically_after_days":null,"duration":null,"schedule_expression":'
        '"rate(10 days)"},"lambda_arn":"é","metadata":[["key","value"]],"role_arn":null,"configured_at":null,'
        f'"last_rotated_at":"{NOW.isoformat().replace("+00:00", "Z")}","next_rotation_at":null}}'
    )


@given(st.integers(FROM, TO))
def test_microseconds_are_instants_exactly(micros):
    assert from_micros(micros) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def test_tags_of_people_and_sessions_are_objects_in_rows_and_tokens():
    ana = User(account_id="1", name="ana", unique_id="AIDAANA", created_at=NOW, tags=(Tag("team", "a"),))
    assert b'"tags":[{"key":"team","value":"a"}]' in msgspec.json.encode(ana)
    assert msgspec.json.decode(msgspec.json.encode(ana), type=User) == ana
    stored_tag = msgspec.msgpack.encode({"key": "team", "value": "a"})
    assert msgspec.msgpack.encode(ana.tags[0]) == stored_tag
    assert msgspec.msgpack.decode(stored_tag, type=Tag) == ana.tags[0]
