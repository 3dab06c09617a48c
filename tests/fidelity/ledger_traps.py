"""Behaviour of AWS that emulators get wrong or leave out."""

from __future__ import annotations

from typing import Final

from fidelity.rows import (
    DOCUMENTED,
    RECORDED,
    REPORTED,
    VERIFIED,
    Evidence,
    Section,
    State,
    Trap,
    differs,
    kept,
)


def trap(number: int, what: str, evidence: Evidence, *tests: str, why: str = "", state: State = State.KEPT) -> Trap:
    return Trap(number=number, what=what, evidence=evidence, state=state, tests=tests, why=why)


TRAPS: Final = Section(
    "Traps",
    (
        trap(
            1,
            "every client error is 400",
            RECORDED,
            "operations/test_traps.py::test_every_client_error_is_http_400",
            "unit/wire/test_faults.py::test_client_errors_are_400_and_the_others_are_listed",
        ),
        trap(
            2,
            "`__type`, `Message`, application/x-amz-json-1.1, a UUID as request id",
            RECORDED,
            "operations/test_traps.py::test_a_modelled_error_has_a_message_with_a_capital_m",
            "conformance/test_response_headers.py::test_an_error_has_the_same_headers",
            "unit/wire/test_core.py::test_an_answer_names_its_type_and_a_request_id_of_its_own",
        ),
        trap(
            3,
            "the message is the bare sentence",
            RECORDED,
            "operations/test_traps.py::test_a_message_is_the_bare_sentence",
        ),
        trap(
            4,
            "secret, label and version not found have three texts",
            RECORDED,
            "operations/test_traps.py::test_secret_stage_and_version_not_found_differ",
        ),
        trap(
            5,
            "`marked for deletion` is in the refusal",
            RECORDED,
            "operations/test_traps.py::test_a_scheduled_secret_is_marked_for_deletion",
            (
                "operations/test_audit_of_operations.py::test_a_refused_read_of_a_scheduled_secret_carries_the_text_alarms_match_on"
            ),
        ),
        trap(
            6,
            "a scheduled secret is described, and not changed",
            RECORDED,
            "operations/test_traps.py::test_a_scheduled_secret_is_not_written",
            "operations/test_delete_secret.py::test_what_a_scheduled_secret_still_allows",
            "operations/test_resource_policies.py::test_the_secret_must_exist_and_not_be_scheduled",
        ),
        trap(
            7,
            "a scheduled name is an invalid request for CreateSecret",
            RECORDED,
            "operations/test_traps.py::test_a_scheduled_name_is_not_created_anew",
        ),
        trap(
            8,
            "a missing token is refused; RotateSecret has another class",
            RECORDED,
            "operations/test_traps.py::test_a_write_without_a_token_is_refused_not_given_one",
            (
                "operations/test_rotate_secret.py::test_a_missing_token_is_an_invalid_parameter_and_comes_before_everything"
            ),
            "unit/domain/test_rotation.py::test_a_missing_token_is_refused_with_the_class_of_this_operation",
        ),
        trap(
            9,
            "same token and value succeed, another value does not",
            VERIFIED,
            "operations/test_traps.py::test_a_repetition_succeeds_and_another_value_under_its_token_does_not",
            "conformance/test_boto3.py::test_a_repeated_create_with_the_same_token_is_one_secret",
        ),
        trap(
            10,
            "no value, no version",
            RECORDED,
            "operations/test_traps.py::test_a_secret_without_a_value_has_no_phantom_version",
            "conformance/test_boto3.py::test_a_secret_may_have_no_value_yet",
        ),
        trap(
            11,
            "the first value is current",
            DOCUMENTED,
            "operations/test_traps.py::test_the_first_value_is_current_whatever_labels_it_names",
        ),
        trap(
            12,
            "a label is on one version and leaves it by name only",
            VERIFIED,
            "operations/test_traps.py::test_a_label_is_on_one_version_and_leaves_it_only_by_name",
            "property/test_staging_machine.py::TestStagingMachine",
        ),
        trap(
            13,
            "custom labels stay on the version that AWSCURRENT leaves",
            RECORDED,
            "operations/test_traps.py::test_custom_labels_stay_on_a_demoted_version",
        ),
        trap(
            14,
            "reading follows AWSCURRENT, which cannot be removed",
            RECORDED,
            "operations/test_traps.py::test_reading_follows_awscurrent_which_can_be_moved_but_not_removed",
            "operations/test_update_secret_version_stage.py::test_reading_follows_awscurrent",
        ),
        trap(
            15,
            "a new current version abandons a rotation",
            RECORDED,
            "operations/test_traps.py::test_a_new_current_version_abandons_a_rotation",
            "unit/domain/test_rotation.py::test_a_write_by_hand_abandons_the_rotation",
        ),
        trap(
            16,
            "versions without labels are hidden, readable, and leave a tombstone",
            RECORDED,
            "operations/test_traps.py::test_unlabelled_versions_are_hidden_and_readable_and_later_leave_a_tombstone",
            "operations/test_background_deletion.py::test_versions_younger_than_a_day_are_not_removed",
        ),
        trap(
            17,
            "only a move of AWSCURRENT touches AWSPREVIOUS",
            RECORDED,
            "operations/test_traps.py::test_only_a_move_of_awscurrent_touches_awsprevious",
        ),
        trap(
            18,
            "version ids: ARN, dates, keys, pages, not found",
            RECORDED,
            "operations/test_traps.py::test_version_ids_are_listed_with_the_real_arn_dates_and_keys_in_pages",
            "operations/test_list_secret_version_ids.py::test_pages_hold_every_version_once",
        ),
        trap(
            19,
            "members without a value are left out; Tags may be empty",
            RECORDED,
            "operations/test_traps.py::test_members_without_a_value_are_left_out",
            "operations/test_describe_secret.py::test_only_members_with_a_value_are_present",
        ),
        trap(
            20,
            "LastAccessedDate is a day, other dates have milliseconds",
            RECORDED,
            "operations/test_traps.py::test_the_date_of_access_is_a_day_and_other_dates_have_milliseconds",
            "operations/test_dates_of_secrets.py::test_instants_have_three_decimals",
        ),
        trap(
            21,
            "windows, force, missing names, primaries with replicas",
            RECORDED,
            "operations/test_traps.py::test_deletion_knows_its_windows_and_forces_what_is_missing_or_scheduled",
            "operations/test_replication.py::test_a_primary_with_replicas_cannot_be_deleted",
        ),
        trap(
            22,
            "an ARN without its suffix finds only names that do not end like one",
            RECORDED,
            "operations/test_traps.py::test_a_partial_arn_finds_only_a_name_without_a_suffix_of_its_own",
            (
                "operations/test_secret_ids.py::test_an_arn_without_its_suffix_names_the_secret_unless_the_name_itself_ends_like_one"
            ),
        ),
        trap(
            23,
            "illegal characters come first, and `!` is legal",
            RECORDED,
            "operations/test_traps.py::test_illegal_characters_are_refused_and_the_exclamation_mark_is_legal",
            "operations/test_order_of_checks.py::test_an_invalid_name_comes_before_existence",
        ),
        trap(
            24,
            "text or bytes, within limits, never changed",
            RECORDED,
            "operations/test_traps.py::test_a_value_is_text_or_bytes_within_limits_and_never_changed",
            "conformance/test_boto3.py::test_bytes_come_back_as_they_went",
        ),
        trap(
            25,
            "an update keeps what is absent and clears what is empty",
            REPORTED,
            "operations/test_traps.py::test_an_update_keeps_what_is_absent_and_clears_what_is_empty",
            "operations/test_encryption_keys.py::test_an_empty_key_in_an_update_returns_to_the_default_key",
        ),
        trap(
            26,
            "filters have case, words and negation; listings have orders",
            RECORDED,
            "operations/test_traps.py::test_filters_have_case_words_negation_and_an_order",
            "operations/test_list_secrets.py::test_filters_find",
            "operations/test_list_secrets.py::test_every_order_holds_every_secret_once_and_descending_is_its_reverse",
        ),
        trap(
            27,
            "page tokens are opaque, junk is refused",
            DOCUMENTED,
            "operations/test_traps.py::test_a_page_token_is_opaque_and_junk_is_refused",
            "operations/test_list_secrets.py::test_a_token_is_opaque_and_good_for_its_own_listing_only",
        ),
        trap(
            28,
            "a batch never fails for one id; ids or filters; 20 at most",
            DOCUMENTED,
            (
                "operations/test_batch_get_secret_value.py::test_what_cannot_be_read_is_an_entry_with_get_secret_values_own_error"
            ),
            "operations/test_batch_get_secret_value.py::test_ids_or_filters_and_never_both",
            "operations/test_batch_get_secret_value.py::test_twenty_secrets_are_read_and_twenty_one_ids_refused",
        ),
        trap(
            29,
            "random passwords: lengths, three refusals, no required space, shuffled",
            REPORTED,
            "operations/test_traps.py::test_random_passwords_are_shuffled_and_refused_with_three_texts",
            "unit/domain/test_passwords.py::test_required_types_stand_in_every_order_about_as_often",
        ),
        trap(
            30,
            "RotateSecret: no function, no permission, both rules, an empty version; cancelling keeps the rules",
            RECORDED,
            "operations/test_rotate_secret.py::test_a_secret_without_a_function_is_not_rotated_and_stays_as_it_was",
            "operations/test_rotate_secret.py::test_a_function_that_cannot_be_invoked_is_refused_and_nothing_is_stored",
            "operations/test_rotate_secret.py::test_the_two_kinds_of_rules_exclude_each_other",
            "operations/test_rotate_secret.py::test_its_version_is_pending_at_once_and_has_no_value",
            "operations/test_rotate_secret.py::test_cancelling_keeps_function_and_rules_and_drops_the_dates",
            why="Rotation functions do not run yet.",
        ),
    ),
)

LEFT_OVER: Final = Section(
    "Left-over traps",
    (
        kept(
            "a replica is InProgress first; its key and its clash are its own; it can be promoted",
            REPORTED,
            "operations/test_replication.py::test_a_new_replica_is_in_progress_and_then_in_sync",
            "operations/test_replication.py::test_an_unusable_key_fails_the_replica_and_not_the_call",
            "operations/test_replication.py::test_a_taken_name_fails_the_replica_until_overwriting_is_allowed",
            "operations/test_replication.py::test_a_promoted_replica_lives_its_own_life",
        ),
        kept(
            "a policy that is no JSON is not stored, and does not validate",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_what_is_no_policy_is_refused_and_the_old_one_stays",
        ),
        kept(
            "60 tags and reserved keys are refused",
            DOCUMENTED,
            "operations/test_traps.py::test_sixty_tags_and_reserved_keys_are_refused",
        ),
        kept(
            "an unknown operation is UnknownOperationException",
            REPORTED,
            "unit/wire/test_awsjson.py::test_another_target_is_unknown_without_a_text",
            "unit/wire/test_core.py::test_a_signed_request_without_a_target_is_an_unknown_operation",
        ),
        kept(
            "no JSON is a SerializationException, a missing member a ValidationException",
            REPORTED,
            "unit/wire/test_awsjson.py::test_what_is_not_json_is_refused_without_repeating_it",
            "unit/wire/test_constraints.py::test_a_missing_required_member_is_null",
        ),
        kept(
            "an ARN ends in six characters, and never comes back",
            RECORDED,
            "operations/test_traps.py::test_an_arn_ends_in_six_characters_and_never_comes_back",
        ),
        kept(
            "a secret past its window vanishes",
            DOCUMENTED,
            "operations/test_traps.py::test_a_secret_past_its_window_vanishes",
        ),
        differs(
            "a credential scope of another service is served",
            REPORTED,
            "It is refused, see the wire.",
            "conformance/test_authentication.py::test_a_request_signed_for_another_service_is_refused",
        ),
    ),
)
