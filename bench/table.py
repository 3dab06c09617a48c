"""The results as Markdown: what a reader of docs/benchmarks.md sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bench.results import Key, Results, Summary
from bench.servers import PEERS

NOT_APPLICABLE: Final = "n/a"
TOP: Final = 3  # leading digits

_MEASURES: Final = ("server", "conns", "req/s median (min to max)", "p50 ms", "p99 ms", "CPU µs/req")
_SURROUNDINGS: Final = ("peak PSS MB", "wrk cores", "others' cores")
_GROUPS: Final = {
    "reads": "Reads",
    "tls": "Reads over TLS",
    "writes": "Writes",
    "mixed": "Mixed",
    "lists": "Lists",
}


def render(results: Results) -> str:
    """Return the whole report."""
    parts = [_preamble(results), _servers(results)]
    summaries = results.summaries()
    for group, title in _GROUPS.items():
        names = [name for name, said in results.workloads.items() if said["group"] == group]
        tables = [_workload(results, summaries, name) for name in names]
        if any(tables):
            parts += [f"### {title}", *filter(None, tables)]
    if failures := _failures(results):
        parts += ["### Failures", failures]
    return "\n\n".join(parts) + "\n"


def _preamble(results: Results) -> str:
    facts = [
        ("run", f"{results.began}, {_said(results.options)}"),
        *results.machine.items(),
        ("versions", ", ".join(f"{name} {number}" for name, number in results.versions.items())),
    ]
    if results.note:
        facts.insert(0, ("note", f"**{results.note}**"))
    return table(("", ""), [[name, text] for name, text in facts])


def _said(options: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _servers(results: Results) -> str:
    rows = [
        [
            f"`{name}`",
            said["title"],
            said["guarantees"],
            f"{results.startup_seconds[name]:.2f}" if name in results.startup_seconds else "",
            f"{results.idle_cores[name]:.3f}" if name in results.idle_cores else "",
        ]
        for name, said in results.servers.items()
    ]
    return table(("server", "how it runs", "what a request costs it", "start-up s", "idle cores"), rows)


def _workload(results: Results, summaries: dict[Key, Summary], name: str) -> str:
    measured = {key: summary for key, summary in summaries.items() if key[0] == name}
    if not measured:
        return ""
    rows: list[list[str]] = []
    present = [peer for peer in PEERS if any(key[2] == peer for key in measured)]
    for connections in sorted({key[1] for key in measured}):
        for server in results.servers:
            summary = measured.get((name, connections, server))
            if summary is not None:
                peers = [measured.get((name, connections, peer)) for peer in present]
                rows.append([f"`{server}`", str(connections), *_cells(summary, peers)])
    absent = [server for server in results.servers if not any(key[2] == server for key in measured)]
    failed = {point.server for point in results.failures() if point.workload == name}
    said = [f"{server}: {'failed' if server in failed else NOT_APPLICABLE}" for server in absent]
    below = f"\n\n{'; '.join(said)}" if said else ""
    return f"**{results.workloads[name]['title']}** (`{name}`)\n\n{table(_headers(present), rows)}{below}"


def _headers(peers: list[str]) -> list[str]:
    rates, costs = [f"req/s ÷ {peer}" for peer in peers], [f"CPU of {peer} ÷ its" for peer in peers]
    return [*_MEASURES, *rates, *costs, *_SURROUNDINGS]


def _cells(own: Summary, peers: list[Summary | None]) -> Iterator[str]:
    rates = f"{own.requests_per_second:,.0f} ({own.slowest:,.0f} to {own.fastest:,.0f})"
    yield from (rates, digits(own.p50_ms), digits(own.p99_ms), digits(own.cpu_us))
    yield from (ratio(own.requests_per_second, None if peer is None else peer.requests_per_second) for peer in peers)
    yield from (ratio(None if peer is None else peer.cpu_us, own.cpu_us) for peer in peers)
    yield from (f"{own.pss_bytes / 1e6:.0f}", f"{own.generator_cores:.2f}", f"{own.other_cores:.2f}")


def _failures(results: Results) -> str:
    return "\n".join(
        f"- `{point.workload}` at {point.connections} on `{point.server}`, round {point.round}: {_line(point.error)}"
        for point in results.failures()
    )


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:400]


def ratio(dividend: float | None, divisor: float | None) -> str:
    """Return how many times the one is the other, in two or three digits; a dash where one was not measured."""
    if not dividend or not divisor:
        return "-"
    return digits(dividend / divisor)


def digits(number: float) -> str:
    """Return a number in three leading digits, never in exponents: 0.052, 1.23, 45.6, 1,234."""
    if number == 0:
        return "0"
    places = TOP - 1
    magnitude = abs(number)
    while magnitude >= 10 and places > 0:  # noqa: PLR2004 - the base of the digits
        magnitude, places = magnitude / 10, places - 1
    return f"{number:,.{places if abs(number) >= 1 else TOP}f}"


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    headers = list(headers)
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
