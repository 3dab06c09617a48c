"""`python -m bench.stalls`: fills a deployment, plays the scenes that were chosen, and prints their table."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from bench import machine
from bench.cli import SCALES, say
from bench.generator import require_wrk
from bench.stalls.node import Node
from bench.stalls.report import render
from bench.stalls.scenes import Scenes
from strongroom.errors import OperatorError

SCENES: Final = ("calm", "calm_with_index", "index", "backup", "vacuum_into", "creation", "purge")


def stalls(
    scale: Annotated[str, typer.Option(help="Secrets beside those that are called: small, default, full.")] = "default",
    seconds: Annotated[int, typer.Option(min=1, help="How long a scene without an end is watched.")] = 20,
    longest: Annotated[int, typer.Option(min=1, help="How long any scene is watched at most.")] = 900,
    only: Annotated[str, typer.Option(help=f"Scenes, separated by commas: {', '.join(SCENES)}.")] = "",
    filled: Annotated[
        Path | None, typer.Option(help="A folder where filled deployments are kept between runs.")
    ] = None,
) -> None:
    """Measure the longest answers of a steady load while something large goes on."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [name.strip() for name in only.split(",") if name.strip()] or list(SCENES)
    if scale not in SCALES or not set(chosen) <= set(SCENES):
        raise OperatorError(
            f"There is no such scale or scene: {scale}, {only}.",
            why=f"scales are {', '.join(SCALES)}; scenes are {', '.join(SCENES)}",
            next_step="choose from those",
        )
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="strongroom-stalls-") as directory:
        home = Path(directory)
        node = Node(home / "server")
        try:
            say(f"filling {SCALES[scale]:,} secrets")
            node.fill((filled or home) / f"filled-{scale}", SCALES[scale])
            scenes = Scenes(node, home, SCALES[scale], seconds, longest)
            seen = []
            for name in SCENES:
                if name in chosen:
                    say(f"{name}: load average {os.getloadavg()[0]:.1f}")
                    seen.append(getattr(scenes, name)())
                    say(render(seen[-1:]))
        finally:
            node.stop()
        facts = "; ".join(f"{name} {said}" for name, said in machine.describe(home).items())
    sys.stdout.write(f"{SCALES[scale]:,} secrets. {facts}\n\n{render(seen)}\n")


def main() -> None:
    """Run the command line; what an operator must mend is told in three lines, without a traceback."""
    try:
        typer.run(stalls)
    except OperatorError as error:
        say(f"[bold red]error:[/] {str(error).replace('[', '(')}")
        sys.exit(1)
