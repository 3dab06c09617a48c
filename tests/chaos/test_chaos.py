"""The harness, short: some rounds on each database. `make chaos` runs it long."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.campaign import Campaign
from chaos.plant import Strike, running_plant
from chaos.violation import Violation

SEED = "2045"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("database", "workers", "nodes", "rounds", "first"),
    [("sqlite", 2, 1, 2, Strike.PARENT), ("postgresql", 1, 2, 1, Strike.NODE)],
    ids=["sqlite", "postgresql"],
)
def test_every_invariant_holds_through_storms_and_kill_9(
    tmp_path: Path, database: str, workers: int, nodes: int, rounds: int, first: Strike
):
    with running_plant(tmp_path, database=database, workers=workers, nodes=nodes) as plant:
        campaign = Campaign(plant, SEED)
        try:
            for number in range(rounds):
                campaign.round(number)
            campaign.end()
        except Violation as violation:
            violation.add_note("\n".join(campaign.history()[-200:]))
            raise
    assert campaign.tally.strikes[first] > 0, "the seed no longer brings what it was chosen for"
    for operation in ("RestoreSecret", "ReplicateSecretToRegions", "PutUserPolicy"):
        assert campaign.tally.answers[operation] > 0
    assert campaign.tally.purged > 0
    assert campaign.tally.doubts > 0
