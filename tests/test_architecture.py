"""The house's laws, as far as a parse of the sources can tell. The arrow between layers is import-linter's.

Each law is a function from one source file to its violations; a test applies it to all of `src`, another
shows on a bad example that it bites.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SRC = Path(__file__).parents[1] / "src"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_SHORT_TEXT = 40  # characters; a longer text in an error is a message, which stands once

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    path: str
    """Relative to the package, as in `domain/staging.py`."""

    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    def at(self, node: ast.AST, what: str) -> str:
        return f"src/strongroom/{self.path}:{node.lineno}: {what}"


def read_sources() -> list[Source]:
    package = SRC / "strongroom"
    return [Source(path.relative_to(package).as_posix(), path.read_text()) for path in sorted(package.rglob("*.py"))]


SOURCES = read_sources()


def long_files(source: Source) -> Iterator[str]:
    count = len(source.text.splitlines())
    if count >= MAX_FILE_LINES:
        yield f"src/strongroom/{source.path}: {count} lines: which concept is hiding here?"


def long_functions(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if isinstance(node, FunctionNode):
            count = node.end_lineno - node.lineno + 1 - _docstring_lines(node)
            if count >= MAX_FUNCTION_LINES:
                yield source.at(node, f"{node.name} has {count} lines without its docstring")


def _docstring_lines(function: FunctionNode) -> int:
    if ast.get_docstring(function) is None:
        return 0
    return function.body[0].end_lineno - function.body[0].lineno + 1


CLOCK_READINGS = {"now", "utcnow", "today", "time", "time_ns"}
CLOCK_OWNERS = {"datetime", "date", "time"}


def clock_readings(source: Source) -> Iterator[str]:
    """`time.monotonic` measures and is free; what is forbidden is asking for the time of day."""
    if source.path == "clock.py":
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_READINGS and _last_name(node.value) in CLOCK_OWNERS:
            if (_last_name(node.value), node.attr) != ("datetime", "time"):  # the type datetime.time
                yield source.at(node, f"reads the clock with {ast.unparse(node)}; take `now` as an argument")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for name in {alias.name for alias in node.names} & CLOCK_READINGS:
                yield source.at(node, f"imports time.{name}; take `now` as an argument")


RANDOM_MODULES = {"random", "secrets"}
RANDOM_FUNCTIONS = {"urandom", "getrandom", "uuid1", "uuid4"}


def random_draws(source: Source) -> Iterator[str]:
    if source.path == "entropy.py":
        return
    for node in source.nodes:
        drawn: set[str] = set()
        if isinstance(node, ast.Import):
            drawn = {alias.name for alias in node.names} & RANDOM_MODULES
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            drawn = ({node.module} & RANDOM_MODULES) | ({alias.name for alias in node.names} & RANDOM_FUNCTIONS)
        elif isinstance(node, ast.Attribute):
            drawn = {node.attr} & RANDOM_FUNCTIONS
        for name in sorted(drawn):
            yield source.at(node, f"draws from {name}; take an Entropy as an argument")


MAY_REVEAL = ("crypto/", "operations/", "authn/", "domain/secret_value.py")


def revelations(source: Source) -> Iterator[str]:
    if source.path.startswith(MAY_REVEAL):
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reveal":
            yield source.at(node, f"reveals a secret value; only {', '.join(MAY_REVEAL)} may")


def loose_ends(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME)\b", line):
            yield f"src/strongroom/{source.path}:{number}: a loose end; tie it, or file an issue: {line.strip()}"


VAGUE_NAMES = {"manager", "helper", "helpers", "util", "utils"}


def vague_names(source: Source) -> Iterator[str]:
    for part in Path(source.path).with_suffix("").parts:
        if VAGUE_NAMES & set(part.split("_")):
            yield f"src/strongroom/{source.path}: {part} says nothing; name the thing after what it is"


def message_texts(source: Source) -> Iterator[tuple[str, str]]:
    """Yield each long text handed to an error, with its place; what an f-string fills in becomes {}."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and (_last_name(node.func) or "").endswith(("Exception", "Failure", "Error")):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                text = _text(argument)
                if text is not None and len(text) > MAX_SHORT_TEXT:
                    yield text, source.at(argument, (_last_name(node.func) or ""))


def repeated_messages(sources: list[Source]) -> Iterator[str]:
    places = defaultdict(list)
    for source in sources:
        for text, place in message_texts(source):
            places[text].append(place)
    for text, found in places.items():
        if len(found) > 1:
            yield "\n  ".join([f"{text!r} stands {len(found)} times; give it one home:", *found])


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _last_name(node: ast.expr) -> str | None:
    """Return `c` of `c` and of `a.b.c`."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def require_none(violations: Iterator[str]) -> None:
    found = list(violations)
    assert not found, "\n" + "\n".join(found)


def breaches(law: Callable[[Source], Iterator[str]]) -> Iterator[str]:
    return (violation for source in SOURCES for violation in law(source))


def test_the_sources_are_found():
    assert {"errors.py", "clock.py", "domain/secret.py"} <= {source.path for source in SOURCES}


def test_files_stay_below_400_lines():
    require_none(breaches(long_files))


def test_functions_stay_below_40_lines():
    require_none(breaches(long_functions))


def test_only_the_clock_reads_the_time_of_day():
    require_none(breaches(clock_readings))


def test_only_entropy_draws_random_numbers():
    require_none(breaches(random_draws))


def test_only_crypto_operations_and_authn_reveal_secret_values():
    require_none(breaches(revelations))


def test_no_loose_ends_are_left_in_the_sources():
    require_none(breaches(loose_ends))


def test_modules_have_names_that_say_something():
    require_none(breaches(vague_names))


def test_each_message_text_stands_once():
    require_none(repeated_messages(SOURCES))


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (long_files, "x.py", "x = 1\n" * MAX_FILE_LINES),
        (long_functions, "x.py", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
        (clock_readings, "x.py", "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
        (clock_readings, "x.py", "now = datetime.utcnow()"),
        (clock_readings, "x.py", "import time\nnow = time.time()"),
        (clock_readings, "x.py", "from time import time"),
        (random_draws, "x.py", "import secrets"),
        (random_draws, "x.py", "from random import choice"),
        (random_draws, "x.py", "import os\nos.urandom(16)"),
        (random_draws, "x.py", "from uuid import uuid4"),
        (revelations, "audit/record.py", "value.reveal()"),
        (loose_ends, "x.py", "# TO" + "DO: later"),
        (vague_names, "storage/key_manager.py", ""),
        (vague_names, "utils/text.py", ""),
    ],
)
def test_a_law_bites(law: Callable[[Source], Iterator[str]], path: str, text: str):
    assert list(law(Source(path, text)))


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (long_functions, "x.py", 'def f():\n    """Say\n' + "    more\n" * MAX_FUNCTION_LINES + '    """\n'),
        (clock_readings, "clock.py", "now = datetime.now(UTC)"),
        (clock_readings, "x.py", "started = time.monotonic()\nnoon = datetime.time(12)\nnow = clock.now()"),
        (random_draws, "entropy.py", "import secrets"),
        (random_draws, "x.py", "import uuid\nuuid.UUID(bytes=entropy.token_bytes(16), version=4)"),
        (revelations, "crypto/envelope.py", "value.reveal()"),
    ],
)
def test_a_law_spares_what_is_right(law: Callable[[Source], Iterator[str]], path: str, text: str):
    assert not list(law(Source(path, text)))


def test_a_message_that_stands_twice_is_found_through_f_strings():
    first = Source("a.py", 'raise InvalidRequestException(f"You tried to do {x} to a secret that cannot bear it.")')
    second = Source("b.py", 'raise errors.SomeFailure(f"You tried to do {y} to a secret that cannot " "bear it.")')
    assert len(list(repeated_messages([first, second]))) == 1
