"""Puts a report into docs/benchmarks.md, between two marks; the prose around it is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from strongroom.errors import OperatorError

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- results: make bench ARGS=--publish writes what follows -->"
END: Final = "<!-- end of results -->"


def publish(report: str, document: Path = DOCUMENT) -> Path:
    """Replace the published results. Raises OperatorError when the document has lost its marks."""
    document.write_text(insert(document.read_text(), report))
    return document


def insert(text: str, report: str) -> str:
    """Return the document with this report between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise OperatorError(
            "The results cannot be published.",
            why=f"the document has lost the marks {BEGIN} and {END}",
            next_step="put them back where the results are to stand",
        )
    return f"{before}{BEGIN}\n\n{report}\n{END}{after}"
