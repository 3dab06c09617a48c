"""The ledger of fidelity is true: its page, tests, texts, places and operations exist as it says."""

from __future__ import annotations

import ast
from collections import Counter

import botocore.session
import pytest

from fidelity import ledger_operations, render
from fidelity.ledger import MESSAGES, QUESTIONS, ROWS, SECTIONS, TRAPS
from fidelity.rows import Row, State
from fidelity.sources import PAGE, has_place, names_of_tests, normalized, source_texts, texts_in
from strongroom.operations import OPERATIONS

CATALOGUE_LENGTH = 44
QUESTIONS_ASKED = 23
TRAPS_KNOWN = 30


def test_the_page_is_what_the_ledger_renders():
    assert PAGE.read_text() == render.page(), "run `make fidelity`"


def test_every_test_named_exists():
    for node_id in {node_id for row in ROWS for node_id in row.tests}:
        file, _, name = node_id.partition("::")
        assert name in names_of_tests(file), node_id


def test_a_message_that_is_kept_stands_exactly_once_in_the_sources():
    counts = Counter(source_texts())
    for row in MESSAGES:
        for text in row.pieces or (row.text,):
            found = counts[normalized(text)]
            assert found == 1 or row.state is not State.KEPT, f"{found} times: {text}"
            assert found >= 1 or row.state is not State.UNTESTED, f"nowhere: {text}"


def test_a_message_that_is_not_said_stands_nowhere():
    texts = set(source_texts())
    for row in MESSAGES:
        assert row.state in (State.KEPT, State.UNTESTED) or normalized(row.text) not in texts, row.text


def test_every_operation_of_the_service_model_is_in_the_ledger_and_no_other():
    model = botocore.session.get_session().get_service_model("secretsmanager")
    listed = [name for row in ledger_operations.OPERATIONS.rows for name in row.operations]
    assert sorted(listed) == sorted({*model.operation_names, *OPERATIONS})


def test_every_place_of_a_choice_exists():
    for row in QUESTIONS:
        assert row.places
        for place in row.places:
            assert has_place(place), place


def test_the_catalogue_the_questions_and_the_traps_are_whole():
    numbers = {int(row.number) for row in MESSAGES if row.number}
    assert numbers == set(range(1, CATALOGUE_LENGTH + 1))
    assert [row.number for row in QUESTIONS] == list(range(1, QUESTIONS_ASKED + 1))
    assert [row.number for row in TRAPS] == list(range(1, TRAPS_KNOWN + 1))


def test_a_state_says_what_it_needs_to():
    def is_sound(row: Row) -> bool:
        match row.state:
            case State.KEPT:
                return bool(row.tests)
            case State.UNTESTED:
                return not row.tests
            case _:
                return bool(row.why)

    assert [row.what for row in ROWS if not is_sound(row)] == []


def test_no_fact_stands_twice_in_a_section():
    for section in SECTIONS:
        repeated = [row for row, count in Counter(section.rows).items() if count > 1]
        assert repeated == [], section.title


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('raise Fault(f"The {thing} is " f"{state.name}.")', "The {thing} is {state}."),
        ('TEXT = "plain " "text"', "plain text"),
        ("f\"{f(x, 'inner')} outer\"", "inner"),
    ],
)
def test_a_text_is_found_whatever_its_form(source: str, text: str):
    assert normalized(text) in set(texts_in(ast.parse(source)))


def test_a_docstring_is_no_text_of_the_sources():
    assert list(texts_in(ast.parse('def f():\n    """Said nowhere."""\n'))) == []


def test_what_does_not_exist_is_missed():
    assert "test_nothing_of_the_kind" not in names_of_tests("test_fidelity.py")
    assert not names_of_tests("test_no_such_file.py")
    assert not has_place("domain.deletion:no_such_name")
    assert not has_place("domain.no_such_module:restore")
