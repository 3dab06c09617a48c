"""`python -m chaos`, which `make chaos` calls. Status 1 when an invariant was broken."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from chaos.campaign import MOST_ANSWERS, Campaign
from chaos.plant import running_plant
from chaos.violation import Violation

HISTORY_SHOWN = 40


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description="Storms of calls, kill -9, and what must hold.")
    parser.add_argument("--rounds", type=int, default=20, help="kills in all (20)")
    parser.add_argument("--seed", default=str(time.time_ns() % 1_000_000), help="default: another one each time")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of a node (2)")
    parser.add_argument("--nodes", type=int, default=1, help="nodes that share one PostgreSQL (1)")
    parser.add_argument("--campaign", type=int, default=10, help="rounds on one data directory (10)")
    parser.add_argument(
        "--answers", type=int, default=MOST_ANSWERS, help=f"answers before a kill, at most ({MOST_ANSWERS})"
    )
    chosen = parser.parse_args()
    if chosen.nodes > 1 and chosen.database != "postgresql":
        parser.error("several nodes share a PostgreSQL: --database postgresql")
    done, number = 0, 0
    while done < chosen.rounds:
        rounds = min(chosen.campaign, chosen.rounds - done)
        if not run_campaign(chosen, f"{chosen.seed}/{number}" if number else chosen.seed, rounds):
            return 1
        done, number = done + rounds, number + 1
    print(f"{done} rounds: every invariant held")
    return 0


def run_campaign(chosen: argparse.Namespace, seed: str, rounds: int) -> bool:
    """Run rounds on one data directory and tell whether all held; a failure keeps its directory and says how."""
    folder = Path(tempfile.mkdtemp(prefix="strongroom-chaos-"))
    began = time.monotonic()
    with running_plant(folder, database=chosen.database, workers=chosen.workers, nodes=chosen.nodes) as plant:
        campaign, number = Campaign(plant, seed, chosen.answers), 0
        try:
            for number in range(1, rounds + 1):
                campaign.round(number)
            campaign.end()
        except Violation as violation:
            (folder / "history").write_text("\n".join(campaign.history()) + "\n")
            report(chosen, seed, number, folder, campaign, violation)
            return False
    shutil.rmtree(folder)
    tally = campaign.tally
    strikes = ", ".join(f"{count} x {what}" for what, count in tally.strikes.items())
    print(
        f"seed {seed}: {rounds} rounds in {time.monotonic() - began:.0f} s ({strikes}); "
        f"{sum(tally.answers.values())} answers, {tally.doubts} calls in doubt, {tally.purged} purges",
        flush=True,
    )
    return True


def report(
    chosen: argparse.Namespace, seed: str, number: int, folder: Path, campaign: Campaign, violation: Violation
) -> None:
    history = campaign.history()
    named = [line for line in history if any(part in line for part in str(violation).split() if "/" in part)]
    print("\n".join((named or history)[-HISTORY_SHOWN:]), file=sys.stderr)
    again = f'make chaos ARGS="--seed {seed} --rounds {number}'
    again += f" --campaign {number} --database {chosen.database} --workers {chosen.workers} --nodes {chosen.nodes}"
    again += f' --answers {chosen.answers}"'
    print(f"\nBROKEN in round {number}: {violation}\n  data, log, history: {folder}\n  again: {again}", file=sys.stderr)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the clean-up, then
    sys.exit(main())
