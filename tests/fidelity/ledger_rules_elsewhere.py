"""Rules of rotation, of replicas, and of what other accounts may do."""

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
            "unit/domain/test_rotation.py::test_a_secret_without_a_function_is_not_rotated",
            "unit/domain/test_rotation.py::test_the_function_requested_goes_before_the_one_stored",
        ),
        untested(
            "a function that cannot be invoked is AccessDenied, and nothing is stored",
            RECORDED,
            "The refusal is tested, not that nothing is stored.",
        ),
        kept(
            "it is the ARN of a function in the secret's Region; another account's will do",
            REPORTED,
            "unit/domain/test_rotation.py::test_what_is_no_function_of_the_region_is_refused",
            "unit/domain/test_rotation.py::test_functions_of_the_region_are_accepted",
        ),
        kept(
            "both kinds of rule are refused",
            REPORTED,
            "unit/domain/test_schedule.py::test_the_two_forms_exclude_each_other",
        ),
        kept(
            "AutomaticallyAfterDays beyond 1 to 1000 is a constraint violation",
            DOCUMENTED,
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
            "unit/domain/test_schedule.py::test_next_rotation_dates_that_the_service_published",
        ),
        kept(
            "an unresolved rotation refuses another; AWSPENDING on the current version is resolved",
            REPORTED,
            "unit/domain/test_rotation.py::test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version",
        ),
        kept(
            "the same token again is harmless",
            INFERRED,
            "unit/domain/test_rotation.py::test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version",
        ),
        untested("rules and function stay for a later call with SecretId alone", RECORDED),
        untested("a write that becomes current counts as a rotation for the schedule", DOCUMENTED),
        untested(
            "RotationEnabled, rules, function and NextRotationDate are shown; before the first call none of them",
            RECORDED,
        ),
        untested("CancelRotateSecret: RotationEnabled false, rules and function stay, AWSPENDING too", DOCUMENTED),
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
        ),
    ),
)

PROGRESS: Final = Section(
    "Rotation: progress",
    (
        kept(
            "the version exists from the answer on, labelled AWSPENDING, without a value",
            VERIFIED,
            "operations/test_rotation_placeholders.py::test_it_is_described_and_listed",
            "operations/test_rotation_placeholders.py::test_its_value_is_not_found_by_id_nor_by_stage",
            why="Shown for a version put there by hand; RotateSecret itself has no test.",
        ),
        kept(
            "a rotation is complete when its version is current",
            DOCUMENTED,
            "unit/domain/test_rotation.py::test_a_rotation_is_complete_once_its_version_is_current",
        ),
        kept(
            "a write that becomes current abandons it, and so does taking AWSPENDING away",
            DOCUMENTED,
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
        untested("the resource policy follows too", REPORTED),
        kept(
            "changes at a replica are refused",
            REPORTED,
            "operations/test_replication.py::test_changes_at_a_replica_are_refused",
        ),
        untested(
            "PutResourcePolicy, DeleteResourcePolicy, RotateSecret, CancelRotateSecret at a replica are refused",
            REPORTED,
        ),
        untested("GetResourcePolicy at a replica answers", INFERRED),
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
        differs(
            "a stranded replica in the way cannot be overwritten",
            REPORTED,
            "It can, unless it has replicas of its own.",
        ),
        kept(
            "a key that cannot be used fails the replica, not the call",
            REPORTED,
            "operations/test_replication.py::test_an_unusable_key_fails_the_replica_and_not_the_call",
        ),
        kept(
            "own, unknown and foreign Regions are refused; a partition is not left",
            REPORTED,
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
        untested("rotation belongs to the primary", DOCUMENTED),
        kept(
            "replicas are listed in their Region, and found by primary-region",
            DOCUMENTED,
            "operations/test_replication.py::test_replicas_are_listed_and_filtered_by_their_primary_region",
        ),
    ),
)

ACROSS: Final = Section(
    "Other accounts",
    (
        untested("with a policy, another account describes, lists versions, tags, deletes, restores by ARN", RECORDED),
        untested("values under the default key stay closed to it", RECORDED),
        untested(
            "values under a customer key are open to it",
            RECORDED,
            "Only of the owner's keys: the key itself needs no grant.",
        ),
        kept(
            "ListSecrets never shows another account's secrets",
            RECORDED,
            "operations/test_list_secrets.py::test_accounts_and_regions_do_not_see_each_other",
        ),
        untested("a cross-account replica is created empty, with a customer key, and waits as Pending", DOCUMENTED),
        untested("associated, it follows values and labels; everything else stays its own", DOCUMENTED),
        untested("a primary has at most one; dissociated, it is Detached", DOCUMENTED),
        differs(
            "associating asks for AcceptCrossAccountReplication, GetSecretValue and both keys",
            DOCUMENTED,
            (
                "Only AssociateCrossAccountReplica on the primary is asked for. The replica's managed policy is "
                "shown and not consulted."
            ),
        ),
        not_built("ReplicationRoleARN", DOCUMENTED, "Refused: there are no roles yet."),
    ),
)

POLICIES: Final = Section(
    "Resource policies",
    (
        untested("stored and returned byte for byte; Put replaces", DOCUMENTED),
        untested("no policy is no error for GetResourcePolicy and DeleteResourcePolicy", REPORTED),
        untested(
            "`Principal: *` is accepted unless BlockPublicPolicy is set", RECORDED, "That it can be read is tested."
        ),
        untested("BlockPublicPolicy refuses broad access", DOCUMENTED),
        kept(
            "syntax errors and another Version have sentences of their own",
            REPORTED,
            "unit/policy/test_document.py::test_what_is_not_strict_json_is_a_syntax_error",
            "unit/policy/test_document.py::test_a_wrong_element_is_a_syntax_error_with_its_place",
            "unit/policy/test_document.py::test_another_version_has_a_sentence_of_its_own",
        ),
        kept(
            "principals that cannot be are refused, and names of services that cannot be",
            REPORTED,
            "unit/policy/test_document.py::test_an_unsupported_principal_is_refused",
            "unit/policy/test_document.py::test_an_unsupported_service_is_refused",
        ),
        differs(
            "a principal that does not exist is refused",
            DOCUMENTED,
            "No operation asks: accounts exist here, users and roles do not yet. The rule itself is written.",
            "unit/policy/test_document.py::test_a_principal_that_does_not_exist_is_refused",
        ),
        not_built(
            "a principal that was deleted turns into its id on reads",
            REPORTED,
            "Policies are returned as they were stored.",
        ),
        differs(
            "PutResourcePolicy refuses a policy that locks its account out",
            DOCUMENTED,
            "It is stored; ValidateResourcePolicy tells of it.",
        ),
        untested("ValidateResourcePolicy reports broad access and lock-out together", DOCUMENTED),
        untested("ValidateResourcePolicy raises for a policy that cannot be read", DOCUMENTED),
        differs(
            "ValidateResourcePolicy needs PutResourcePolicy as well",
            DOCUMENTED,
            "Only its own permission is asked for.",
        ),
        untested("an illegal SecretId is an invalid name for ValidateResourcePolicy too", RECORDED),
        untested("Put and Delete take the policy `default` only; Get of an unknown name is not found", DOCUMENTED),
        kept(
            "globs, variables, ARNs, actions and principals match as IAM's documents say",
            DOCUMENTED,
            "unit/policy/test_matching.py::test_globs",
            "unit/policy/test_matching.py::test_arn_patterns",
            "unit/policy/test_matching.py::test_actions",
            "unit/policy/test_matching.py::test_how_a_principal_is_named",
        ),
        untested("a Deny anywhere denies; one account needs one Allow, two accounts need two", DOCUMENTED),
        untested("condition keys of requests and secrets", DOCUMENTED),
        not_built(
            "identity policies of users and roles",
            DOCUMENTED,
            "Accounts have their root only, which may do everything in its account.",
        ),
    ),
)
