"""Counters: shown while other threads add to them."""

from __future__ import annotations

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
