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
    ("database", "workers", "nodes", "strikes"),
    [("sqlite", 2, 1, (Strike.PARENT, Strike.ALL)), ("postgresql", 1, 2, (Strike.NODE,))],
    ids=["sqlite", "postgresql"],
)
def test_every_invariant_holds_through_storms_and_kill_9(
    tmp_path: Path, database: str, workers: int, nodes: int, strikes: tuple[Strike, ...]
):
    with running_plant(tmp_path, database=database, workers=workers, nodes=nodes) as plant:
        campaign = Campaign(plant, SEED)
        try:
            for number, strike in enumerate(strikes):
                campaign.round(number, strike)
            campaign.end()
        except Violation as violation:
            violation.add_note("\n".join(campaign.history()[-200:]))
            raise
    for operation in ("RestoreSecret", "ReplicateSecretToRegions", "PutUserPolicy"):
        assert campaign.tally.answers[operation] > 0
    assert campaign.tally.purged > 0
    assert campaign.tally.doubts > 0, "a server that is killed leaves calls without an answer"
