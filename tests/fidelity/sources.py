"""What the ledger is compared with: texts and names of the sources, and names of tests. Nothing is imported."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "strongroom"
TESTS: Final = ROOT / "tests"
PAGE: Final = ROOT / "docs" / "fidelity.md"

FILLED_IN: Final = "\0"
"""Stands for whatever a text fills in."""

_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


def normalized(text: str) -> str:
    """Return a text of the ledger with its placeholders made alike."""
    return _PLACEHOLDER.sub(FILLED_IN, text)


@cache
def source_texts() -> tuple[str, ...]:
    """Return every text that stands in the sources, docstrings aside; f-strings with placeholders made alike."""
    return tuple(text for path in sorted(PACKAGE.rglob("*.py")) for text in texts_in(ast.parse(path.read_text())))


def texts_in(tree: ast.AST) -> Iterator[str]:
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    if isinstance(tree, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED_IN for part in tree.values)
    elif isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield tree.value
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(tree, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from texts_in(child)


@cache
def names_of_tests(file: str) -> frozenset[str]:
    """Return the tests in a file below `tests`, those of state machines as `TestName`; none if there is no file."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    return frozenset(
        name for name in _names_in(ast.parse(path.read_text()), classes=False) if name.lower().startswith("test")
    )


def has_place(place: str) -> bool:
    """Tell whether `module:name` exists; the name is that of a function, a method, a class or a constant."""
    module, _, name = place.partition(":")
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    return path.is_file() and name in _names_in(ast.parse(path.read_text()), classes=True)


def _names_in(tree: ast.Module | ast.ClassDef, *, classes: bool) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef) and classes:
            names |= {node.name} | {f"{node.name}.{name}" for name in _names_in(node, classes=True)}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names
