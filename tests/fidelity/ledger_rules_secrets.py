"""Rules of a secret as a whole: deletion, dates, keys, tags, members."""

from __future__ import annotations

from typing import Final

from fidelity.rows import (
    DOCUMENTED,
    INFERRED,
    RECORDED,
    REPORTED,
    Section,
    differs,
    kept,
    not_built,
    untested,
)

DELETION: Final = Section(
    "Deletion",
    (
        kept(
            "30 days unless said, 7 to 30 may be said",
            DOCUMENTED,
            "operations/test_delete_secret.py::test_the_deletion_date_is_the_end_of_the_window",
            "property/test_deletion_machine.py::test_recovery_window_accepts_exactly_seven_to_thirty_days",
        ),
        kept(
            "another window, and force with a window, are refused",
            DOCUMENTED,
            "operations/test_delete_secret.py::test_recovery_window_rejects_days_out_of_range_and_force",
        ),
        kept(
            "force=false with a window schedules",
            RECORDED,
            "operations/test_delete_secret.py::test_the_deletion_date_is_the_end_of_the_window",
        ),
        kept(
            "force on an unknown name succeeds as if it existed",
            RECORDED,
            "operations/test_delete_secret.py::test_forcing_a_name_that_does_not_exist_succeeds_as_if_it_did",
        ),
        kept(
            "force on a scheduled secret ends its window",
            RECORDED,
            "operations/test_delete_secret.py::test_forcing_a_scheduled_secret_ends_its_window_now",
        ),
        kept(
            "a primary with replicas is not deleted",
            REPORTED,
            "operations/test_replication.py::test_a_primary_with_replicas_cannot_be_deleted",
        ),
        kept(
            "a replica is not deleted, forced or not",
            REPORTED,
            "operations/test_replication.py::test_changes_at_a_replica_are_refused",
        ),
        kept(
            "a forced secret answers as scheduled until it is gone",
            RECORDED,
            "operations/test_delete_secret.py::test_a_forced_secret_keeps_its_name_until_the_purge_has_run",
        ),
        kept(
            "a scheduled secret keeps its name",
            RECORDED,
            "operations/test_create_secret.py::test_a_name_scheduled_for_deletion_is_refused_even_to_a_repetition",
            "operations/test_background_deletion.py::test_a_name_is_free_after_the_purge_and_the_new_secret_is_another",
        ),
        kept(
            "it is purged at its deletion date, never before",
            DOCUMENTED,
            "operations/test_background_deletion.py::test_a_secret_is_purged_at_its_deletion_date_and_not_before",
            "property/test_deletion_machine.py::TestDeletionMachine",
        ),
        kept(
            "scheduled: described with DeletedDate and its labels",
            RECORDED,
            (
                "operations/test_describe_secret.py::test_a_scheduled_secret_is_described_with_its_deletion_date_and_its_labels"
            ),
        ),
        kept(
            "scheduled: versions are listed",
            DOCUMENTED,
            (
                "operations/test_list_secret_version_ids.py::test_a_scheduled_secret_is_listed_and_an_unknown_one_not_found"
            ),
        ),
        kept(
            "scheduled: hidden from ListSecrets unless IncludePlannedDeletion",
            DOCUMENTED,
            "operations/test_list_secrets.py::test_scheduled_secrets_are_hidden_unless_asked_for",
        ),
        kept(
            "scheduled: Get, Put, Update, label moves, Tag, Untag refused",
            RECORDED,
            "operations/test_delete_secret.py::test_what_a_scheduled_secret_still_allows",
            "operations/test_traps.py::test_a_scheduled_secret_is_not_written",
        ),
        kept(
            "scheduled: GetResourcePolicy refused",
            REPORTED,
            "operations/test_resource_policies.py::test_the_secret_must_exist_and_not_be_scheduled",
        ),
        kept(
            "scheduled: PutResourcePolicy, DeleteResourcePolicy, ListResourcePolicies refused",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_the_secret_must_exist_and_not_be_scheduled",
        ),
        untested("scheduled: RotateSecret, CancelRotateSecret refused", DOCUMENTED),
        kept(
            "scheduled: ReplicateSecretToRegions refused",
            INFERRED,
            "operations/test_replication.py::test_replicating_a_scheduled_secret_is_refused",
        ),
        untested("scheduled: RemoveRegionsFromReplication, StopReplicationToReplica refused", INFERRED),
        kept(
            "scheduled: an entry in BatchGetSecretValue's Errors",
            DOCUMENTED,
            (
                "operations/test_batch_get_secret_value.py::test_what_cannot_be_read_is_an_entry_with_get_secret_values_own_error"
            ),
        ),
        kept(
            "RestoreSecret brings everything back",
            RECORDED,
            "operations/test_restore_secret.py::test_a_restored_secret_is_as_it_was",
            "operations/test_restore_secret.py::test_a_restored_secret_is_not_purged",
        ),
        kept(
            "it can be restored until its deletion date, not after",
            DOCUMENTED,
            (
                "operations/test_restore_secret.py::test_a_secret_can_be_restored_until_its_deletion_date_and_not_from_then_on"
            ),
        ),
        not_built(
            "a secret that a service manages is changed by that service alone",
            DOCUMENTED,
            "No service makes secrets of its own here.",
        ),
    ),
)

DATES: Final = Section(
    "Dates",
    (
        kept(
            "epoch seconds with up to three decimals",
            DOCUMENTED,
            "operations/test_dates_of_secrets.py::test_instants_have_three_decimals",
            (
                "unit/domain/test_values_and_versions.py::test_instants_survive_the_database_and_lose_microseconds_on_the_wire"
            ),
        ),
        kept(
            "LastAccessedDate is midnight UTC of the day, absent before the first read",
            RECORDED,
            (
                "operations/test_dates_of_secrets.py::test_the_date_of_access_is_a_whole_day_and_absent_before_the_first_read"
            ),
            "operations/test_dates_of_secrets.py::test_a_day_begins_at_midnight_utc",
        ),
        kept(
            "versions have their own",
            RECORDED,
            "operations/test_dates_of_secrets.py::test_each_version_has_its_own_date_of_access",
        ),
        kept(
            "replicas have their own, shown in ReplicationStatus too",
            DOCUMENTED,
            "operations/test_replication.py::test_the_last_access_is_each_regions_own",
        ),
        kept(
            "describing and listing are no access",
            INFERRED,
            "operations/test_dates_of_secrets.py::test_only_a_successful_read_of_a_value_is_an_access",
            "operations/test_dates_of_secrets.py::test_reading_and_describing_are_no_changes",
        ),
        kept(
            "BatchGetSecretValue is an access to each secret it reads",
            INFERRED,
            "operations/test_batch_get_secret_value.py::test_a_batch_is_an_access_of_each_secret_it_could_read",
        ),
        kept(
            "CreatedDate is the version's in GetSecretValue, the secret's elsewhere",
            DOCUMENTED,
            "operations/test_dates_of_secrets.py::test_the_date_of_creation_is_the_secrets_or_the_versions_own",
        ),
        kept(
            "LastChangedDate grows with every change, also by an identical value",
            RECORDED,
            (
                "operations/test_dates_of_secrets.py::test_the_date_of_change_grows_with_every_change_even_within_one_millisecond"
            ),
            "unit/domain/test_values_and_versions.py::test_last_changed_grows_even_when_the_clock_does_not",
        ),
        kept(
            "DeletionDate is the end of the window",
            DOCUMENTED,
            "operations/test_delete_secret.py::test_the_deletion_date_is_the_end_of_the_window",
        ),
    ),
)

KEYS: Final = Section(
    "KMS keys",
    (
        kept(
            "a key id, a key ARN, an alias, an alias ARN; none is the default key",
            DOCUMENTED,
            "unit/domain/test_values_and_versions.py::test_all_four_forms_of_a_key_are_understood",
            "operations/test_encryption_keys.py::test_a_customer_key_is_shown_as_the_caller_named_it",
        ),
        kept(
            "the default key is not shown, and is DefaultEncryptionKey in KmsKeyIds",
            RECORDED,
            "operations/test_encryption_keys.py::test_the_default_key_is_not_shown_unless_it_was_named",
            "operations/test_list_secret_version_ids.py::test_labelled_versions_are_listed_with_dates_and_keys",
        ),
        kept(
            "the key is shown in the form it was given, the default alias too",
            REPORTED,
            "operations/test_encryption_keys.py::test_the_default_key_is_not_shown_unless_it_was_named",
            "operations/test_encryption_keys.py::test_a_customer_key_is_shown_as_the_caller_named_it",
        ),
        kept(
            "an empty KmsKeyId in an update returns to the default key",
            REPORTED,
            "operations/test_encryption_keys.py::test_an_empty_key_in_an_update_returns_to_the_default_key",
        ),
        kept(
            "a new key seals AWSCURRENT, AWSPENDING and AWSPREVIOUS anew, and makes no version",
            DOCUMENTED,
            (
                "operations/test_encryption_keys.py::test_a_new_key_reencrypts_the_three_standard_labels_and_no_other_version"
            ),
        ),
        kept(
            "an ARN of another Region is refused",
            REPORTED,
            "operations/test_encryption_keys.py::test_an_arn_of_another_region_or_no_key_at_all_is_refused",
        ),
        differs(
            "an unknown key at creation is an InvalidParameterException",
            REPORTED,
            "EncryptionFailure with KMS's text, which a newer report has.",
            (
                "operations/test_encryption_keys.py::test_a_key_that_does_not_exist_is_an_encryption_failure_in_kms_own_words"
            ),
        ),
        differs(
            "an AWS managed key of another service is AccessDenied",
            REPORTED,
            "There are none: its alias is not found, which is an EncryptionFailure.",
        ),
        kept(
            "a key of another account that may not be used is AccessDenied",
            REPORTED,
            "operations/test_encryption_keys.py::test_a_key_of_another_account_is_denied",
        ),
        not_built("a key of another account may be granted", DOCUMENTED, "Keys have no policies or grants yet."),
        kept(
            "a disabled key, and one that waits for deletion, fail writes and reads",
            REPORTED,
            "operations/test_encryption_keys.py::test_a_key_that_is_not_enabled_fails_writes_and_reads",
        ),
        kept(
            "the state of a key is asked at every read",
            INFERRED,
            (
                "operations/test_encryption_keys.py::test_versions_under_an_older_key_are_read_while_the_newer_one_is_disabled"
            ),
            "storage/test_vault.py::test_a_key_that_is_not_enabled_neither_opens_nor_seals_and_counts_no_tampering",
        ),
        differs(
            "KmsKeyIds of a version may name several keys",
            DOCUMENTED,
            "A version is sealed by one key, and names that one.",
            (
                "operations/test_encryption_keys.py::test_a_new_key_reencrypts_the_three_standard_labels_and_no_other_version"
            ),
        ),
    ),
)

TAGS: Final = Section(
    "Tags",
    (
        kept(
            "keys have 1 to 128 characters, values 0 to 256; case counts",
            DOCUMENTED,
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
            "unit/domain/test_tags.py::test_keys_are_case_sensitive",
        ),
        kept(
            "TagResource merges: known keys take the new value, new keys follow",
            RECORDED,
            "operations/test_tag_resource.py::test_new_tags_follow_and_a_key_in_use_takes_the_new_value",
            "unit/domain/test_tags.py::test_an_existing_key_is_overwritten_in_place_and_new_keys_follow",
        ),
        kept(
            "UntagResource ignores keys that are not there",
            DOCUMENTED,
            "operations/test_untag_resource.py::test_the_keys_named_are_removed_and_unknown_ones_ignored",
            "unit/domain/test_tags.py::test_unknown_keys_are_ignored",
        ),
        kept(
            "Tags is absent before the first tag and `[]` after the last was removed",
            RECORDED,
            "operations/test_describe_secret.py::test_tags_are_absent_before_the_first_and_empty_after_the_last",
            "unit/domain/test_tags.py::test_after_the_last_removal_tags_are_empty_not_absent",
        ),
        kept(
            "an empty list at creation is as none",
            INFERRED,
            "operations/test_create_secret.py::test_an_empty_description_and_no_tags_are_as_absent",
        ),
        kept(
            "50 tags; reserved and repeated keys are refused",
            DOCUMENTED,
            "operations/test_tag_resource.py::test_a_secret_has_fifty_tags_at_most",
            "operations/test_tag_resource.py::test_reserved_and_repeated_keys_are_refused_on_create_and_tag",
        ),
        kept(
            "tags belong to the secret, not to its versions",
            DOCUMENTED,
            "operations/test_tag_resource.py::test_tags_are_kept_by_every_other_change",
        ),
        not_built(
            "a change of tags that would cost the caller its access is denied",
            DOCUMENTED,
            "A policy is not judged again for the tags that a call would leave.",
        ),
    ),
)

MEMBERS: Final = Section(
    "Members of a secret",
    (
        kept(
            "text and bytes together are refused",
            REPORTED,
            "operations/test_create_secret.py::test_text_and_bytes_together_are_refused",
            "operations/test_update_secret.py::test_a_value_needs_a_token_and_is_text_or_bytes",
        ),
        kept(
            "an empty text is a constraint violation",
            REPORTED,
            "operations/test_traps.py::test_a_value_is_text_or_bytes_within_limits_and_never_changed",
        ),
        kept(
            "65,536 bytes at most",
            DOCUMENTED,
            (
                "operations/test_create_secret.py::test_a_text_longer_than_65536_bytes_is_refused_though_its_characters_are_fewer"
            ),
            "conformance/test_boto3.py::test_a_value_of_64_kib_fits",
        ),
        kept(
            "an empty Description is as none, and clears in an update; an absent one stays",
            REPORTED,
            "operations/test_create_secret.py::test_an_empty_description_and_no_tags_are_as_absent",
            "operations/test_update_secret.py::test_an_absent_member_stays_and_an_empty_description_is_cleared",
        ),
        kept(
            "UpdateSecret with nothing but SecretId succeeds",
            RECORDED,
            "operations/test_update_secret.py::test_without_a_value_there_is_no_version_and_no_label_moves",
        ),
        kept(
            "RotationToken has no visible effect",
            DOCUMENTED,
            "operations/test_put_secret_value.py::test_a_rotation_token_has_no_visible_effect",
        ),
        kept(
            "an empty list of VersionStages is a constraint violation",
            DOCUMENTED,
            "unit/wire/test_constraints.py::test_an_empty_list_below_its_minimum_is_shown_as_brackets",
        ),
        kept(
            "Type is stored and shown",
            DOCUMENTED,
            "operations/test_create_secret.py::test_a_type_is_described_and_listed_and_an_empty_one_is_none",
            "operations/test_update_secret.py::test_an_absent_type_stays_and_an_empty_one_clears_it",
        ),
        not_built("a secret with a Type follows its partner's layout", DOCUMENTED, "The value is not looked at."),
        not_built(
            "OwningService is shown for secrets that a service manages",
            DOCUMENTED,
            "No service makes secrets of its own here.",
        ),
    ),
)
