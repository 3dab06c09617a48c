"""From points to a table: medians, ratios, failures, and the file between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.generator import RunFailed, read_report
from bench.machine import pinned_versions
from bench.publish import BEGIN, END, insert
from bench.results import Point, Results, summarise
from bench.table import digits, ratio, render, table
from strongroom.errors import OperatorError

OURS = Point("read", "strongroom-sqlite-1", 16, 1, 3_000.0, 1.0, 4.0, 250.0, 50_000_000, 0.1, 0.2, 9_000)
THEIRS = replace(OURS, server="openbao", requests_per_second=1_000.0, cpu_us=500.0)
REPORT = {
    "requests": 900,
    "microseconds": 3_000_000,
    "walked": 0.5,
    "p50_us": 1_000,
    "p99_us": 4_000,
    "max_us": 9_000,
    "errors": {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0},
}


def results(*points: Point) -> Results:
    return Results(
        machine={"CPU": "one"},
        versions={"wrk": "4.1"},
        options={"rounds": 1},
        servers={name: {"title": name, "guarantees": "all"} for name in ("strongroom-sqlite-1", "openbao", "moto")},
        workloads={"read": {"title": "GetSecretValue", "group": "reads"}},
        began="2026-01-01 00:00 UTC",
        points=list(points),
    )


def test_a_summary_is_medians_the_spread_and_the_highest_memory():
    rounds = [replace(OURS, requests_per_second=rate, pss_bytes=int(rate)) for rate in (3_000.0, 1_000.0, 2_900.0)]
    summary = summarise(rounds)
    assert (summary.requests_per_second, summary.slowest, summary.fastest) == (2_900.0, 1_000.0, 3_000.0)
    assert (summary.pss_bytes, summary.rounds) == (3_000, 3)


def test_ratios_say_how_many_times_more_requests_and_how_many_times_less_cpu():
    line = next(
        line
        for line in render(results(OURS, THEIRS)).splitlines()
        if line.startswith("| `strongroom") and "3,000" in line
    )
    assert "| 250 | 3.00 | 2.00 |" in line


def test_a_server_without_the_workload_is_named_and_so_is_one_that_failed():
    text = render(results(OURS, Point("read", "openbao", 16, 1, error="7 status errors\n")))
    assert "openbao: failed; moto: n/a" in text
    assert "- `read` at 16 on `openbao`, round 1: 7 status errors" in text


def test_a_failed_round_does_not_count():
    kept = results(OURS, replace(OURS, round=2, requests_per_second=0.0, error="x")).summaries()
    assert kept["read", 16, "strongroom-sqlite-1"].rounds == 1


def test_results_come_back_from_their_file_as_they_went(tmp_path):
    written = results(OURS, THEIRS)
    written.write(tmp_path / "results" / "latest.json")
    assert Results.read(tmp_path / "results" / "latest.json") == written


def test_a_report_is_read_in_seconds():
    load = read_report(dict(REPORT), cpu_seconds=0.3)
    assert (load.requests, load.seconds, load.p50, load.p99) == (900, 3.0, 0.001, 0.004)


@pytest.mark.parametrize("kind", ["connect", "read", "write", "status", "timeout"])
def test_a_run_with_any_error_is_no_measurement(kind: str):
    errors = {**REPORT["errors"], kind: 1}
    load = read_report({**REPORT, "errors": errors}, cpu_seconds=0.0)
    with pytest.raises(RunFailed, match=f"1 {kind} errors"):
        load.require_right()


def test_a_run_without_answers_is_no_measurement():
    with pytest.raises(RunFailed, match="no request was answered"):
        read_report({**REPORT, "requests": 0}, cpu_seconds=0.0).require_right()


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.0524, "0.052"), (1.234, "1.23"), (45.67, "45.7"), (456.7, "457"), (12345.6, "12,346")],
)
def test_numbers_have_three_leading_digits(number: float, text: str):
    assert digits(number) == text


def test_what_was_not_measured_has_no_ratio():
    assert [ratio(1.0, None), ratio(None, 1.0), ratio(1.0, 0.0), ratio(3.0, 2.0)] == ["-", "-", "-", "1.50"]


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


def test_publishing_replaces_what_stands_between_the_marks_and_nothing_else():
    once = insert(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert insert(once, "new\n") == once


def test_publishing_into_a_document_without_marks_is_refused():
    with pytest.raises(OperatorError, match="lost the marks"):
        insert("before\nafter\n", "new")


def test_pinned_versions_are_found_with_and_without_extras():
    assert pinned_versions("# x\nmoto[server]==5.2.5\nministack==1.5\n") == {"moto": "5.2.5", "ministack": "1.5"}
