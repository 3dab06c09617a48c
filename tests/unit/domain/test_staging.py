from __future__ import annotations

import pytest

from strongroom.domain import staging
from strongroom.domain.staging import CURRENT, PENDING, PREVIOUS
from strongroom.errors import InvalidParameterException, LimitExceededException

Steps = list[tuple[str, list[str] | None]]


def shown(stages: dict[str, str]) -> dict[str, set[str]]:
    return {version: set(labels) for version, labels in staging.by_version(stages).items()}


def test_the_first_version_takes_current_whatever_labels_are_asked_for() -> None:
    assert shown(staging.stage_new_version({}, "v1", ["blue"])) == {"v1": {"blue", CURRENT}}


def test_a_plain_write_moves_current_and_previous() -> None:
    stages = staging.stage_new_version({CURRENT: "v2", PREVIOUS: "v1"}, "v3", None)
    assert shown(stages) == {"v3": {CURRENT}, "v2": {PREVIOUS}}


def test_custom_labels_stay_on_the_demoted_version() -> None:
    stages = staging.stage_new_version({CURRENT: "v1", "blue": "v1"}, "v2", None)
    assert shown(stages) == {"v2": {CURRENT}, "v1": {PREVIOUS, "blue"}}


def test_a_custom_label_is_taken_from_whoever_had_it_and_current_stays() -> None:
    stages = staging.stage_new_version({CURRENT: "v1", "blue": "v1", "green": "v1"}, "v2", ["blue"])
    assert shown(stages) == {"v1": {CURRENT, "green"}, "v2": {"blue"}}


def test_a_plain_write_abandons_a_rotation_in_progress() -> None:
    assert PENDING not in staging.stage_new_version({CURRENT: "v1", PENDING: "v2"}, "v3", None)


def test_pending_moves_without_touching_current() -> None:
    stages = staging.stage_new_version({CURRENT: "v1", PENDING: "v1"}, "v2", [PENDING])
    assert shown(stages) == {"v1": {CURRENT}, "v2": {PENDING}}


def test_the_recorded_trace_of_a_rotation_by_hand() -> None:
    stages = staging.stage_new_version({}, "v1", None)
    stages = staging.stage_new_version(stages, "v2", [CURRENT, "PUT0"])
    assert shown(stages) == {"v1": {PREVIOUS}, "v2": {CURRENT, "PUT0"}}
    stages = staging.stage_new_version(stages, "v3", [PENDING, "PUT1"])
    stages = staging.move(stages, CURRENT, to_version="v3", from_version="v2")
    assert shown(stages) == {"v2": {PREVIOUS, "PUT0"}, "v3": {CURRENT, PENDING, "PUT1"}}
    stages = staging.stage_new_version(stages, "v4", [PENDING, "PUT2"])
    stages = staging.move(stages, CURRENT, to_version="v4", from_version="v3")
    assert shown(stages) == {"v2": {"PUT0"}, "v3": {PREVIOUS, "PUT1"}, "v4": {CURRENT, PENDING, "PUT2"}}


def test_rolling_back_swaps_current_and_previous() -> None:
    stages = staging.move({CURRENT: "v2", PREVIOUS: "v1"}, CURRENT, to_version="v1", from_version="v2")
    assert shown(stages) == {"v1": {CURRENT}, "v2": {PREVIOUS}}


def test_moving_a_label_to_where_it_is_changes_nothing() -> None:
    stages = {CURRENT: "v2", PREVIOUS: "v1"}
    assert staging.move(stages, CURRENT, to_version="v2", from_version=None) == stages
    assert staging.move(stages, CURRENT, to_version="v2", from_version="v2") == stages


def test_removing_the_last_label_leaves_the_version_deprecated() -> None:
    stages = staging.move({CURRENT: "v1", "blue": "v2"}, "blue", to_version=None, from_version="v2")
    assert shown(stages) == {"v1": {CURRENT}}


@pytest.mark.parametrize(
    ("label", "to", "source", "message"),
    [
        (
            CURRENT,
            "v1",
            None,
            (
                "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to "
                "version v2, so you must explicitly reference that version in RemoveFromVersionId."
            ),
        ),
        (
            "blue",
            "v2",
            None,
            (
                "The parameter RemoveFromVersionId can't be empty. Staging label blue is currently attached to "
                "version v1, so you must explicitly reference that version in RemoveFromVersionId."
            ),
        ),
        (
            CURRENT,
            "v1",
            "v1",
            (
                "When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the "
                "version that currently has the staging label AWSCURRENT."
            ),
        ),
        (
            CURRENT,
            None,
            "v2",
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
        ),
        ("green", None, "v1", "Version stage green not found in version v1"),
        ("green", "v2", "v1", "Version stage green not found in version v1"),
        (CURRENT, None, "v1", "Version stage AWSCURRENT not found in version v1"),
        (
            "blue",
            None,
            None,
            "You must specify at least one of the parameters MoveToVersionId and RemoveFromVersionId.",
        ),
    ],
)
def test_moves_that_name_the_wrong_versions_are_refused(
    label: str, to: str | None, source: str | None, message: str
) -> None:
    with pytest.raises(InvalidParameterException) as caught:
        staging.move({CURRENT: "v2", PREVIOUS: "v1", "blue": "v1"}, label, to_version=to, from_version=source)
    assert caught.value.message == message


def test_more_than_twenty_labels_are_refused() -> None:
    stages = staging.stage_new_version({}, "v1", [CURRENT, *map(str, range(19))])
    with pytest.raises(LimitExceededException):
        staging.attach(stages, "v1", ["one too many"])
    with pytest.raises(LimitExceededException):
        staging.stage_new_version(stages, "v2", None)  # AWSPREVIOUS would be the twenty-first


def test_current_on_nobody_is_attached_without_a_source() -> None:
    assert staging.move({PENDING: "v1"}, CURRENT, to_version="v1", from_version=None) == {PENDING: "v1", CURRENT: "v1"}
