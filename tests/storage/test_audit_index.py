"""The index of the trail: each record once, whatever happens, with readers and the use of keys."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest

from strongroom.audit.files import open_path
from strongroom.domain.trail_event import MAX_READERS, EventQuery, Outcome
from strongroom.metrics import Metrics
from strongroom.storage.base import KeyUse, StorageError
from strongroom.storage.trail_index import SqlTrailIndex
from strongroom.storage.transaction import SqlTransaction
from strongroom.workers import audit_index
from strongroom.workers.audit_index import AuditIndex
from strongroom.workers.pace import Pace
from support.clock import NOW, FrozenClock
from support.factories import ACCOUNT_ID, REGION
from support.storages import insert_secret, make_access_key, opened, run_sql
from support.trails import indexed_events, open_trail

USER = f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
KEY = "AKIAAAAAAAAAAAAAAAAA"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    return folder


@pytest.fixture
def clock():
    return FrozenClock(NOW + timedelta(minutes=5))


@pytest.fixture
def index(storage, folder, clock):
    return new_index(storage, folder, clock)


def new_index(storage, folder, clock=None, node="node"):
    clock = clock or FrozenClock(NOW + timedelta(minutes=5))
    return AuditIndex(storage, clock, Metrics(), node=node, folder=folder, kept=timedelta(days=90))


def read_of(secret_id, number=0, **changes: object):
    """Return the record of a GetSecretValue; `number` makes it another one."""
    return msgspec.json.encode(
        {
            "userIdentity": {"type": "IAMUser", "arn": USER, "accessKeyId": KEY, "userName": "alice"},
            "eventTime": (NOW + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "secretsmanager.amazonaws.com",
            "eventName": "GetSecretValue",
            "awsRegion": REGION,
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "Boto3/1.44 md/Botocore",
            "requestParameters": {"secretId": secret_id},
            "requestID": f"request-{number}",
            "eventID": f"event-{number}",
            "readOnly": True,
            "recipientAccountId": ACCOUNT_ID,
            **changes,
        }
    )


def write(folder, records, trail="trail-0"):
    one = open_trail(folder / f"{trail}.jsonl")
    one.append(records, durable=True)
    one.close()


def reads(secret_id, start, count):
    return [read_of(secret_id, number) for number in range(start, start + count)]


def event_ids(database_url):
    events = sorted(indexed_events(database_url), key=lambda event: (event.happened_at, event.event_id))
    return ids_of(events)


def expected_ids(count):
    return [f"event-{number}" for number in range(count)]


def ids_of(events):
    return [event.event_id for event in events]


def everything(**changes: object):
    return EventQuery(ACCOUNT_ID, NOW - timedelta(days=100), NOW + timedelta(days=1), **changes)


def found(storage, **changes: object):
    return ids_of(storage.read(lambda tx: tx.trail.events(everything(**changes), None, 1_000)).events)


def test_every_record_of_every_trail_is_copied_once(index, storage, folder, database_url):
    write(folder, reads("app", 0, 40))
    write(folder, reads("app", 40, 5), trail="trail-1")
    assert index.copy_all() == 45
    assert sorted(event_ids(database_url)) == sorted(expected_ids(45))
    assert index.copy_all() == 0
    write(folder, reads("app", 45, 3))
    assert index.copy_all() == 3
    assert sorted(event_ids(database_url)) == sorted(expected_ids(48))


def test_an_index_that_starts_again_goes_on_where_the_last_one_was(index, storage, folder, database_url):
    write(folder, reads("app", 0, 10))
    index.copy_all()
    write(folder, reads("app", 10, 10))
    assert new_index(storage, folder).copy_all() == 10
    assert event_ids(database_url) == expected_ids(20)


def test_nothing_is_committed_while_nothing_is_new(index, storage, folder, statements):
    write(folder, reads("app", 0, 3))
    index.copy_all()
    statements.clear()
    assert index.copy_all() == 0
    assert statements == []


def test_a_slice_holds_the_database_for_the_same_few_statements_however_many_records_and_secrets_it_has(
    storage, folder, monkeypatch, statements
):
    monkeypatch.setattr(audit_index, "MIN_SLICE", 40)
    for number in range(60):
        insert_secret(storage, name=f"app-{number}")
    index, seen = new_index(storage, folder), []
    for first, count in ((0, 2), (20, 40)):
        write(folder, [read_of(f"app-{number}", number) for number in range(first, first + count)])
        statements.clear()
        assert index.copy_all() == count
        seen.append([name for name in statements if name != "find_trail_position"])
    assert seen == [STEPS, STEPS], "two of a read, then seven that change something"


STEPS = ["trail_blocks_between", "secrets_by_names", "advance_trail_position"]
STEPS += ["insert_trail_block", "insert_trail_content", "insert_trail_terms"]
STEPS += ["add_secret_readers", "drop_surplus_readers", "record_key_uses"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_all_or_nothing_and_the_next_time_copies_once(
    storage, folder, database_url, monkeypatch, step, before
):
    secret = insert_secret(storage, name="app")
    storage.write(lambda tx: tx.insert_account(ACCOUNT_ID, NOW))
    storage.write(lambda tx: tx.insert_access_key(make_access_key(access_key_id=KEY)))
    monkeypatch.setattr(audit_index, "MIN_SLICE", 4)
    write(folder, reads("app", 0, 12))
    index, run, passed = new_index(storage, folder), SqlTransaction._run, Counter()

    def failing(tx, name, params):
        passed[name] += 1
        if name == step and passed[name] == 2:
            if not before:
                run(tx, name, params)
            raise StorageError("the process dies here")
        return run(tx, name, params)

    with monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, "_run", failing)
        with pytest.raises(StorageError, match="dies here"):
            index.copy_all()
    assert event_ids(database_url) == expected_ids(4), "the first slice"
    (reader,) = storage.read(lambda tx: tx.trail.readers(secret.arn))
    assert reader.reads == 4
    assert new_index(storage, folder).copy_all() == index.copy_all() + 8
    assert event_ids(database_url) == expected_ids(12)
    (reader,) = storage.read(lambda tx: tx.trail.readers(secret.arn))
    assert (reader.reads, reader.refusals) == (12, 0)


def test_a_commit_whose_answer_was_lost_is_not_copied_again(index, storage, folder, database_url, monkeypatch):
    secret = insert_secret(storage, name="app")
    write(folder, reads("app", 0, 5))
    write_it = storage.write

    def lost(work):
        write_it(work)
        raise StorageError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write", lost)
        with pytest.raises(StorageError):
            index.copy_all()
    assert index.copy_all() == 0
    assert event_ids(database_url) == expected_ids(5)
    assert storage.read(lambda tx: tx.trail.readers(secret.arn))[0].reads == 5


def test_of_two_that_copy_one_trail_one_is_overtaken(storage, folder, database_url):
    secret = insert_secret(storage, name="app")
    write(folder, reads("app", 0, 5))
    first, second = new_index(storage, folder), new_index(storage, folder)
    assert second._position("node/trail-0") is None
    assert first.copy_all() == 5
    with pytest.raises(audit_index.OvertakenError):
        second.copy_all()
    assert second.copy_all() == 0
    assert storage.read(lambda tx: tx.trail.readers(secret.arn))[0].reads == 5


def test_nodes_copy_their_own_trails_into_one_table(storage, tmp_path, database_url):
    for node in ("one", "two"):
        (tmp_path / node).mkdir()
        write(tmp_path / node, [read_of("app", 0, eventID=f"{node}-0"), read_of("app", 1, eventID=f"{node}-1")])
        assert new_index(storage, tmp_path / node, node=node).copy_all() == 2
    assert event_ids(database_url) == ["one-0", "two-0", "one-1", "two-1"]


def test_a_repeated_record_is_neither_copied_nor_counted_again(index, storage, folder, database_url):
    secret = insert_secret(storage, name="app")
    write(folder, [read_of("app", 1), read_of("app", 1), read_of("app", 2)])
    write(folder, [read_of("app", 1)], trail="trail-1")
    index.copy_all()
    assert event_ids(database_url) == ["event-1", "event-2"]
    assert storage.read(lambda tx: tx.trail.readers(secret.arn))[0].reads == 2


def test_a_line_without_an_end_waits_until_it_has_one(index, folder, database_url):
    write(folder, reads("app", 0, 2))
    path = open_path(folder, "trail-0")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert index.copy_all() == 1
    path.write_bytes(whole)
    assert index.copy_all() == 1
    assert event_ids(database_url) == expected_ids(2)


def test_a_trail_that_was_cut_and_grew_is_copied_on_and_no_record_twice(index, storage, folder, database_url, caplog):
    secret = insert_secret(storage, name="app")
    write(folder, reads("app", 0, 6))
    index.copy_all()
    path = open_path(folder, "trail-0")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    write(folder, reads("app", 6, 9))
    with caplog.at_level(logging.ERROR):
        index.copy_all()
    assert "was cut or replaced: record 6 is gone" in caplog.text
    assert event_ids(database_url) == expected_ids(15)
    assert storage.read(lambda tx: tx.trail.readers(secret.arn))[0].reads == 15


def test_a_line_that_is_no_record_is_passed_over_and_logged(index, folder, database_url, caplog):
    write(folder, reads("app", 0, 1))
    path = open_path(folder, "trail-0")
    path.write_bytes(b"{}\n" + path.read_bytes())
    write(folder, [b'{"no":"record"}', read_of("app", 1)])
    index.copy_all()
    assert event_ids(database_url) == expected_ids(2)
    assert "no record of its chain" in caplog.text


def test_what_is_older_than_the_retention_is_deleted_and_not_copied(storage, folder, database_url):
    secret = insert_secret(storage, name="app", created_at=NOW - timedelta(days=1))
    write(folder, [read_of("app", 0), read_of("app", 60 * 86_400)])
    later = FrozenClock(NOW + timedelta(days=61))
    index = new_index(storage, folder, later)
    index.copy_all()
    assert event_ids(database_url) == ["event-0", f"event-{60 * 86_400}"]
    later.advance(timedelta(days=30))
    assert index.forget_old() == 1
    assert index.forget_old() == 0
    assert event_ids(database_url) == [f"event-{60 * 86_400}"]
    assert len(storage.read(lambda tx: tx.trail.readers(secret.arn))) == 1
    write(folder, [read_of("app", 1)])
    assert index.copy_all() == 1
    assert event_ids(database_url) == [f"event-{60 * 86_400}"]


def test_however_much_is_too_old_it_goes_in_short_slices(storage, folder, database_url, monkeypatch):
    monkeypatch.setattr(audit_index, "MAX_SLICE", 16)
    for number in range(40):
        insert_secret(storage, name=f"app-{number}", created_at=NOW - timedelta(days=1))
    write(folder, [read_of(f"app-{number}", 60 * number) for number in range(40)])
    later = FrozenClock(NOW + timedelta(hours=1))
    index = new_index(storage, folder, later)
    index.copy_all()
    later.advance(timedelta(days=91))
    slices: list[int] = []

    def count(deleted: int | list[int]) -> int | list[int]:
        slices.append(deleted if isinstance(deleted, int) else len(deleted))
        return deleted

    for verb in ("delete_blocks", "delete_readers"):
        delete = getattr(SqlTrailIndex, verb)
        monkeypatch.setattr(SqlTrailIndex, verb, lambda *args, delete=delete: count(delete(*args)))
    assert index.forget_old() == 40
    assert sum(slices) == 80
    assert max(slices) <= 16
    assert run_sql(database_url, "SELECT COUNT(*) FROM secret_readers") == [(0,)]


def test_the_lag_is_told_while_more_waits(storage, folder, monkeypatch):
    monkeypatch.setattr(audit_index, "MIN_SLICE", 2)
    write(folder, reads("app", 0, 10))
    index, lags = new_index(storage, folder), []
    show = index._metrics.set
    monkeypatch.setattr(index._metrics, "set", lambda name, value, now: (lags.append(value), show(name, value, now)))
    index.copy_all()
    assert lags[0] == 299, "the second record is a second younger than five minutes"
    assert lags[-1] == 0


def test_trails_that_have_more_than_a_slice_are_copied_in_turns(storage, folder, database_url, monkeypatch):
    monkeypatch.setattr(audit_index, "MIN_SLICE", 2)
    monkeypatch.setattr(audit_index, "MAX_SLICE", 2)
    for trail in ("first", "second"):
        write(folder, reads(trail, 0, 6), trail)
    index, copied = new_index(storage, folder), []
    copy = index._copy
    monkeypatch.setattr(index, "_copy", lambda name, part: (copied.append(name), copy(name, part)))
    assert index.copy_all() == 12
    assert copied == ["node/first", "node/second"] * 3


def test_the_pace_is_told_how_late_a_slice_was_and_nothing_after_the_last(storage, folder, monkeypatch):
    class Told(Pace):
        lags: ClassVar[list[int]] = []

        def pause_after(self, worked, lag):
            self.lags.append(int(lag))
            return super().pause_after(worked, lag)

    monkeypatch.setattr(audit_index, "MIN_SLICE", 4)
    write(folder, reads("app", 0, 8))
    clock = FrozenClock(NOW + timedelta(minutes=5))
    AuditIndex(storage, clock, Metrics(), node="node", folder=folder, kept=timedelta(days=90), pace=Told()).copy_all()
    assert Told.lags == [297]


# what is asked


def test_events_are_found_by_each_attribute(index, storage, folder):
    insert_secret(storage, name="app")
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/path/reader"
    session = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/reader/job-1"
    identity = {
        "type": "AssumedRole",
        "arn": session,
        "accessKeyId": "ASIAAAAAAAAAAAAAAAAA",
        "sessionContext": {"sessionIssuer": {"arn": role}},
    }
    write(
        folder,
        [
            read_of("app", 0),
            read_of("other", 1, userIdentity=identity),
            read_of("app", 2, errorCode="AccessDenied"),
            read_of("app", 3, errorCode="InvalidRequestException"),
            read_of("app", 4, eventName="DeleteSecret", readOnly=False),
            read_of("app", 5, awsRegion="eu-west-1"),
            read_of(
                "app", 6, eventSource="iam.amazonaws.com", eventName="GetUser", requestParameters={"userName": "u"}
            ),
            read_of("app", 7, recipientAccountId="999988887777"),
        ],
    )
    index.copy_all()
    assert found(storage) == [f"event-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    assert found(storage, event_id="event-4") == ["event-4"]
    assert found(storage, event_id="event-7") == [], "another account's"
    assert found(storage, event_name="DeleteSecret") == ["event-4"]
    assert found(storage, read_only=False) == ["event-4"]
    assert found(storage, username="alice") == [f"event-{number}" for number in (6, 5, 4, 3, 2, 0)]
    assert found(storage, username="job-1") == found(storage, principal_arn=role) == ["event-1"]
    assert found(storage, username="job-1", identity_arn=session) == ["event-1"]
    assert found(storage, access_key_id="ASIAAAAAAAAAAAAAAAAA") == ["event-1"]
    assert found(storage, resource_name="other") == ["event-1"]
    assert found(storage, event_source="iam.amazonaws.com") == ["event-6"]
    assert found(storage, resource_type="AWS::IAM::User") == ["event-6"]
    assert found(storage, region="eu-west-1") == ["event-5"]
    assert found(storage, outcome=Outcome.DENIED) == ["event-2"]
    assert found(storage, outcome=Outcome.FAILED) == ["event-3"]
    assert found(storage, resource_name="app", outcome=Outcome.SUCCESS, read_only=True) == ["event-5", "event-0"]


@pytest.mark.parametrize(
    "wanted", [{}, {"username": "alice"}, {"resource_name": "app"}, {"event_name": "GetSecretValue"}], ids=str
)
def test_pages_tell_every_event_once_newest_first_also_within_one_second(index, storage, folder, wanted):
    records = [read_of("app", number, eventTime="2030-01-02T03:04:05Z") for number in range(25)]
    write(folder, records[:12])
    write(folder, records[12:], trail="trail-1")
    index.copy_all()
    after, told = None, []
    while True:
        page = storage.read(lambda tx, after=after: tx.trail.events(everything(**wanted), after, 4))
        told += page.events
        if page.after is None:
            break
        after = page.after
    assert sorted(ids_of(told)) == sorted(expected_ids(25))
    assert [event.place for event in told] == sorted((event.place for event in told), reverse=True)


def test_times_include_both_ends(index, storage, folder):
    write(folder, reads("app", 0, 5))
    index.copy_all()
    start = NOW.replace(microsecond=0)
    query = EventQuery(ACCOUNT_ID, start + timedelta(seconds=1), start + timedelta(seconds=3))
    page = storage.read(lambda tx: tx.trail.events(query, None, 10))
    assert ids_of(page.events) == ["event-3", "event-2", "event-1"]


def test_the_record_is_kept_as_it_stands_on_the_trail_but_for_nul(index, storage, folder):
    record = read_of("app", 0, userAgent="a\0b ü 🦜", requestParameters={"secretId": "x\0y"})
    write(folder, [record])
    index.copy_all()
    event = storage.read(lambda tx: tx.trail.find_event("event-0"))
    assert event.record.encode() == record
    assert (event.user_agent, event.resource_name) == (
        "a\N{REPLACEMENT CHARACTER}b ü 🦜",
        "x\N{REPLACEMENT CHARACTER}y",
    )


# readers and keys


def test_readers_are_told_apart_and_counted(index, storage, folder):
    secret = insert_secret(storage, name="app")
    write(
        folder,
        [
            read_of("app", 0),
            read_of(secret.arn, 5),
            read_of("app", 6, errorCode="AccessDenied"),
            read_of("app", 7, sourceIPAddress="192.0.2.2"),
            read_of("app", 8, userAgent="aws-cli/2.1"),
            read_of("app", 9, requestParameters={"secretId": "app", "versionStage": "AWSPREVIOUS"}),
            read_of("app", 10, requestParameters={"secretId": "app", "versionId": "1"}),
            read_of("app", 11, eventName="DescribeSecret"),
            read_of("missing", 12, errorCode="ResourceNotFoundException"),
        ],
    )
    index.copy_all()
    told = storage.read(lambda tx: tx.trail.readers(secret.arn))
    start = NOW.replace(microsecond=0)
    assert [(one.source_ip, one.agent, one.stage, one.reads, one.refusals) for one in told] == [
        ("192.0.2.1", "Boto3", "by version id", 1, 0),
        ("192.0.2.1", "Boto3", "AWSPREVIOUS", 1, 0),
        ("192.0.2.1", "aws-cli", "AWSCURRENT", 1, 0),
        ("192.0.2.2", "Boto3", "AWSCURRENT", 1, 0),
        ("192.0.2.1", "Boto3", "AWSCURRENT", 2, 1),
    ]
    last = told[-1]
    assert (last.first_at, last.last_at, last.refused_at) == tuple(start + timedelta(seconds=n) for n in (0, 6, 6))
    write(folder, reads("app", 20, 1))
    index.copy_all()
    grown = storage.read(lambda tx: tx.trail.readers(secret.arn))[0]
    assert (grown.reads, grown.refusals, grown.refused_at) == (3, 1, last.refused_at)
    assert (grown.first_at, grown.last_at) == (start, start + timedelta(seconds=20))


def test_readers_of_one_secret_are_bounded_and_the_oldest_go(index, storage, folder, database_url):
    secret = insert_secret(storage, name="app")
    other = insert_secret(storage, name="other")
    write(folder, [read_of("other", 0)])
    write(folder, [read_of("app", n, sourceIPAddress=f"10.0.{n // 256}.{n % 256}") for n in range(1, MAX_READERS + 60)])
    index.copy_all()
    told = storage.read(lambda tx: tx.trail.readers(secret.arn))
    assert len(told) == MAX_READERS
    assert told[-1].source_ip == "10.0.0.60"
    assert len(storage.read(lambda tx: tx.trail.readers(other.arn))) == 1


def test_a_read_from_before_the_secret_was_made_is_not_one_of_it(index, storage, folder):
    secret = insert_secret(storage, name="app", created_at=NOW + timedelta(seconds=10))
    write(folder, [read_of("app", 9), read_of("app", 10)])
    index.copy_all()
    assert storage.read(lambda tx: tx.trail.readers(secret.arn))[0].reads == 1
    assert storage.read(lambda tx: tx.trail.find_event("event-9")).resource_arn is None


def test_the_last_use_of_long_term_keys_is_kept(index, storage, folder):
    storage.write(lambda tx: tx.insert_account(ACCOUNT_ID, NOW))
    storage.write(lambda tx: tx.insert_access_key(make_access_key(access_key_id=KEY)))
    forged = {"type": "Unknown", "accessKeyId": KEY}
    write(folder, [read_of("a", 1), read_of("a", 3, eventSource="sts.amazonaws.com"), read_of("a", 2)])
    write(folder, [read_of("a", 4, userIdentity=forged), read_of("a", 5, userIdentity={"type": "IAMUser"})])
    write(
        folder, [read_of("a", 6, userIdentity={"type": "IAMUser", "arn": USER, "accessKeyId": "AKIAGONEGONEGONEGONE"})]
    )
    index.copy_all()
    start = NOW.replace(microsecond=0)
    use = storage.read(lambda tx: tx.identities.key_use(KEY))
    assert use == KeyUse(start + timedelta(seconds=3), REGION, "sts")
    assert storage.read(lambda tx: tx.identities.key_use("AKIAGONEGONEGONEGONE")) is None


def test_an_index_that_cannot_copy_now_logs_it_and_goes_on(storage, folder, caplog, monkeypatch):
    index = new_index(storage, folder)
    write(folder, reads("app", 0, 1))
    monkeypatch.setattr(SqlTrailIndex, "insert_blocks", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        index._try_copying(None)
    assert "cannot be copied into the index now" in caplog.text
    monkeypatch.undo()
    assert index.copy_all() == 1


def test_the_thread_copies_what_is_new_and_the_rest_at_the_end(database_url, folder, monkeypatch):
    monkeypatch.setattr(audit_index, "POLL_SECONDS", 30.0)
    with opened(database_url) as storage:
        index = new_index(storage, folder)
        write(folder, reads("app", 0, 3))
        index.start()
        index.stop()
    assert event_ids(database_url) == expected_ids(3)
