"""Numbers in shared memory: several processes add up, a restart counts on, and what cannot be read is nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.metrics import BUCKETS, FAMILIES, Metrics, board
from strongroom.metrics.board import SPILL_WORDS, WORDS, Board
from support.clock import NOW

SRC = Path(__file__).parents[2] / "src"
READ = 'operation="GetSecretValue",outcome="success"'


def lines(metrics: Metrics) -> list[str]:
    return metrics.render().splitlines()


def test_what_several_processes_counted_is_shown_as_one_sum(tmp_path: Path):
    one, other = Metrics(tmp_path / "worker-0"), Metrics(tmp_path / "worker-1")
    one.increment("requests_total", 'code="OK"')
    other.increment("requests_total", 'code="OK"', by=2)
    other.increment("purged_secrets_total", by=5)
    for metrics in (one, other):
        assert 'strongroom_requests_total{code="OK"} 3' in lines(metrics)
        assert "strongroom_purged_secrets_total 5" in lines(metrics)


def test_a_process_started_again_counts_on(tmp_path: Path):
    program = "import os, sys, pathlib; from strongroom.metrics import Metrics; "
    program += "Metrics(pathlib.Path(sys.argv[1])).increment('commits_total', by=7); os.kill(os.getpid(), 9)"
    path = tmp_path / "worker-0"
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == -9
    again = Metrics(path)
    again.increment("commits_total")
    assert again.value("commits_total") == 8


def test_latencies_fall_into_buckets_that_add_up(tmp_path: Path):
    one, other = Metrics(tmp_path / "worker-0"), Metrics(tmp_path / "worker-1")
    one.observe("GetSecretValue", "Success", "success", BUCKETS[1])
    one.observe("GetSecretValue", "Success", "success", 1_000.0)
    other.observe("GetSecretValue", "Success", "success", BUCKETS[0])
    shown = lines(one)
    assert f'strongroom_request_seconds_bucket{{{READ},le="{BUCKETS[0]}"}} 1' in shown
    assert f'strongroom_request_seconds_bucket{{{READ},le="{BUCKETS[1]}"}} 2' in shown
    assert f'strongroom_request_seconds_bucket{{{READ},le="10.0"}} 2' in shown
    assert f'strongroom_request_seconds_bucket{{{READ},le="+Inf"}} 3' in shown
    assert f"strongroom_request_seconds_count{{{READ}}} 3" in shown
    assert f"strongroom_request_seconds_sum{{{READ}}} 1000.00035" in shown
    assert 'strongroom_requests_total{operation="GetSecretValue",code="Success"} 3' in shown


def test_refusals_of_one_outcome_share_a_histogram_and_have_counts_of_their_own():
    metrics = Metrics()
    for code in ("InvalidRequestException", "ResourceNotFoundException"):
        metrics.observe("GetSecretValue", code, "refused", 0.001)
    shown = lines(metrics)
    assert 'strongroom_request_seconds_count{operation="GetSecretValue",outcome="refused"} 2' in shown
    assert 'strongroom_requests_total{operation="GetSecretValue",code="ResourceNotFoundException"} 1' in shown


def test_of_a_gauge_the_newest_value_is_shown(tmp_path: Path):
    one, other = Metrics(tmp_path / "worker-0"), Metrics(tmp_path / "worker-1")
    one.set("purges_due", 9, NOW + timedelta(seconds=1))
    other.set("purges_due", 30, NOW)
    assert "strongroom_purges_due 9" in lines(other)
    other.set("purges_due", 4, NOW + timedelta(seconds=2))
    assert "strongroom_purges_due 4" in lines(one)


@pytest.mark.parametrize("content", [b"", b"short", bytes(WORDS * 8), b"x" * WORDS * 8])
def test_a_file_that_is_none_counts_nothing_and_begins_anew(tmp_path: Path, content: bytes):
    path = tmp_path / "worker-1"
    path.write_bytes(content)
    assert board.read(path) == []
    asked = Metrics(tmp_path / "worker-0")
    assert "strongroom_commits_total 0" in lines(asked)
    Metrics(path).increment("commits_total")
    assert "strongroom_commits_total 1" in lines(asked)


def test_the_file_is_its_owners_alone(tmp_path: Path):
    Metrics(tmp_path / "worker-0")
    assert (tmp_path / "worker-0").stat().st_mode & 0o777 == 0o600


def test_a_board_without_room_counts_what_it_has_and_loses_only_what_is_new():
    full = Board()
    while (at := full.slot(f"series {len(full.series())}", SPILL_WORDS)) > SPILL_WORDS:
        full.numbers[at] += 1
    count = len(full.series())
    full.numbers[at + SPILL_WORDS - 1] += 1
    assert len(full.series()) == count
    assert all(series.numbers[0] == 1 for series in full.series())


def test_every_metric_that_the_source_names_is_in_the_catalogue_and_the_other_way_round():
    named = re.compile(r'(?:metrics\.(?:increment|set)\(\s*|\{)"([a-z_]+)"')
    found: set[str] = set()
    for path in SRC.rglob("*.py"):
        text = path.read_text()
        found |= {name for name in named.findall(text) if name in FAMILIES or "increment" in text}
    assert found >= {
        name for name in FAMILIES if name not in {"requests_total", "request_seconds", "audit_lag_seconds"}
    }
