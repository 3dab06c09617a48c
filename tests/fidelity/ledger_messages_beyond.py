"""Messages outside of the catalogue: AWS's, as far as they are known."""

from __future__ import annotations

from typing import Final

from fidelity.message_rows import (
    DECRYPTION,
    DENIED,
    ENCRYPTION,
    INCOMPLETE,
    IPE,
    IRE,
    MPD,
    SIGNATURE,
    VALUED,
    VE,
    VIOLATED,
    VIOLATIONS,
    said,
    unsaid,
)
from fidelity.rows import DOCUMENTED, EMULATORS, INFERRED, REPORTED, Section, State

BEYOND: Final = Section(
    "Messages outside of the catalogue",
    (
        said(
            "",
            DENIED,
            (
                "User: {arn} is not authorized to perform: {action} on resource: {id} because no resource-based "
                "policy allows the {action} action"
            ),
            "another account without a policy",
            REPORTED,
            (
                "operations/test_secret_ids.py::test_an_arn_of_another_account_is_denied_and_its_name_means_the_callers_own"
            ),
            "operations/test_order_of_checks.py::test_authorization_comes_before_existence",
            pieces=(
                "User: {arn} is not authorized to perform: {action}{on} {reason}",
                " on resource: {id}",
                "because no {kind} allows the {action} action",
                "resource-based policy",
            ),
        ),
        said(
            "",
            DENIED,
            (
                "User: {arn} is not authorized to perform: {action} on resource: {id} with an explicit deny in a "
                "resource-based policy"
            ),
            "a Deny of the secret's policy",
            REPORTED,
            "operations/test_cross_account_replicas.py::test_the_replicas_owner_may_refuse_by_policy",
            "unit/policy/test_decision.py::test_a_denial_is_raised_with_the_recorded_sentence",
            pieces=(
                "User: {arn} is not authorized to perform: {action}{on} {reason}",
                " on resource: {id}",
                "with an explicit deny in {article} {kind}",
                "resource-based policy",
            ),
        ),
        said(
            "",
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "unknown access key or session token",
            INFERRED,
            "conformance/test_authentication.py::test_an_unknown_key_is_an_invalid_token",
            "unit/authn/test_sigv4.py::test_unknown_access_key_is_refused",
        ),
        said(
            "",
            SIGNATURE,
            (
                "The request signature we calculated does not match the signature you provided. Check your AWS "
                "Secret Access Key and signing method. Consult the service documentation for details."
            ),
            "wrong signature",
            REPORTED,
            "conformance/test_authentication.py::test_a_wrong_secret_key_is_a_signature_that_does_not_match",
            "unit/authn/test_sigv4.py::test_wrong_signature_is_refused",
        ),
        said(
            "",
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "session that has ended",
            INFERRED,
            "unit/authn/test_sigv4_rules.py::test_session_that_has_ended_is_refused",
        ),
        said(
            "",
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
            "no Authorization header",
            INFERRED,
            "unit/wire/test_core.py::test_an_unsigned_request_learns_nothing_about_its_body",
            "unit/authn/test_sigv4.py::test_request_without_a_version_4_header_is_missing_its_token",
        ),
        said(
            "",
            INCOMPLETE,
            "Authorization header requires '{name}' parameter.",
            "a part is missing",
            INFERRED,
            "unit/authn/test_sigv4.py::test_all_missing_parts_are_named_together",
        ),
        said(
            "",
            VE,
            "{n} validation errors detected: {first}; {second}",
            "several violations",
            INFERRED,
            "unit/wire/test_constraints.py::test_all_violations_are_told_at_once",
            pieces=(VIOLATIONS, VIOLATED),
        ),
        said(
            "",
            VE,
            (
                "1 validation error detected: Value '{n}' at '{member}' failed to satisfy constraint: Member must "
                "have value less than or equal to {most}"
            ),
            "number out of range",
            EMULATORS,
            "unit/wire/test_constraints.py::test_length_and_value_out_of_range_are_named_with_the_value",
            pieces=(VIOLATIONS, VIOLATED, VALUED, "Member must have {what} less than or equal to {most}"),
        ),
        said(
            "",
            VE,
            (
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member "
                "must satisfy enum value set: [{values}]"
            ),
            "a value that is none of those",
            EMULATORS,
            "unit/wire/test_constraints.py::test_a_value_outside_an_enumeration_is_told_its_members",
            pieces=(VIOLATIONS, VIOLATED, VALUED, "Member must satisfy enum value set: [{values}]"),
        ),
        said(
            "",
            VE,
            (
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member "
                "must satisfy regular expression pattern: {regex}"
            ),
            "pattern",
            INFERRED,
            "unit/wire/test_constraints.py::test_a_pattern_is_shown_as_the_model_has_it",
            pieces=(VIOLATIONS, VIOLATED, VALUED, "Member must satisfy regular expression pattern: "),
        ),
        said(
            "",
            VE,
            (
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have "
                "length less than or equal to {65536}"
            ),
            "text of too many bytes",
            REPORTED,
            (
                "operations/test_create_secret.py::test_a_text_longer_than_65536_bytes_is_refused_though_its_characters_are_fewer"
            ),
            "unit/domain/test_values_and_versions.py::test_text_is_measured_in_bytes_of_utf8",
        ),
        unsaid(
            "",
            IPE,
            "ClientRequestToken must be 32-64 characters long.",
            "token of another length",
            EMULATORS,
            State.DIFFERS,
            (
                "The model's limit is a constraint, so the answer is the ValidationException of all constraints. "
                "Tested by tests/unit/wire/test_constraints.py."
            ),
        ),
        said(
            "",
            IPE,
            (
                "When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the "
                "version that currently has the staging label {label}."
            ),
            "label moved from a version that lacks it",
            EMULATORS,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        said(
            "",
            IPE,
            "Version stage {label} not found in version {id}",
            "label taken from a version that lacks it",
            EMULATORS,
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        unsaid(
            "",
            IPE,
            "Not a valid version: {id}",
            "UpdateSecretVersionStage, unknown version",
            EMULATORS,
            State.DIFFERS,
            "Message 3 is said, by analogy. Tested by tests/operations/test_update_secret_version_stage.py.",
        ),
        said(
            "",
            IRE,
            "You can't perform this operation on the secret because it was deleted.",
            "RestoreSecret after the deletion date",
            REPORTED,
            (
                "operations/test_restore_secret.py::test_a_secret_can_be_restored_until_its_deletion_date_and_not_from_then_on"
            ),
            why="An older wording of AWS, in another situation.",
        ),
        said(
            "",
            MPD,
            "This resource policy contains an unsupported service principal.",
            "malformed name of a service",
            REPORTED,
            "unit/policy/test_document.py::test_an_unsupported_service_is_refused",
        ),
        said(
            "",
            "ValidationErrors",
            "Your requested changes will not allow you to manage this secret in the future.",
            "lock-out, found by ValidateResourcePolicy",
            DOCUMENTED,
            "unit/policy/test_public_access.py::test_findings_are_reported_together",
        ),
        said(
            "",
            "ReplicationStatus",
            "Replication succeeded",
            "a replica in sync",
            REPORTED,
            "operations/test_replication.py::test_a_new_replica_is_in_progress_and_then_in_sync",
        ),
        said(
            "",
            "ReplicationStatus",
            "Replication failed: Secret name {name} already exists in region {region}.",
            "name taken in the target",
            EMULATORS,
            "operations/test_replication.py::test_a_taken_name_fails_the_replica_until_overwriting_is_allowed",
        ),
        said(
            "",
            "ReplicationStatus",
            "Replication failed: Secret name {name} is currently replicated to {region} with a different arn",
            "the replica of another primary is in the way",
            REPORTED,
            "operations/test_replication.py::test_the_replica_of_another_primary_is_never_overwritten",
        ),
        said(
            "",
            ENCRYPTION,
            "Secrets Manager can't encrypt the secret value: {text of KMS}",
            "an unusable key, writing",
            REPORTED,
            "operations/test_encryption_keys.py::test_a_key_that_is_not_enabled_fails_writes_and_reads",
            (
                "operations/test_encryption_keys.py::test_a_key_that_does_not_exist_is_an_encryption_failure_in_kms_own_words"
            ),
        ),
        said(
            "",
            DECRYPTION,
            "Secrets Manager can't decrypt the secret value: {text of KMS}",
            "an unusable key, reading",
            REPORTED,
            "operations/test_encryption_keys.py::test_a_key_that_is_not_enabled_fails_writes_and_reads",
        ),
        said(
            "",
            "text of KMS",
            "{text} (Service: AWSKMS; Status Code: 400; Error Code: {code})",
            "inside the two before",
            REPORTED,
            "unit/domain/test_values_and_versions.py::test_a_key_that_is_not_enabled_says_so",
            why="AWS adds a request id.",
        ),
        said(
            "",
            "text of KMS",
            "{ARN} is disabled.",
            "DisabledException",
            REPORTED,
            "unit/domain/test_values_and_versions.py::test_a_key_that_is_not_enabled_says_so",
        ),
        said(
            "",
            "text of KMS",
            "{ARN} is pending deletion.",
            "KMSInvalidStateException",
            REPORTED,
            "unit/domain/test_values_and_versions.py::test_a_key_that_is_not_enabled_says_so",
        ),
        said(
            "",
            "text of KMS",
            "Key '{ARN}' does not exist",
            "NotFoundException",
            EMULATORS,
            (
                "operations/test_encryption_keys.py::test_a_key_that_does_not_exist_is_an_encryption_failure_in_kms_own_words"
            ),
        ),
        said(
            "",
            "text of KMS",
            "Alias {ARN} is not found.",
            "NotFoundException",
            EMULATORS,
            (
                "operations/test_encryption_keys.py::test_a_key_that_does_not_exist_is_an_encryption_failure_in_kms_own_words"
            ),
        ),
        said(
            "",
            DECRYPTION,
            "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
            "a stored value that does not open",
            DOCUMENTED,
            "storage/test_vault.py::test_a_flipped_bit_is_refused",
        ),
        unsaid(
            "",
            ENCRYPTION,
            "Cannot generate a data key with an asymmetric KMS key",
            "an asymmetric key",
            DOCUMENTED,
            State.NOT_BUILT,
            "There are symmetric keys only.",
        ),
    ),
)
