"""What deploy/ watches exists: every metric, label and outcome that a dashboard or an alert names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from strongroom.metrics import FAMILIES
from strongroom.metrics.catalogue import Kind
from strongroom.operations import OPERATIONS
from strongroom.workers.census import STATES

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "strongroom.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")
VALUES = {
    "operation": set(OPERATIONS),
    "outcome": {"success", "refused", "failed"},
    "code": {"Success"},
    "state": {"live", "scheduled", *STATES},
}


def named_in(text: str) -> set[str]:
    """Return the families that a text names, without the parts of histograms."""
    found = set()
    for name in re.findall(r"\bstrongroom_([a-z_]+)", text):
        family = PARTS_OF_HISTOGRAMS.sub("", name)
        is_part = family in FAMILIES and FAMILIES[family].kind is Kind.HISTOGRAM
        found.add(family if is_part else name)
    return found


@pytest.mark.parametrize("path", [DASHBOARD, ALERTS], ids=lambda path: path.name)
def test_every_metric_that_is_watched_exists(path: Path):
    assert named_in(path.read_text()) - FAMILIES.keys() == set()


def test_every_metric_is_on_the_dashboard():
    assert FAMILIES.keys() - named_in(DASHBOARD.read_text()) == set()


@pytest.mark.parametrize("path", [DASHBOARD, ALERTS], ids=lambda path: path.name)
def test_every_label_that_is_asked_for_has_such_a_value(path: Path):
    asked = re.findall(r'\b([a-z_]+)!?=\\?"([^"\\]+)\\?"', path.read_text())
    assert [pair for pair in asked if pair[1] not in VALUES.get(pair[0], {pair[1]})] == []


def test_a_metric_that_does_not_exist_would_be_found():
    assert named_in("rate(strongroom_no_such_total[5m])") - FAMILIES.keys() == {"no_such_total"}


def test_panels_have_ids_of_their_own_and_ask_something():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])


def test_every_alert_says_how_urgent_it_is_and_what_it_means():
    blocks = ALERTS.read_text().split("- alert: ")[1:]
    assert len(blocks) >= 10
    for block in blocks:
        assert re.search(r"labels: \{severity: (page|ticket)\}", block), block
        assert "summary:" in block
