"""Prometheus' text format, version 0.0.4, of the numbers of all processes together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from strongroom.metrics.board import Series
from strongroom.metrics.catalogue import BUCKETS, FAMILIES, PREFIX, Kind

MICROSECONDS: Final = 1_000_000
SEPARATOR: Final = "|"
"""Between name and labels in the key of a series."""


def render(boards: Iterable[Sequence[Series]]) -> str:
    """Return every family; one without series of its own labels shows a plain 0, so that alerts find it."""
    totals = _totals(boards)
    lines: list[str] = []
    for name, family in FAMILIES.items():
        lines += [f"# HELP {PREFIX}{name} {family.help}", f"# TYPE {PREFIX}{name} {family.kind}"]
        found = totals.get(name, {})
        for labels, numbers in sorted(found.items()):
            if labels or len(found) == 1:
                lines += _lines(PREFIX + name, labels, family.kind, numbers)
    return "\n".join(lines) + "\n"


def _totals(boards: Iterable[Sequence[Series]]) -> dict[str, dict[str, list[int]]]:
    totals: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for board in boards:
        for key, numbers in board:
            name, _, labels = key.partition(SEPARATOR)
            if name not in FAMILIES:
                continue
            known = totals[name].get(labels)
            if known is None:
                totals[name][labels] = list(numbers)
            elif FAMILIES[name].kind is Kind.GAUGE:
                totals[name][labels] = max(known, list(numbers), key=lambda one: one[1])
            else:
                totals[name][labels] = [one + other for one, other in zip(known, numbers, strict=True)]
    return totals


def _lines(name: str, labels: str, kind: Kind, numbers: Sequence[int]) -> list[str]:
    if kind is not Kind.HISTOGRAM:
        return [f"{name}{f'{{{labels}}}' if labels else ''} {numbers[0]}"]
    *buckets, micros = numbers
    lines, count = [], 0
    for bound, number in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
        count += number
        lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {count}')
    return [*lines, f"{name}_sum{{{labels}}} {micros / MICROSECONDS}", f"{name}_count{{{labels}}} {count}"]
