"""Rules of the life of a secret: its deletion and its dates."""

from __future__ import annotations

from typing import Final

from fidelity.rows import (
    DOCUMENTED,
    INFERRED,
    RECORDED,
    REPORTED,
    Section,
    kept,
    not_built,
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
        kept(
            "scheduled: RotateSecret, CancelRotateSecret refused",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_the_secret_must_exist_and_not_be_scheduled",
        ),
        kept(
            "scheduled: ReplicateSecretToRegions refused",
            INFERRED,
            "operations/test_replication.py::test_replicating_a_scheduled_secret_is_refused",
        ),
        kept(
            "scheduled: RemoveRegionsFromReplication, StopReplicationToReplica refused",
            INFERRED,
            "operations/test_replication.py::test_replication_of_a_scheduled_secret_is_neither_removed_nor_stopped",
        ),
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
