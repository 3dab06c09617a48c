"""Records found in trail files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongroom.audit.search import find_request, uses_in
from strongroom.audit.trail import Trail

KEY = bytes(32)


def record(request_id: str, time: str, **members: Any) -> bytes:
    content = {
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAALICE", "accessKeyId": "AKIAALICE"},
        "eventTime": time,
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "requestParameters": {"secretId": '"requestID":"three"'},
        "requestID": request_id,
    }
    return json.dumps(content | members, separators=(",", ":")).encode()


def trail(path: Path, *records: bytes) -> Path:
    one = Trail(path, KEY, 1)
    one.append(records, True)
    one.close()
    return path


def test_all_records_of_a_request_are_found_and_no_text_that_looks_like_one(tmp_path: Path) -> None:
    first = trail(tmp_path / "a.jsonl", record("one", "2026-01-02T00:00:00Z"), record("two", "2026-01-01T00:00:00Z"))
    second = trail(tmp_path / "b.jsonl", record("one", "2026-01-01T00:00:00Z"))
    empty = tmp_path / "c.jsonl"
    empty.touch()
    times = [found["eventTime"] for found in find_request([first, second, empty], "one")]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    for other in ("three", "on", 'one","x":"', ""):
        assert find_request([first, second], other) == []


def test_a_line_that_is_being_written_is_passed_over(tmp_path: Path) -> None:
    path = trail(tmp_path / "a.jsonl", record("one", "2026-01-01T00:00:00Z"))
    with path.open("ab") as file:
        file.write(record("one", "2026-01-02T00:00:00Z"))
    assert len(find_request([path], "one")) == 1
    assert uses_in([path], "2026-01-01T00:00:00Z").first_time == "2026-01-01T00:00:00Z"


def test_who_used_what_is_counted_for_roles_by_the_role_and_not_for_denials(tmp_path: Path) -> None:
    session = {"principalId": "AROAAPP:me", "sessionContext": {"sessionIssuer": {"principalId": "AROAAPP"}}}
    path = trail(
        tmp_path / "a.jsonl",
        record("1", "2026-01-01T00:00:00Z", eventName="ListSecrets"),
        record("2", "2026-02-01T00:00:00Z"),
        record("3", "2026-03-01T00:00:00Z", eventName="PutSecretValue", errorCode="AccessDenied"),
        record("4", "2026-04-01T00:00:00Z", userIdentity=session),
        b'{"eventTime":1}',
    )
    uses = uses_in([path], "2026-01-15T00:00:00Z")
    assert (uses.first_time, uses.last_time) == ("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")
    assert uses.actions["AIDAALICE"] == uses.actions["AROAAPP"] == {"secretsmanager:GetSecretValue"}
    assert uses.last["AKIAALICE"] == "2026-03-01T00:00:00Z"
