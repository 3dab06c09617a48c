"""Rules of versions: their labels, how they are read, and what makes a repeated write harmless."""

from __future__ import annotations

from typing import Final

from fidelity.rows import DOCUMENTED, INFERRED, RECORDED, REPORTED, VERIFIED, Section, kept

LABELS: Final = Section(
    "Labels after a write",
    (
        kept(
            "a label is on at most one version of a secret",
            RECORDED,
            "property/test_staging_machine.py::TestStagingMachine",
            "operations/test_traps.py::test_a_label_is_on_one_version_and_leaves_it_only_by_name",
        ),
        kept(
            "any text of 1 to 256 characters is a label; case counts",
            RECORDED,
            "operations/test_put_secret_value.py::test_labels_after_puts",
            "operations/test_get_secret_value.py::test_labels_count_case",
        ),
        kept(
            "CreateSecret with a value: AWSCURRENT",
            RECORDED,
            (
                "operations/test_create_secret.py::test_a_secret_with_a_value_has_one_version_named_by_the_token_and_labelled_current"
            ),
        ),
        kept(
            "CreateSecret without a value: no version, no label map",
            RECORDED,
            "operations/test_create_secret.py::test_a_secret_without_a_value_has_no_version",
            "operations/test_traps.py::test_a_secret_without_a_value_has_no_phantom_version",
        ),
        kept(
            "the first value of a secret takes AWSCURRENT beside the labels asked for",
            DOCUMENTED,
            (
                "operations/test_put_secret_value.py::test_the_first_value_of_a_secret_takes_awscurrent_whatever_it_asks_for"
            ),
            "unit/domain/test_staging.py::test_the_first_version_takes_current_whatever_labels_are_asked_for",
            "operations/test_traps.py::test_the_first_value_is_current_whatever_labels_it_names",
        ),
        kept(
            "Put without labels: AWSCURRENT moves, the old current is AWSPREVIOUS, the old previous is not",
            RECORDED,
            "unit/domain/test_staging.py::test_a_plain_write_moves_current_and_previous",
            "operations/test_put_secret_value.py::test_labels_after_puts",
        ),
        kept(
            "Put with labels: they, and only they, move to the new version",
            RECORDED,
            "unit/domain/test_staging.py::test_a_custom_label_is_taken_from_whoever_had_it_and_current_stays",
            "operations/test_put_secret_value.py::test_labels_after_puts",
        ),
        kept(
            "a version that lost its last label is deprecated, one that lost some keeps the others",
            RECORDED,
            "operations/test_put_secret_value.py::test_labels_after_puts",
            "operations/test_describe_secret.py::test_deprecated_versions_do_not_appear",
        ),
        kept(
            "Put with AWSCURRENT and others: all on the new version",
            RECORDED,
            "operations/test_put_secret_value.py::test_labels_after_puts",
            "operations/test_traps.py::test_a_label_is_on_one_version_and_leaves_it_only_by_name",
        ),
        kept(
            "Put with AWSPENDING: it moves, AWSCURRENT stays",
            RECORDED,
            "unit/domain/test_staging.py::test_pending_moves_without_touching_current",
            "operations/test_put_secret_value.py::test_labels_after_puts",
        ),
        kept(
            "a new current version takes AWSPENDING off the secret, on whichever version it is",
            RECORDED,
            "operations/test_traps.py::test_a_new_current_version_abandons_a_rotation",
            "operations/test_put_secret_value.py::test_labels_after_puts",
            "operations/test_rotation_placeholders.py::test_another_new_current_version_abandons_it",
        ),
        kept(
            "UpdateSecret with a value moves labels as Put without labels",
            DOCUMENTED,
            "operations/test_update_secret.py::test_a_value_becomes_the_current_version_as_with_put",
        ),
        kept(
            "UpdateSecret without a value moves none and makes no version",
            RECORDED,
            "operations/test_update_secret.py::test_without_a_value_there_is_no_version_and_no_label_moves",
        ),
        kept(
            "the value that a secret has, under a new token, is a new version",
            RECORDED,
            "operations/test_put_secret_value.py::test_an_identical_value_under_a_new_token_is_a_new_version",
            "operations/test_update_secret.py::test_an_identical_value_under_a_new_token_is_a_new_version",
        ),
        kept(
            "the version id is the token, verbatim",
            RECORDED,
            "operations/test_create_secret.py::test_any_token_of_the_right_length_becomes_the_version_id_verbatim",
        ),
        kept(
            "the worked trace of two custom labels and two rotations by hand",
            RECORDED,
            "operations/test_update_secret_version_stage.py::test_worked_trace_of_custom_stages",
            "unit/domain/test_staging.py::test_the_recorded_trace_of_a_rotation_by_hand",
        ),
        kept(
            "versions without labels beyond a hundred are removed when they are 24 hours old",
            DOCUMENTED,
            "operations/test_background_deletion.py::test_unlabelled_versions_beyond_a_hundred_are_removed_after_a_day",
            "operations/test_background_deletion.py::test_versions_younger_than_a_day_are_not_removed",
            (
                "property/test_deletion_machine.py::test_a_version_is_pruned_if_unlabelled_a_day_old_and_behind_a_hundred_newer"
            ),
        ),
    ),
)

MOVES: Final = Section(
    "The table of UpdateSecretVersionStage",
    (
        kept(
            "a label on nobody is attached",
            DOCUMENTED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
        ),
        kept(
            "a label moves from the version that is named",
            RECORDED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
        ),
        kept(
            "a move that does not name the version it leaves is refused, for every label",
            VERIFIED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
            "operations/test_traps.py::test_a_label_is_on_one_version_and_leaves_it_only_by_name",
        ),
        kept(
            "a move that names another version is refused",
            DOCUMENTED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        kept(
            "AWSCURRENT on nobody is attached without a source",
            REPORTED,
            "unit/domain/test_staging.py::test_current_on_nobody_is_attached_without_a_source",
            why="A secret without AWSCURRENT has no version but a rotation's; the rule is that of any label on nobody.",
        ),
        kept(
            "a label that is there already stays, and the secret is not changed",
            INFERRED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
            (
                "operations/test_update_secret_version_stage.py::test_a_move_that_changes_nothing_is_no_change_of_the_secret"
            ),
        ),
        kept(
            "a label is removed from the version that is named",
            RECORDED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
            "unit/domain/test_staging.py::test_removing_the_last_label_leaves_the_version_deprecated",
        ),
        kept(
            "a label that is not on the version named is refused",
            DOCUMENTED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        kept(
            "AWSCURRENT is not removed",
            REPORTED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        kept(
            "neither version named is refused",
            INFERRED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        kept(
            "an unknown version is not found",
            INFERRED,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        kept(
            "AWSCURRENT takes nothing along: AWSPENDING and custom labels stay on both versions",
            RECORDED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
            "operations/test_rotation_placeholders.py::test_it_becomes_current_by_a_move_and_keeps_awspending",
        ),
        kept(
            "the version that AWSCURRENT leaves is AWSPREVIOUS, and no other",
            RECORDED,
            "operations/test_traps.py::test_only_a_move_of_awscurrent_touches_awsprevious",
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
        ),
        kept(
            "rolling back swaps AWSCURRENT and AWSPREVIOUS",
            INFERRED,
            "unit/domain/test_staging.py::test_rolling_back_swaps_current_and_previous",
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
        ),
        kept(
            "another label never touches AWSPREVIOUS",
            RECORDED,
            "operations/test_traps.py::test_only_a_move_of_awscurrent_touches_awsprevious",
        ),
        kept(
            "a deprecated version may have labels again",
            INFERRED,
            "operations/test_update_secret_version_stage.py::test_labels_are_attached_to_a_deprecated_version_again",
            (
                "operations/test_update_secret_version_stage.py::test_a_deprecated_version_stays_readable_and_its_label_can_come_back"
            ),
        ),
    ),
)

READING: Final = Section(
    "Reading a version",
    (
        kept(
            "neither id nor label: AWSCURRENT",
            RECORDED,
            "operations/test_get_secret_value.py::test_the_current_value_is_read_unless_another_is_named",
        ),
        kept(
            "no value yet: not found for AWSCURRENT",
            RECORDED,
            "operations/test_traps.py::test_a_secret_without_a_value_has_no_phantom_version",
        ),
        kept(
            "an unknown id is not found, also beside a label",
            INFERRED,
            "operations/test_get_secret_value.py::test_what_cannot_be_found_has_three_different_texts",
        ),
        kept(
            "id and label must agree",
            RECORDED,
            "operations/test_get_secret_value.py::test_a_stage_that_is_not_on_the_version_named_is_refused",
        ),
        kept(
            "a rotation's version without a value is not found, by id or by label",
            VERIFIED,
            "operations/test_rotation_placeholders.py::test_its_value_is_not_found_by_id_nor_by_stage",
        ),
        kept(
            "a deprecated version is read by its id, without VersionStages",
            REPORTED,
            "operations/test_get_secret_value.py::test_a_deprecated_version_is_read_by_its_id_without_labels",
        ),
        kept(
            "a version that the clean-up removed is an invalid request, not unknown",
            REPORTED,
            "operations/test_traps.py::test_unlabelled_versions_are_hidden_and_readable_and_later_leave_a_tombstone",
        ),
        kept(
            "text or bytes, exactly one",
            RECORDED,
            "operations/test_get_secret_value.py::test_a_value_is_text_or_bytes_never_both",
        ),
        kept(
            "values come back verbatim",
            RECORDED,
            "operations/test_create_secret.py::test_a_value_is_stored_verbatim",
            "conformance/test_boto3.py::test_text_comes_back_as_it_went",
            "operations/test_put_secret_value.py::test_all_bytes_survive",
        ),
    ),
)

TOKENS: Final = Section(
    "ClientRequestToken",
    (
        kept(
            "a raw call that writes a value without one is refused: Create, Put, Update",
            RECORDED,
            "operations/test_traps.py::test_a_write_without_a_token_is_refused_not_given_one",
        ),
        kept(
            "RotateSecret without one is refused with another class",
            RECORDED,
            (
                "operations/test_rotate_secret.py::test_a_missing_token_is_an_invalid_parameter_and_comes_before_everything"
            ),
            "unit/domain/test_rotation.py::test_a_missing_token_is_refused_with_the_class_of_this_operation",
        ),
        kept(
            "same token, same value: success, nothing changes",
            VERIFIED,
            "operations/test_traps.py::test_a_repetition_succeeds_and_another_value_under_its_token_does_not",
            "operations/test_put_secret_value.py::test_a_repetition_changes_nothing_whatever_labels_it_names",
            "operations/test_create_secret.py::test_the_same_token_and_value_repeat_the_first_answer",
            "property/test_idempotency_machine.py::TestIdempotencyMachine",
        ),
        kept(
            "UpdateSecret repeated answers the same and makes no version",
            VERIFIED,
            "operations/test_update_secret.py::test_the_same_token_and_value_repeat_the_answer_and_make_no_version",
            why="It is a change of the secret all the same: LastChangedDate grows.",
        ),
        kept(
            "same token, other value: ResourceExistsException",
            VERIFIED,
            "operations/test_traps.py::test_a_repetition_succeeds_and_another_value_under_its_token_does_not",
            "operations/test_update_secret.py::test_a_token_in_use_for_another_value_is_refused_and_nothing_changes",
        ),
        kept(
            "text and bytes of the same content are other values",
            DOCUMENTED,
            "operations/test_put_secret_value.py::test_a_token_in_use_for_another_value_is_refused",
            "unit/domain/test_values_and_versions.py::test_text_and_binary_of_the_same_bytes_differ",
        ),
        kept(
            "another token, name in use: ResourceExistsException",
            RECORDED,
            "operations/test_create_secret.py::test_a_name_in_use_is_refused_to_another_token",
        ),
        kept(
            "CreateSecret repeated while its name is scheduled: the answer is that it is scheduled",
            INFERRED,
            "operations/test_create_secret.py::test_a_name_scheduled_for_deletion_is_refused_even_to_a_repetition",
        ),
        kept(
            "CreateSecret repeated ignores description and tags",
            INFERRED,
            "operations/test_create_secret.py::test_the_same_token_and_value_repeat_the_first_answer",
        ),
        kept(
            "Put with the token of a rotation's empty version fills it, once",
            RECORDED,
            "operations/test_rotation_placeholders.py::test_a_put_with_its_id_writes_its_value_once",
        ),
        kept(
            "tokens of different secrets do not meet",
            DOCUMENTED,
            "operations/test_put_secret_value.py::test_tokens_of_different_secrets_do_not_meet",
        ),
        kept(
            "a token of another length than 32 to 64 is a constraint violation",
            DOCUMENTED,
            "unit/wire/test_constraints.py::test_length_and_value_out_of_range_are_named_with_the_value",
        ),
    ),
)
