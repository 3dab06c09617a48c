"""Jobs on both databases: a claim is a lease with a fence, and only its newest holder may end the job."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import apsw
import psycopg
import pytest
from msgspec import structs

from strongroom.storage.base import Job
from strongroom.storage.sql import load
from support.clock import NOW
from support.storages import claim_one, make_job, sqlite_path

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=60)


def put(storage, *jobs: Job):
    storage.write(lambda tx: [tx.put_job(job) for job in jobs])


def claim(storage, now=NOW, owner="me"):
    return storage.write(lambda tx: claim_one(tx, owner, now, now + LEASE))


def find(storage, job):
    return storage.read(lambda tx: tx.find_job(job.kind, job.subject))


def test_a_job_is_found_as_it_was_put(storage):
    job = make_job("arn:aws:x é", kind="version-cleanup")
    put(storage, job)
    assert find(storage, job) == job
    assert storage.read(lambda tx: tx.find_job("purge", job.subject)) is None


def test_a_job_is_due_from_its_instant_on_and_not_before(storage):
    put(storage, make_job(run_at=NOW))
    assert claim(storage, NOW - timedelta(microseconds=1)) is None
    assert claim(storage, NOW) == make_job(fence=1, attempts=1)


def test_the_job_that_is_due_longest_is_claimed_first(storage):
    jobs = [make_job("c", run_at=NOW), make_job("a", run_at=NOW + SECOND), make_job("b", run_at=NOW)]
    put(storage, *jobs)
    assert [claim(storage, NOW + LEASE / 2).subject for _ in jobs] == ["b", "c", "a"]
    assert claim(storage, NOW + LEASE / 2) is None


def test_a_job_under_lease_is_not_claimed_again_until_the_lease_ends(storage):
    put(storage, make_job())
    first = claim(storage)
    assert claim(storage, NOW + LEASE - timedelta(microseconds=1), "other") is None
    second = claim(storage, NOW + LEASE, "other")
    assert (first.fence, second.fence) == (1, 2)
    assert second.attempts == 2


def test_an_overtaken_holder_can_neither_finish_nor_retry(storage):
    put(storage, make_job())
    old = claim(storage)
    new = claim(storage, NOW + LEASE, "other")
    assert storage.write(lambda tx: tx.finish_job(old)) is False
    assert storage.write(lambda tx: tx.retry_job(old, NOW + 9 * LEASE, "late")) is False
    assert find(storage, new) == new, "the old holder changed nothing"
    assert storage.write(lambda tx: tx.finish_job(new)) is True
    assert find(storage, new) is None
    assert storage.write(lambda tx: tx.finish_job(new)) is False


def test_a_retry_ends_the_lease_and_keeps_the_count_of_attempts(storage):
    put(storage, make_job())
    held = claim(storage)
    assert storage.write(lambda tx: tx.retry_job(held, NOW + SECOND, "OSError")) is True
    assert claim(storage, NOW) is None
    again = claim(storage, NOW + SECOND)
    assert again == structs.replace(held, run_at=NOW + SECOND, fence=2, attempts=2, last_error="OSError")


def test_a_job_put_again_outdates_its_holder_and_starts_afresh(storage):
    put(storage, make_job())
    held = claim(storage)
    put(storage, make_job(run_at=NOW + SECOND))
    assert storage.write(lambda tx: tx.finish_job(held)) is False
    assert storage.write(lambda tx: tx.retry_job(held, NOW, "late")) is False
    assert claim(storage, NOW) is None
    assert claim(storage, NOW + SECOND) == make_job(run_at=NOW + SECOND, fence=3, attempts=1)


def test_a_worker_that_starts_again_lets_go_of_what_it_held_and_of_nothing_else(storage):
    put(storage, make_job("a"), make_job("b"))
    mine, theirs = claim(storage, owner="node/0"), claim(storage, owner="node/00")
    storage.write(lambda tx: tx.release_jobs("node/0"))
    again = claim(storage, owner="node/0")
    assert (again.subject, again.fence) == (mine.subject, mine.fence + 1)
    assert claim(storage) is None
    assert storage.write(lambda tx: tx.finish_job(mine)) is False
    assert storage.write(lambda tx: tx.finish_job(theirs)) is True


def test_a_deleted_job_is_gone_for_its_holder_too(storage):
    put(storage, make_job("gone"), make_job("spared", run_at=NOW + SECOND))
    held = claim(storage)
    storage.write(lambda tx: tx.delete_job(held.kind, held.subject))
    assert storage.write(lambda tx: tx.finish_job(held)) is False
    assert [job.subject for job in storage.read(lambda tx: tx.list_jobs())] == ["spared"]


def test_a_job_is_due_while_somebody_could_claim_it(storage):
    def is_due(now):
        return storage.read(lambda tx: tx.is_job_due(now))

    assert not is_due(NOW)
    put(storage, make_job("a", run_at=NOW))
    assert not is_due(NOW - timedelta(microseconds=1))
    assert is_due(NOW)
    held = claim(storage)
    assert not is_due(NOW + LEASE - timedelta(microseconds=1))
    assert is_due(NOW + LEASE)
    storage.write(lambda tx: tx.retry_job(held, NOW + 9 * LEASE, "x"))
    assert not is_due(NOW + LEASE)


@pytest.mark.parametrize(("newest", "subjects"), [(False, ["b", "c"]), (True, ["d", "a"])])
def test_several_are_claimed_from_either_end_and_come_in_order(storage, newest, subjects):
    put(storage, *(make_job(one, run_at=NOW + place * SECOND) for place, one in enumerate("bcda")))
    put(storage, make_job("not yet", run_at=NOW + LEASE))
    claimed = storage.write(lambda tx: tx.claim_jobs("me", NOW + 9 * SECOND, NOW + LEASE, 2, newest=newest))
    assert [(job.subject, job.fence, job.attempts) for job in claimed] == [(subject, 1, 1) for subject in subjects]
    rest = storage.write(lambda tx: tx.claim_jobs("other", NOW + 9 * SECOND, NOW + LEASE, 9, newest=newest))
    assert {job.subject for job in rest} == set("abcd") - set(subjects)
    assert storage.write(lambda tx: tx.claim_jobs("me", NOW + 9 * SECOND, NOW + LEASE, 9, newest=newest)) == []


def test_looking_for_due_jobs_does_not_look_at_those_of_the_future(sqlite):
    def explain(tx):
        query = tx._queries["find_due_job"]
        return tx._execute(replace(query, text="EXPLAIN QUERY PLAN " + query.text), {"now": 0})

    plan = sqlite.read(explain)  # the last column says it
    assert [row[-1] for row in plan] == ["SEARCH jobs USING INDEX jobs_by_time (run_at<?)"]


def test_jobs_are_listed_by_time_kind_and_subject(storage):
    jobs = [make_job("b"), make_job("a", kind="x"), make_job("a"), make_job("0", run_at=NOW - SECOND)]
    put(storage, *jobs)
    listed = storage.read(lambda tx: tx.list_jobs())
    assert [(job.kind, job.subject) for job in listed] == [
        ("purge", "0"),
        ("purge", "a"),
        ("purge", "b"),
        ("x", "a"),
    ]


def test_concurrent_claimers_never_get_the_same_job(storage):
    put(storage, *(make_job(f"job{number:03d}") for number in range(60)))

    def claim_until_none_is_left(worker):
        claimed = []
        while (job := claim(storage, owner=f"worker {worker}")) is not None:
            claimed.append(job.subject)
        return claimed

    with ThreadPoolExecutor(4) as threads:
        claimed = [subject for part in threads.map(claim_until_none_is_left, range(4)) for subject in part]
    assert Counter(claimed) == Counter({f"job{number:03d}": 1 for number in range(60)})


def test_a_claim_passes_over_the_row_that_another_node_is_taking(postgresql, postgres_url):
    put(postgresql, make_job("first", run_at=NOW - SECOND), make_job("second"))
    with psycopg.connect(postgres_url) as other_node:
        other_node.execute("SELECT 1 FROM jobs WHERE subject = 'first' FOR UPDATE")
        assert claim(postgresql).subject == "second"
        assert claim(postgresql) is None, "passed over, not waited for"


@pytest.mark.parametrize("text", ["plain", "x" * 5_000, "é\n"])
def test_the_reason_of_a_retry_is_kept(storage, text):
    put(storage, make_job())
    held = claim(storage)
    storage.write(lambda tx: tx.retry_job(held, NOW, text))
    assert find(storage, held).last_error == text


@pytest.mark.parametrize("name", ["claim_oldest_jobs", "claim_newest_jobs", "find_due_job"])
def test_a_claim_walks_an_index_and_sorts_nothing_however_many_jobs_are_due_at_one_instant(sqlite, sqlite_url, name):
    query = load("sqlite").writing[name]
    params = {"owner": "me", "now": 9, "lease_until": 9, "row_limit": 8}
    with closing(apsw.Connection(str(sqlite_path(sqlite_url)))) as connection:
        plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.text}", query.bind(params))]
    assert any("USING INDEX jobs_by_time" in step for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan), plan
