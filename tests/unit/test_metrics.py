"""Counters: shown while other threads add to them."""

from __future__ import annotations

import sys
import threading

from strongroom.metrics import Metrics


def test_a_counter_shows_its_labels_or_else_its_plain_value():
    metrics = Metrics()
    metrics.increment("requests_total", 'code="OK"')
    lines = metrics.render().splitlines()
    assert 'strongroom_requests_total{code="OK"} 1' in lines
    assert "strongroom_requests_total 0" not in lines
    assert "strongroom_purged_secrets_total 0" in lines


def test_counters_are_shown_while_others_appear():
    metrics = Metrics()
    adding = threading.Thread(target=lambda: [metrics.increment("requests_total", f'n="{n}"') for n in range(300)])
    adding.start()
    while adding.is_alive():
        metrics.render()
    assert metrics.render().count("strongroom_requests_total{") == 300


def test_no_thread_loses_what_another_adds():
    metrics, interval = Metrics(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        adding = [
            threading.Thread(target=lambda: [metrics.increment("commits_total") for _ in range(5_000)])
            for _ in range(4)
        ]
        for thread in adding:
            thread.start()
        for thread in adding:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert metrics.value("commits_total") == 20_000


def test_several_may_be_counted_at_once():
    metrics = Metrics()
    metrics.increment("committed_calls_total", by=64)
    assert "strongroom_committed_calls_total 64" in metrics.render()
