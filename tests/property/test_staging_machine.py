"""Staging labels under any sequence of puts and moves: the invariants that clients build on."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strongroom.domain import staging
from strongroom.domain.staging import CURRENT, MAX_LABELS_PER_SECRET, PENDING, PREVIOUS
from strongroom.errors import InvalidParameterException, LimitExceededException

LABELS = (CURRENT, PREVIOUS, PENDING, "blue", "green")
labels = st.lists(st.sampled_from(LABELS), min_size=1, max_size=4)


class StagingMachine(RuleBasedStateMachine):
    """Keeps the stages, and beside them what each rule says must not have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: dict[str, str] = {}
        self.versions: list[str] = []

    def holder(self, label: str) -> str | None:
        return self.stages.get(label)

    @rule(requested=st.none() | labels)
    def put(self, requested: list[str] | None) -> None:
        before, version = self.stages, f"version-{len(self.versions)}"
        self.stages = staging.stage_new_version(before, version, requested)
        self.versions.append(version)
        asked = set(requested or [CURRENT])
        for label in asked - {PREVIOUS}:
            assert self.holder(label) == version
        became_current = self.holder(CURRENT) == version
        assert became_current == (CURRENT in asked or CURRENT not in before)
        if became_current and CURRENT in before:
            assert self.holder(PREVIOUS) == before[CURRENT]
        if became_current and PENDING not in asked:
            assert PENDING not in self.stages
        touched = asked | ({PREVIOUS, CURRENT, PENDING} if became_current else set())
        self.require_untouched(before, touched)

    @precondition(lambda self: self.versions)
    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def move(self, data: st.DataObject, label: str) -> None:
        before = self.stages
        to = data.draw(st.none() | st.sampled_from(self.versions))
        source = data.draw(st.none() | st.sampled_from(self.versions))
        try:
            self.stages = staging.move(before, label, to_version=to, from_version=source)
        except InvalidParameterException:
            assert self.move_must_fail(before, label, to, source)
            return
        assert not self.move_must_fail(before, label, to, source)
        assert self.holder(label) == to
        current_moved = label == CURRENT and before.get(CURRENT) not in (None, to)
        if current_moved:
            assert self.holder(PREVIOUS) == before[CURRENT]
        self.require_untouched(before, {label, PREVIOUS} if current_moved else {label})

    @staticmethod
    def move_must_fail(stages: dict[str, str], label: str, to: str | None, source: str | None) -> bool:
        holder = stages.get(label)
        if to is None and source is None:
            return True
        if to is None:
            return holder != source or label == CURRENT
        if holder is None:
            return source is not None
        return source not in ((None, holder) if holder == to else (holder,))

    def require_untouched(self, before: dict[str, str], touched: set[str]) -> None:
        for label in (set(before) | set(self.stages)) - touched:
            assert before.get(label) == self.stages.get(label)

    @invariant()
    def every_label_is_on_one_existing_version(self) -> None:
        assert set(self.stages.values()) <= set(self.versions)

    @invariant()
    def a_secret_with_versions_has_a_current_one(self) -> None:
        assert (CURRENT in self.stages) == bool(self.versions)

    @invariant()
    def current_and_previous_differ_unless_asked_for(self) -> None:
        shown = staging.by_version(self.stages)
        assert sorted(label for held in shown.values() for label in held) == sorted(self.stages)
        assert all(held for held in shown.values())


TestStagingMachine = StagingMachine.TestCase


class LabelQuotaMachine(RuleBasedStateMachine):
    """However labels are added, a secret never holds more than twenty, and a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: dict[str, str] = staging.stage_new_version({}, "version-0", None)
        self.count = 1

    @rule(requested=st.lists(st.text("abcdef", min_size=1, max_size=2), min_size=1, max_size=20))
    def put(self, requested: list[str]) -> None:
        before = dict(self.stages)
        wanted = set(before) | set(requested)
        try:
            self.stages = staging.stage_new_version(before, f"version-{self.count}", requested)
        except LimitExceededException:
            assert len(wanted) > MAX_LABELS_PER_SECRET
            assert self.stages == before
        else:
            assert len(wanted) <= MAX_LABELS_PER_SECRET
            self.count += 1

    @invariant()
    def at_most_twenty(self) -> None:
        assert len(self.stages) <= MAX_LABELS_PER_SECRET


TestLabelQuota = LabelQuotaMachine.TestCase
