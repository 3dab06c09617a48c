"""The catalogue of messages, 1 to 22: AWS's texts, as clients match on them."""

from __future__ import annotations

from typing import Final

from fidelity.message_rows import (
    DENIED,
    IPE,
    IRE,
    REE,
    RNF,
    VE,
    said,
)
from fidelity.rows import EMULATORS, RECORDED, REPORTED, VERIFIED, Message

FIRST_HALF: Final[tuple[Message, ...]] = (
    said(
        "1",
        RNF,
        "Secrets Manager can't find the specified secret.",
        "unknown SecretId",
        RECORDED,
        "operations/test_traps.py::test_secret_stage_and_version_not_found_differ",
        "operations/test_order_of_checks.py::test_a_secret_that_does_not_exist_is_not_found",
    ),
    said(
        "2",
        RNF,
        "Secrets Manager can't find the specified secret value for staging label: {label}",
        "no version has the label",
        RECORDED,
        "operations/test_traps.py::test_secret_stage_and_version_not_found_differ",
        "operations/test_get_secret_value.py::test_what_cannot_be_found_has_three_different_texts",
    ),
    said(
        "3",
        RNF,
        "Secrets Manager can't find the specified secret value for VersionId: {id}",
        "unknown version, or one without a value",
        RECORDED,
        "operations/test_traps.py::test_secret_stage_and_version_not_found_differ",
        "unit/domain/test_values_and_versions.py::test_versions_that_cannot_be_read_say_why",
    ),
    said(
        "4",
        IRE,
        "You provided a VersionStage that is not associated to the provided VersionId.",
        "id and label disagree",
        RECORDED,
        "operations/test_get_secret_value.py::test_a_stage_that_is_not_on_the_version_named_is_refused",
        "unit/domain/test_values_and_versions.py::test_versions_that_cannot_be_read_say_why",
    ),
    said(
        "5",
        IRE,
        "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        "Create, Update, Put without token",
        RECORDED,
        "operations/test_traps.py::test_a_write_without_a_token_is_refused_not_given_one",
        "operations/test_create_secret.py::test_a_value_needs_a_token",
    ),
    said(
        "6",
        IPE,
        "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        "RotateSecret without token",
        RECORDED,
        "operations/test_rotate_secret.py::test_a_missing_token_is_an_invalid_parameter_and_comes_before_everything",
        "unit/domain/test_rotation.py::test_a_missing_token_is_refused_with_the_class_of_this_operation",
    ),
    said(
        "7",
        VE,
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        "a character that names may not have",
        RECORDED,
        "operations/test_traps.py::test_illegal_characters_are_refused_and_the_exclamation_mark_is_legal",
        "operations/test_order_of_checks.py::test_an_invalid_name_comes_before_existence",
    ),
    said(
        "8",
        IRE,
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
        "CreateSecret over a scheduled name",
        RECORDED,
        "operations/test_traps.py::test_a_scheduled_name_is_not_created_anew",
        "operations/test_create_secret.py::test_a_name_scheduled_for_deletion_is_refused_even_to_a_repetition",
    ),
    said(
        "9",
        REE,
        "The operation failed because the secret {Name} already exists.",
        "CreateSecret over a live name",
        RECORDED,
        "operations/test_create_secret.py::test_a_name_in_use_is_refused_to_another_token",
    ),
    said(
        "10",
        REE,
        (
            "You can't use ClientRequestToken {token} because that value is already in use for a version of "
            "secret {ARN}."
        ),
        "token of another value",
        VERIFIED,
        "operations/test_traps.py::test_a_repetition_succeeds_and_another_value_under_its_token_does_not",
        "operations/test_put_secret_value.py::test_a_token_in_use_for_another_value_is_refused",
    ),
    said(
        "11",
        IRE,
        "You can't perform this operation on the secret because it was marked for deletion.",
        "operations on a scheduled secret",
        RECORDED,
        "operations/test_traps.py::test_a_scheduled_secret_is_marked_for_deletion",
        "operations/test_traps.py::test_a_scheduled_secret_is_not_written",
        "operations/test_delete_secret.py::test_what_a_scheduled_secret_still_allows",
    ),
    said(
        "12",
        IRE,
        "No Lambda rotation function ARN is associated with this secret.",
        "RotateSecret, never configured",
        RECORDED,
        "operations/test_rotate_secret.py::test_a_secret_without_a_function_is_not_rotated_and_stays_as_it_was",
        "unit/domain/test_rotation.py::test_a_secret_without_a_function_is_not_rotated",
    ),
    said(
        "13",
        DENIED,
        (
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
            "access to the principal secretsmanager.amazonaws.com."
        ),
        "RotateSecret, function missing or not invokable",
        RECORDED,
        "operations/test_rotate_secret.py::test_a_function_that_cannot_be_invoked_is_refused_and_nothing_is_stored",
        "unit/domain/test_rotation.py::test_a_function_that_cannot_be_invoked",
    ),
    said(
        "14",
        IRE,
        (
            "You can't access a secret from a different AWS account if you encrypt the secret with the default "
            "KMS service key."
        ),
        "value of another account's secret",
        RECORDED,
        "operations/test_cross_account.py::test_a_value_under_the_default_key_is_refused_across_accounts",
    ),
    said(
        "15",
        IPE,
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to "
            "version {id}, so you must explicitly reference that version in RemoveFromVersionId."
        ),
        "label moved without its source",
        VERIFIED,
        "operations/test_traps.py::test_a_label_is_on_one_version_and_leaves_it_only_by_name",
        (
            "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
        ),
    ),
    said(
        "16",
        IRE,
        "A previous rotation isn't complete. That rotation will be reattempted.",
        "RotateSecret beside an unresolved rotation",
        REPORTED,
        "operations/test_rotate_secret.py::test_another_rotation_waits_until_this_one_is_complete",
        "unit/domain/test_rotation.py::test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version",
        why="Nothing reattempts it: rotation does not run yet.",
    ),
    said(
        "17",
        IPE,
        "You can't specify both a binary secret value and a string secret value in the same secret.",
        "text and bytes",
        REPORTED,
        "operations/test_create_secret.py::test_text_and_bytes_together_are_refused",
        "unit/domain/test_values_and_versions.py::test_both_values_at_once_are_refused",
    ),
    said(
        "18",
        IPE,
        "You cannot specify both rotation frequency and schedule expression together.",
        "both kinds of rule",
        REPORTED,
        "unit/domain/test_schedule.py::test_the_two_forms_exclude_each_other",
    ),
    said(
        "19",
        IPE,
        "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
        "a change at a replica",
        REPORTED,
        "operations/test_replication.py::test_changes_at_a_replica_are_refused",
    ),
    said(
        "20",
        IPE,
        "You can't delete secret {ARN} that still has replica regions [{regions}].",
        "DeleteSecret of a primary",
        REPORTED,
        "operations/test_replication.py::test_a_primary_with_replicas_cannot_be_deleted",
    ),
    said(
        "21",
        IPE,
        "Invalid replica region.",
        "own or unknown Region",
        REPORTED,
        "operations/test_replication.py::test_regions_that_cannot_have_a_replica_are_refused",
    ),
    said(
        "22",
        IPE,
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        "window out of range",
        EMULATORS,
        "operations/test_delete_secret.py::test_recovery_window_rejects_days_out_of_range_and_force",
    ),
)
