"""The harness, short: some rounds on each database. `make chaos` runs it long."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.campaign import Campaign
from chaos.plant import running_plant
from chaos.violation import Violation

SEED = "2031"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("database", "workers", "rounds"), [("sqlite", 2, 2), ("postgresql", 1, 1)])
def test_every_invariant_holds_through_storms_and_kill_9(tmp_path: Path, database: str, workers: int, rounds: int):
    with running_plant(tmp_path, database=database, workers=workers) as plant:
        campaign = Campaign(plant, SEED)
        try:
            for number in range(rounds):
                campaign.round(number)
            campaign.end()
        except Violation as violation:
            violation.add_note("\n".join(campaign.history()[-200:]))
            raise
    for operation in ("RestoreSecret", "ReplicateSecretToRegions", "RemoveRegionsFromReplication", "PutUserPolicy"):
        assert campaign.tally.answers[operation] > 0
    assert campaign.tally.purged > 0
    assert campaign.tally.doubts > 0
