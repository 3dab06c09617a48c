"""`python -m bench`: chooses, sets up, measures in rounds, and writes what it found after every workload."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench import machine, processes
from bench.generator import RunFailed, require_wrk
from bench.measure import Bench
from bench.publish import publish
from bench.results import Point, Results
from bench.servers import SERVERS, Server
from bench.table import digits, render
from bench.workloads import LISTINGS, Workload, plan, select
from strongroom.errors import OperatorError

SCALES: Final = {"small": 1_000, "default": 100_000, "full": 1_000_000}
"""The largest listing of each scale, in secrets."""

LATEST: Final = Path(__file__).parent / "results" / "latest.json"
IDLE_SECONDS: Final = 3.0
INTERRUPTED: Final = 130
"""Exit status, as shells give it after Ctrl-C."""

say: Final = Console(stderr=True, highlight=False, soft_wrap=True).print


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="How often every point is measured, in turn.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Measured time of a point.")] = 3,
    warm_up: Annotated[int, typer.Option(min=1, help="Time before it that does not count.")] = 1,
    only: Annotated[str, typer.Option(help="Groups or workloads, separated by commas.")] = "",
    servers: Annotated[str, typer.Option(help="Servers, separated by commas.")] = "",
    scale: Annotated[str, typer.Option(help="Largest listing: small 1e3, default 1e5, full 1e6.")] = "default",
    note: Annotated[str, typer.Option(help="A remark that stands above the results.")] = "",
    *,
    publishes: Annotated[bool, typer.Option("--publish", help="Write the results into docs/benchmarks.md.")] = False,
    from_latest: Annotated[
        bool, typer.Option("--from-latest", help="Measure nothing: show, and publish, the last run.")
    ] = False,
) -> None:
    """Measure Strongroom and its peers, one after the other in each round, with the same load generator."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if from_latest:
        results, completed = _latest(), True
    else:
        chosen = {name: SERVERS[name] for name in _named(servers, list(SERVERS), "server") or SERVERS}
        workloads = _selected(scale, only)
        require_wrk()
        options = {"rounds": rounds, "seconds": seconds, "warm-up": warm_up, "scale": scale}
        with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as directory:
            home = Path(directory)
            started = [make(home / name) for name, make in chosen.items()]
            results = _describe(home, started, workloads, options, note)
            completed = _run(home, started, workloads, results)
    text = render(results)
    LATEST.with_suffix(".md").write_text(text)
    sys.stdout.write(text)
    if not completed:
        raise typer.Exit(INTERRUPTED)
    if publishes:
        say(f"published in {publish(text)}")
    if failures := results.failures():
        say(f"[bold red]{len(failures)} points failed[/]; see the end of the report")
        raise typer.Exit(1)


def _run(home: Path, servers: list[Server], workloads: list[Workload], results: Results) -> bool:
    """Set everything up, measure, and end every server by its id, however this goes; tell whether it was all."""
    try:
        for server in servers:
            say(f"{server.name}: set up and filled in {_set_up(server, workloads):.0f} s")
            results.startup_seconds[server.name] = server.startup_seconds
        for server in servers:
            results.idle_cores[server.name] = processes.idle_cpu_share(server.roots, IDLE_SECONDS)
        _measure(home, servers, workloads, results)
    except KeyboardInterrupt:
        say("interrupted; what was measured so far is kept")
        return False
    finally:
        results.write(LATEST)
        for server in servers:
            server.stop()
    return True


def _set_up(server: Server, workloads: list[Workload]) -> float:
    """Start a server with what its workloads need, and return how long that took, in seconds."""
    began = time.monotonic()
    kinds = list(dict.fromkeys(["main", *(workload.contents for workload in workloads if server.runs(workload))]))
    try:
        server.set_up(kinds)
    except RunFailed as error:
        raise OperatorError(
            f"{server.name} could not be set up.",
            why=str(error),
            next_step="mend that, or leave it out with --servers",
        ) from error
    return time.monotonic() - began


def _measure(home: Path, servers: list[Server], workloads: list[Workload], results: Results) -> None:
    bench = Bench(home, results.options["seconds"], results.options["warm-up"])
    steps = [
        (workload, connections, [server for server in servers if server.runs(workload)])
        for workload in workloads
        for connections in workload.connections
    ]
    total = results.options["rounds"] * sum(len(able) for _, _, able in steps)
    for number in range(1, results.options["rounds"] + 1):
        for workload, connections, able in steps:
            for server in able:
                point = bench.point(workload, server, connections, number)
                results.points.append(point)
                say(f"[{len(results.points)}/{total}] {_told(point)}")
            results.write(LATEST)


def _told(point: Point) -> str:
    where = f"round {point.round} {point.workload} c={point.connections} {point.server}"
    if point.error is not None:
        return f"{where}: [bold red]FAILED[/] {point.error[:300].replace('[', '(')}"
    return (
        f"{where}: {point.requests_per_second:,.0f} req/s, p99 {digits(point.p99_ms)} ms, {digits(point.cpu_us)} µs CPU"
    )


def _describe(
    home: Path, servers: list[Server], workloads: list[Workload], options: dict[str, object], note: str
) -> Results:
    return Results(
        machine=machine.describe(home),
        versions=machine.versions(),
        options=options,
        servers={server.name: {"title": server.title, "guarantees": server.guarantees} for server in servers},
        workloads={workload.name: {"title": workload.title, "group": workload.group} for workload in workloads},
        began=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        note=note,
    )


def _selected(scale: str, only: str) -> list[Workload]:
    if scale not in SCALES:
        raise _unknown("scale", scale, list(SCALES))
    try:
        return select(plan(tuple(size for size in LISTINGS if size <= SCALES[scale])), _parts(only))
    except ValueError as error:
        raise OperatorError(
            "--only names something that is not measured.", why=str(error), next_step="choose from those"
        ) from error


def _named(given: str, known: list[str], what: str) -> list[str]:
    for name in _parts(given):
        if name not in known:
            raise _unknown(what, name, known)
    return _parts(given)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _unknown(what: str, name: str, known: list[str]) -> OperatorError:
    return OperatorError(
        f"There is no {what} {name}.", why="the bench knows it not", next_step=f"choose from {', '.join(known)}"
    )


def _latest() -> Results:
    try:
        return Results.read(LATEST)
    except (OSError, ValueError, TypeError) as error:
        raise OperatorError(
            f"There are no results in {LATEST}.", why=str(error), next_step="measure first: make bench"
        ) from error


def main() -> None:
    """Run the command line; what an operator must mend is told in three lines, without a traceback."""
    try:
        typer.run(bench)
    except OperatorError as error:
        say(f"[bold red]error:[/] {str(error).replace('[', '(')}")
        sys.exit(1)
