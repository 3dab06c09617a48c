"""The plan: what is asked, of what contents, and that no write is asked twice."""

from __future__ import annotations

import itertools
import json

import pytest

from bench import workloads
from bench.generator import RunFailed
from bench.measure import require_right
from bench.workloads import Workload, contents, plan, select, size_of
from strongroom.policy.document import MAX_CHARACTERS

SIZES = (1_000, 100_000)
PLAN = plan(SIZES)


def first(workload: Workload, run: int, count: int = 500):
    return list(itertools.islice(workload.calls(run), count))


def named(name: str) -> Workload:
    return next(workload for workload in PLAN if workload.name == name)


def test_every_workload_has_a_name_of_its_own():
    assert len({workload.name for workload in PLAN}) == len(PLAN)


@pytest.mark.parametrize("workload", [w for w in PLAN if w.once], ids=lambda w: w.name)
def test_no_write_is_asked_twice_in_a_run_or_in_two(workload: Workload):
    tokens = [
        call.members["ClientRequestToken"]
        for run in (1, 2)
        for call in first(workload, run)
        if "ClientRequestToken" in call.members
    ]
    assert len(set(tokens)) == len(tokens) >= 50


def test_the_calls_of_a_run_are_the_same_each_time_they_are_asked_for():
    assert first(named("read-zipf"), 7) == first(named("read-zipf"), 7)


def test_the_most_popular_secret_is_read_about_twice_as_often_as_the_second():
    names = [call.members["SecretId"] for call in first(named("read-zipf"), 1, 20_000)]
    assert 1.6 < names.count(workloads.zipf_name(0)) / names.count(workloads.zipf_name(1)) < 2.4


def test_one_of_twenty_mixed_calls_writes():
    operations = [call.operation for call in first(named("mixed"), 1, 2_000)]
    assert operations.count("PutSecretValue") == 100


def test_what_is_read_and_written_is_there_before():
    stored = {(one.region, one.name) for kind in ("main", "zipf") for one in contents(kind)}
    for workload in PLAN:
        for call in first(workload, 1):
            names = call.members.get("SecretIdList") or [call.members.get("SecretId")]
            if names != [None]:
                assert {(call.region, name) for name in names} <= stored


@pytest.mark.parametrize("kind", ["main", "zipf", "1000"])
def test_contents_are_of_the_size_that_is_said(kind: str):
    assert abs(len(list(contents(kind))) - size_of(kind)) <= workloads.BATCH + 2


def test_each_filter_matches_one_secret_in_a_hundred_and_not_the_same():
    stored = list(contents("1000"))
    by_prefix = {one.name for one in stored if one.name.startswith(workloads.MATCHING_PREFIX)}
    by_tag = {one.name for one in stored if workloads.MATCHING_TAG in dict(one.tags)}
    by_word = {one.name for one in stored if workloads.MATCHING_WORD in one.description}
    assert [len(by_prefix), len(by_tag), len(by_word)] == [10, 10, 10]
    assert len(by_prefix | by_tag | by_word) == 30


def test_the_policy_has_ten_conditioned_statements_and_fits():
    statements = workloads.guarding_policy()["Statement"]
    assert len(statements) == 10
    assert all("secretsmanager:ResourceTag/team" in one["Condition"]["StringEquals"] for one in statements)
    assert len(json.dumps(workloads.guarding_policy())) < MAX_CHARACTERS


def test_groups_and_names_select_and_anything_else_is_refused():
    assert {workload.name for workload in select(PLAN, ["writes", "batch"])} == {"put", "create", "batch"}
    assert select(PLAN, []) == PLAN
    with pytest.raises(ValueError, match="neither a group nor a workload"):
        select(PLAN, ["reeds"])


PAGES_TAKEN = [("list-prefix-1000", 10), ("list-tag-key-100000", 50), ("list-all-1000", 100), ("batch", 20)]
PAGES_REFUSED = [("list-prefix-1000", 100), ("list-prefix-1000", 0), ("list-all-1000", 99), ("batch", 19)]


def answer(name: str, count: int):
    return {"SecretValues" if name == "batch" else "SecretList": [{}] * count}


@pytest.mark.parametrize(("name", "count"), PAGES_TAKEN)
def test_an_answer_with_what_was_asked_for_is_taken(name: str, count: int):
    require_right(first(named(name), 1, 1)[0], answer(name, count))


@pytest.mark.parametrize(("name", "count"), PAGES_REFUSED)
def test_an_answer_with_another_number_of_secrets_is_refused(name: str, count: int):
    with pytest.raises(RunFailed, match="secrets instead of"):
        require_right(first(named(name), 1, 1)[0], answer(name, count))
