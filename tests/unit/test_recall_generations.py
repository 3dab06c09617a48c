"""What is recalled: no more than there is room for, what was asked for lately first, and nothing that was changed."""

from __future__ import annotations

from random import Random

import pytest

from strongroom import recall
from strongroom.recall import Mark, Recall, Subject

SUBJECTS = [bytes([number]) * 8 for number in range(5)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(recall, "CAPACITY", 8)


def test_there_is_never_more_than_there_is_room_for_and_at_least_half_of_that():
    answers = Recall()
    answers.find("first", "mark")
    for number in range(100):
        answers.keep(number, f"answer {number}", "mark")
        assert len(answers) <= recall.CAPACITY
        assert answers.find(number, "mark") == f"answer {number}"
        assert len(answers) >= min(number + 1, recall.CAPACITY // 2)


def test_what_is_asked_for_again_and_again_stays():
    answers = Recall()
    answers.find("hot", "mark")
    answers.keep("hot", "kept", "mark", SUBJECTS[0])
    for number in range(100):
        answers.keep(number, "passing", "mark")
        if number % 3 == 0:
            assert answers.find("hot", "mark") == "kept"


def test_a_secret_that_was_changed_is_forgotten_in_both_generations():
    changes: dict[tuple[Mark, Mark], frozenset[Subject]] = {("one", "two"): frozenset({SUBJECTS[0]})}
    answers = Recall(lambda old, new: changes.get((old, new)))
    answers.find("", "one")
    answers.keep("q", "changed", "one", SUBJECTS[0])
    for number in range(4):
        answers.keep(number, "of another", "one", SUBJECTS[1])
    assert answers.find("q", "one") == "changed"
    assert "q" in answers._younger.answers
    assert "q" in answers._older.answers
    assert answers.find("q", "two") is None
    assert answers.find(3, "two") == "of another"
    assert answers.find(3, "three") is None, "nobody knows what was changed"
    assert len(answers) == 0


def test_what_was_worked_out_under_another_mark_is_not_kept():
    answers = Recall()
    answers.find("", "two")
    answers.keep("q", "old", "one")
    answers.keep("q", "old", None)
    assert answers.find("q", "two") is None
    assert answers.find("q", None) is None


@pytest.mark.parametrize("seed", range(20))
def test_random_reads_and_changes_never_bring_back_what_was_changed(seed):
    """Beside a model without limits: what is recalled is what it has, and nothing that it has forgotten."""
    random = Random(seed)
    touched: frozenset[Subject] | None = frozenset()
    answers = Recall(lambda _old, _new: touched)
    model: dict[int, tuple[int, Subject | None]] = {}
    mark = 0
    answers.find(None, str(mark))
    for step in range(2_000):
        question = random.randrange(24)
        if random.random() < 0.1:
            touched = None if random.random() < 0.1 else frozenset(random.sample(SUBJECTS, random.randrange(3)))
            mark += 1
            gone = [*SUBJECTS, None] if touched is None else list(touched)
            model = {asked: kept for asked, kept in model.items() if kept[1] not in gone}
        known = answers.find(question, str(mark))
        assert known is None or known == model[question][0]
        if known is None:
            subject = random.choice([None, SUBJECTS[question % 5]])
            if question in model:  # it was forgotten for want of room; it is about what it was about
                subject = model[question][1]
            answers.keep(question, step, str(mark), subject)
            model[question] = step, subject
