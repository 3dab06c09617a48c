"""Rules of rotation and of replicas."""

from __future__ import annotations

from typing import Final

from fidelity.rows import (
    DOCUMENTED,
    EMULATORS,
    INFERRED,
    RECORDED,
    REPORTED,
    VERIFIED,
    Section,
    differs,
    kept,
    not_built,
    untested,
)

REQUESTS: Final = Section(
    "Rotation: requests",
    (
        kept(
            "a function is needed, now or stored",
            RECORDED,
            "operations/test_rotate_secret.py::test_a_secret_without_a_function_is_not_rotated_and_stays_as_it_was",
            "unit/domain/test_rotation.py::test_a_secret_without_a_function_is_not_rotated",
            "unit/domain/test_rotation.py::test_the_function_requested_goes_before_the_one_stored",
        ),
        kept(
            "a function that cannot be invoked is AccessDenied, and nothing is stored",
            RECORDED,
            "operations/test_rotate_secret.py::test_a_function_that_cannot_be_invoked_is_refused_and_nothing_is_stored",
            "operations/test_rotate_secret.py::test_a_function_that_is_gone_is_refused_and_the_settings_stay",
        ),
        kept(
            "it is the ARN of a function in the secret's Region; another account's will do",
            REPORTED,
            "operations/test_rotate_secret.py::test_what_is_no_function_of_the_region_is_refused",
            "unit/domain/test_rotation.py::test_what_is_no_function_of_the_region_is_refused",
            "unit/domain/test_rotation.py::test_functions_of_the_region_are_accepted",
        ),
        kept(
            "both kinds of rule are refused",
            REPORTED,
            "operations/test_rotate_secret.py::test_the_two_kinds_of_rules_exclude_each_other",
            "unit/domain/test_schedule.py::test_the_two_forms_exclude_each_other",
        ),
        kept(
            "AutomaticallyAfterDays beyond 1 to 1000 is a constraint violation",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_rules_beyond_the_models_limits_are_refused_at_the_front",
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
        kept(
            "expressions: minutes, weeks, five fields, a year, both or no day fields are refused",
            REPORTED,
            "unit/domain/test_schedule.py::test_what_is_no_expression_is_refused",
        ),
        kept(
            "`rate()` of 4 to 23 hours or 1 to 999 days",
            REPORTED,
            "unit/domain/test_schedule.py::test_rates_within_bounds_are_accepted",
            "unit/domain/test_schedule.py::test_rates_in_hours_out_of_bounds_are_refused",
            "unit/domain/test_schedule.py::test_rates_in_days_out_of_bounds_are_refused",
        ),
        kept(
            "windows start at least four hours apart",
            DOCUMENTED,
            "unit/domain/test_schedule.py::test_windows_less_than_four_hours_apart_are_refused",
            "property/test_schedule_properties.py::test_a_cron_is_accepted_exactly_if_its_windows_are_four_hours_apart",
        ),
        kept(
            "Duration of 1 to 24 hours, within the rate and the day",
            REPORTED,
            "unit/domain/test_schedule.py::test_a_duration_is_one_to_twenty_four_hours",
            "unit/domain/test_schedule.py::test_a_window_reaches_neither_the_next_one_nor_the_next_day",
        ),
        kept(
            "windows start on the hour, in UTC, and end at the end of the day or after an hour",
            DOCUMENTED,
            "unit/domain/test_schedule.py::test_windows_have_the_length_asked_for_or_that_of_their_kind",
            "unit/domain/test_schedule.py::test_documented_expressions_open_their_windows",
        ),
        kept(
            "NextRotationDate is the last second of the window",
            REPORTED,
            "operations/test_rotate_secret.py::test_the_next_rotation_date_is_the_end_of_the_next_window",
            "unit/domain/test_schedule.py::test_next_rotation_dates_that_the_service_published",
        ),
        kept(
            "an external secret needs a role and takes no function; others take neither role nor metadata",
            INFERRED,
            "operations/test_rotate_secret.py::test_an_external_secret_needs_a_role_and_takes_no_function",
            "operations/test_rotate_secret.py::test_other_secrets_take_neither_role_nor_metadata",
            "unit/domain/test_rotation.py::test_members_that_mean_nothing_to_the_kind_of_secret_are_refused",
        ),
        kept(
            "role and metadata are shown as they were given, and stay",
            DOCUMENTED,
            (
                "operations/test_rotate_secret.py::test_an_external_secret_rotates_by_role_without_a_function_and_echoes_what_it_was_given"
            ),
            "operations/test_rotate_secret.py::test_role_and_metadata_are_kept_for_later_calls",
        ),
        kept(
            "an unresolved rotation refuses another; AWSPENDING on the current version is resolved",
            REPORTED,
            "operations/test_rotate_secret.py::test_another_rotation_waits_until_this_one_is_complete",
            "operations/test_rotate_secret.py::test_it_is_complete_when_its_version_is_current_though_still_pending",
            "unit/domain/test_rotation.py::test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version",
        ),
        kept(
            "the same token again is harmless",
            INFERRED,
            "operations/test_rotate_secret.py::test_the_same_token_again_is_harmless",
            "unit/domain/test_rotation.py::test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version",
        ),
        kept(
            "rules and function stay for a later call with SecretId alone",
            RECORDED,
            "operations/test_rotate_secret.py::test_settings_are_kept_for_later_calls_until_they_are_replaced",
        ),
        kept(
            "a write that becomes current counts as a rotation for the schedule",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_a_write_that_becomes_current_counts_as_a_rotation_for_the_schedule",
        ),
        kept(
            "RotationEnabled, rules, function and NextRotationDate are shown; before the first call none of them",
            RECORDED,
            "operations/test_rotate_secret.py::test_settings_are_described_and_listed_as_they_were_given",
            "operations/test_rotate_secret.py::test_nothing_of_rotation_is_shown_before_it_was_configured",
        ),
        kept(
            "CancelRotateSecret: RotationEnabled false, rules and function stay, AWSPENDING too",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_cancelling_keeps_function_and_rules_and_drops_the_dates",
            "operations/test_rotate_secret.py::test_cancelling_answers_with_the_half_made_version_and_leaves_its_label",
        ),
        differs(
            "AutomaticallyAfterDays is shown beside an expression as well, counted in days",
            DOCUMENTED,
            "The rules are shown as they were given. The count itself is written and tested, but not used.",
            "unit/domain/test_rotation.py::test_the_days_between_rotations_are_counted_also_for_expressions",
        ),
        differs(
            "RotateImmediately=false tests the function against a version that goes away again",
            VERIFIED,
            "Nothing is tested: the call stores the settings and answers the token as VersionId.",
            "operations/test_rotate_secret.py::test_without_rotating_at_once_no_version_is_made",
        ),
    ),
)

PROGRESS: Final = Section(
    "Rotation: progress",
    (
        kept(
            "the version exists from the answer on, labelled AWSPENDING, without a value",
            VERIFIED,
            "operations/test_rotate_secret.py::test_its_version_is_pending_at_once_and_has_no_value",
            "operations/test_rotation_placeholders.py::test_it_is_described_and_listed",
            "operations/test_rotation_placeholders.py::test_its_value_is_not_found_by_id_nor_by_stage",
        ),
        kept(
            "a rotation is complete when its version is current",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_it_is_complete_when_its_version_is_current_though_still_pending",
            "unit/domain/test_rotation.py::test_a_rotation_is_complete_once_its_version_is_current",
        ),
        kept(
            "a write that becomes current abandons it, and so does taking AWSPENDING away",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_a_plain_write_abandons_the_rotation_and_says_so_on_the_trail",
            "operations/test_rotate_secret.py::test_removing_awspending_gives_up_a_rotation_and_another_may_start",
            "unit/domain/test_rotation.py::test_a_write_by_hand_abandons_the_rotation",
            "unit/domain/test_rotation.py::test_removing_or_moving_pending_abandons_the_rotation",
        ),
        not_built("the four steps call the function, with retries", DOCUMENTED, "No rotation function can be run."),
        not_built(
            "an unresolved rotation is driven again under its own token", REPORTED, "No rotation function can be run."
        ),
        not_built("LastRotatedDate after a rotation; AWSPENDING goes", RECORDED, "Nothing ends a rotation yet."),
        not_built(
            "events RotationStarted, RotationSucceeded, RotationFailed and those of tests",
            DOCUMENTED,
            "Only RotationAbandoned is recorded.",
        ),
        not_built("an event to EventBridge when a label moves", DOCUMENTED, "There is no event bus."),
        not_built(
            "external secrets are rotated by their partner's kind",
            DOCUMENTED,
            "Metadata and role are stored and shown; nothing rotates them, and their AWSPENDING version stays.",
        ),
    ),
)

REPLICAS: Final = Section(
    "Replication",
    (
        kept(
            "a replica has the primary's name and suffix, values, labels, tags and description",
            DOCUMENTED,
            "operations/test_replication.py::test_a_replica_has_the_same_suffix_value_labels_tags_and_description",
        ),
        kept(
            "every change of the primary follows",
            DOCUMENTED,
            "operations/test_replication.py::test_every_change_of_the_primary_follows",
        ),
        kept(
            "the resource policy follows too",
            REPORTED,
            "operations/test_replication.py::test_a_policy_follows_the_primary_and_its_removal_too",
        ),
        kept(
            "changes at a replica are refused",
            REPORTED,
            "operations/test_replication.py::test_changes_at_a_replica_are_refused",
        ),
        kept(
            "PutResourcePolicy, DeleteResourcePolicy, RotateSecret, CancelRotateSecret at a replica too",
            REPORTED,
            "operations/test_replication.py::test_changes_at_a_replica_are_refused",
        ),
        kept(
            "GetResourcePolicy and ListResourcePolicies at a replica answer",
            INFERRED,
            "operations/test_resource_policies.py::test_a_replica_shows_its_primarys_policy_and_takes_none_of_its_own",
            "operations/test_replication.py::test_a_policy_follows_the_primary_and_its_removal_too",
        ),
        kept(
            "the key of a replica can be changed there",
            DOCUMENTED,
            "operations/test_replication.py::test_the_key_of_a_replica_can_be_changed_at_the_replica",
        ),
        kept(
            "PrimaryRegion is shown by primaries with replicas, and by replicas",
            REPORTED,
            "operations/test_replication.py::test_a_replica_has_the_same_suffix_value_labels_tags_and_description",
            "operations/test_replication.py::test_removing_a_region_deletes_its_replica_for_good",
        ),
        kept(
            "ReplicationStatus is shown by the primary only",
            DOCUMENTED,
            "operations/test_replication.py::test_a_replica_has_the_same_suffix_value_labels_tags_and_description",
        ),
        kept(
            "KmsKeyId of an entry is the default alias unless said",
            EMULATORS,
            "operations/test_replication.py::test_a_new_replica_is_in_progress_and_then_in_sync",
        ),
        kept(
            "InProgress, then InSync",
            REPORTED,
            "operations/test_replication.py::test_a_new_replica_is_in_progress_and_then_in_sync",
        ),
        kept(
            "a taken name fails the replica, not the call; ForceOverwriteReplicaSecret makes way",
            DOCUMENTED,
            "operations/test_replication.py::test_a_taken_name_fails_the_replica_until_overwriting_is_allowed",
        ),
        kept(
            "the replica of another primary is never overwritten",
            REPORTED,
            "operations/test_replication.py::test_the_replica_of_another_primary_is_never_overwritten",
        ),
        kept(
            "a primary with replicas is never overwritten; a promoted replica is",
            INFERRED,
            "operations/test_replication.py::test_a_primary_with_replicas_of_its_own_is_never_overwritten",
            "operations/test_replication.py::test_a_promoted_replica_comes_back_only_by_overwriting",
        ),
        kept(
            "a replica that cannot follow stays as it was, and nothing is overwritten in vain",
            INFERRED,
            "operations/test_replication.py::test_overwriting_that_fails_leaves_the_other_secret_as_it_was",
            "operations/test_replication.py::test_a_primary_that_cannot_be_read_leaves_no_half_made_replica",
        ),
        kept(
            "a key that cannot be used fails the replica, not the call",
            REPORTED,
            "operations/test_replication.py::test_an_unusable_key_fails_the_replica_and_not_the_call",
        ),
        kept(
            "own, unknown, foreign and repeated Regions are refused; a partition is not left",
            REPORTED,
            "operations/test_replication.py::test_a_region_named_twice_is_refused",
            "operations/test_replication.py::test_regions_that_cannot_have_a_replica_are_refused",
        ),
        kept(
            "a Region that breaks the pattern, and an empty list, are constraint violations",
            DOCUMENTED,
            "unit/wire/test_constraints.py::test_a_pattern_is_shown_as_the_model_has_it",
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
        kept(
            "a removed replica is deleted without a window",
            REPORTED,
            "operations/test_replication.py::test_removing_a_region_deletes_its_replica_for_good",
        ),
        kept(
            "a promoted replica keeps its ARN and stands alone",
            DOCUMENTED,
            "operations/test_replication.py::test_a_promoted_replica_lives_its_own_life",
        ),
        untested("a replica without a primary is not deleted, only promoted", REPORTED),
        kept(
            "rotation belongs to the primary",
            DOCUMENTED,
            "operations/test_replication.py::test_rotation_belongs_to_the_primary",
        ),
        kept(
            "replicas are listed in their Region, and found by primary-region",
            DOCUMENTED,
            "operations/test_replication.py::test_replicas_are_listed_and_filtered_by_their_primary_region",
        ),
    ),
)
