"""The 26 operations of the service model, each with what it answers."""

from __future__ import annotations

from typing import Final

from fidelity.rows import DOCUMENTED, RECORDED, REPORTED, Section, differs, kept, not_built

_MODEL = "test_service_model.py::test_wire_types_are_those_of_the_service_model"

OPERATIONS: Final = Section(
    "Operations",
    (
        differs(
            "starts copying to a replica that another account made; answers ARN, CrossAccountReplicaARN, state",
            DOCUMENTED,
            (
                "ReplicationRoleARN is refused: the server copies by itself. Keys are not tried out by the call; "
                "one that cannot be used fails the copy."
            ),
            "operations/test_cross_account_replicas.py::test_an_associated_replica_is_in_progress_and_then_in_sync",
            "operations/test_cross_account_replicas.py::test_a_role_is_refused_never_ignored",
            operations="AssociateCrossAccountReplica",
        ),
        kept(
            "answers SecretValues and Errors, each a list; never fails for one id",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_an_entry_has_what_get_secret_value_answers",
            "operations/test_batch_get_secret_value.py::test_a_batch_of_which_nothing_can_be_read_succeeds",
            (
                "operations/test_batch_get_secret_value.py::test_what_cannot_be_read_is_an_entry_with_get_secret_values_own_error"
            ),
            operations="BatchGetSecretValue",
        ),
        kept(
            "answers ARN, Name, and the VersionId of a half-made version; rules and function stay",
            DOCUMENTED,
            "operations/test_rotate_secret.py::test_cancelling_keeps_function_and_rules_and_drops_the_dates",
            "operations/test_rotate_secret.py::test_cancelling_answers_with_the_half_made_version_and_leaves_its_label",
            operations="CancelRotateSecret",
        ),
        kept(
            "answers ARN and Name, VersionId only with a value, ReplicationStatus only with replicas",
            RECORDED,
            (
                "operations/test_create_secret.py::test_a_secret_with_a_value_has_one_version_named_by_the_token_and_labelled_current"
            ),
            "operations/test_create_secret.py::test_a_secret_without_a_value_has_no_version",
            "operations/test_replication.py::test_a_new_replica_is_in_progress_and_then_in_sync",
            _MODEL,
            operations="CreateSecret",
        ),
        kept(
            "answers ARN, Name and PolicyName, also when there was no policy",
            RECORDED,
            "operations/test_resource_policies.py::test_the_answers_name_secret_and_policy",
            "operations/test_resource_policies.py::test_deleting_no_policy_succeeds_and_is_no_change",
            operations="DeleteResourcePolicy",
        ),
        kept(
            "answers ARN, Name and DeletionDate",
            RECORDED,
            "operations/test_delete_secret.py::test_the_deletion_date_is_the_end_of_the_window",
            "operations/test_delete_secret.py::test_forcing_a_name_that_does_not_exist_succeeds_as_if_it_did",
            operations="DeleteSecret",
        ),
        kept(
            "answers the members that have a value, never the secret's",
            RECORDED,
            "operations/test_describe_secret.py::test_only_members_with_a_value_are_present",
            "operations/test_describe_secret.py::test_everything_but_the_value_is_described",
            operations="DescribeSecret",
        ),
        kept(
            "answers ARN and CrossAccountReplicaARN; ends the copying, the replica stays",
            DOCUMENTED,
            "operations/test_cross_account_replicas.py::test_a_dissociated_replica_is_detached_and_keeps_what_it_has",
            operations="DisassociateCrossAccountReplica",
        ),
        kept(
            "answers RandomPassword and stores nothing",
            RECORDED,
            "operations/test_get_random_password.py::test_a_password_has_32_characters_with_one_of_each_type",
            "operations/test_get_random_password.py::test_a_length_is_met_exactly",
            operations="GetRandomPassword",
        ),
        kept(
            "answers ARN and Name, ResourcePolicy and PolicyName only if one is attached",
            REPORTED,
            "operations/test_resource_policies.py::test_the_answers_name_secret_and_policy",
            "operations/test_resource_policies.py::test_a_secret_without_a_policy_answers_without_one",
            operations="GetResourcePolicy",
        ),
        kept(
            "answers ARN, Name, VersionId, text or bytes, VersionStages, and the version's CreatedDate",
            RECORDED,
            "operations/test_get_secret_value.py::test_the_answer_holds_the_version_with_its_labels_and_its_own_date",
            "operations/test_get_secret_value.py::test_a_value_is_text_or_bytes_never_both",
            operations="GetSecretValue",
        ),
        kept(
            "answers names only, `default` first, the others in order, in pages",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_policies_are_listed_by_name_the_default_first",
            "operations/test_resource_policies.py::test_pages_of_policies_go_on_where_they_ended",
            operations="ListResourcePolicies",
        ),
        kept(
            "answers ARN, Name and Versions; Versions is always there",
            RECORDED,
            "operations/test_list_secret_version_ids.py::test_labelled_versions_are_listed_with_dates_and_keys",
            "operations/test_list_secret_version_ids.py::test_a_secret_without_a_value_has_an_empty_list",
            operations="ListSecretVersionIds",
        ),
        kept(
            "answers entries as DescribeSecret, the label map under SecretVersionsToStages, no ReplicationStatus",
            DOCUMENTED,
            (
                "operations/test_list_secrets.py::test_an_entry_is_the_description_of_the_secret_under_the_listings_own_name_for_labels"
            ),
            "operations/test_list_secrets.py::test_no_secrets_are_an_empty_list",
            operations="ListSecrets",
        ),
        kept(
            "answers ARN, Name and PolicyName; replaces the whole policy",
            RECORDED,
            "operations/test_resource_policies.py::test_the_answers_name_secret_and_policy",
            "operations/test_resource_policies.py::test_a_put_replaces_the_whole_policy",
            operations="PutResourcePolicy",
        ),
        kept(
            "answers ARN, Name, VersionId and the labels now on the version",
            RECORDED,
            "operations/test_put_secret_value.py::test_the_answer_names_the_version_and_the_labels_now_on_it",
            operations="PutSecretValue",
        ),
        kept(
            "answers ARN and what replicas are left",
            DOCUMENTED,
            "operations/test_replication.py::test_removing_a_region_deletes_its_replica_for_good",
            operations="RemoveRegionsFromReplication",
        ),
        kept(
            "answers ARN and ReplicationStatus",
            DOCUMENTED,
            "operations/test_replication.py::test_a_taken_name_fails_the_replica_until_overwriting_is_allowed",
            "operations/test_replication.py::test_a_removed_region_can_be_replicated_to_again",
            operations="ReplicateSecretToRegions",
        ),
        kept(
            "answers ARN and Name",
            RECORDED,
            "operations/test_restore_secret.py::test_a_restored_secret_is_as_it_was",
            operations="RestoreSecret",
        ),
        not_built(
            "answers ARN, Name and VersionId, and rotates",
            RECORDED,
            (
                "Requests are checked, answered and stored; no rotation function can be run yet, so naming one gets "
                "AWS's answer for a function that may not be invoked. An external secret with a role is left with an "
                "AWSPENDING version that nothing fills."
            ),
            "operations/test_rotate_secret.py::test_a_rotation_answers_with_its_token_as_version",
            (
                "operations/test_rotate_secret.py::test_an_external_secret_rotates_by_role_without_a_function_and_echoes_what_it_was_given"
            ),
            operations="RotateSecret",
        ),
        kept(
            "answers ARN only; the replica stands alone from then on",
            DOCUMENTED,
            "operations/test_replication.py::test_a_promoted_replica_lives_its_own_life",
            operations="StopReplicationToReplica",
        ),
        kept(
            "answers an empty body of length 0",
            REPORTED,
            "operations/test_tag_resource.py::test_the_answer_is_empty",
            "conformance/test_response_headers.py::test_tagging_answers_nothing_of_length_0",
            operations="TagResource",
        ),
        kept(
            "answers an empty body of length 0",
            REPORTED,
            "conformance/test_response_headers.py::test_tagging_answers_nothing_of_length_0",
            operations="UntagResource",
        ),
        kept(
            "answers ARN and Name, VersionId only with a value, also when repeated",
            RECORDED,
            "operations/test_update_secret.py::test_without_a_value_there_is_no_version_and_no_label_moves",
            "operations/test_update_secret.py::test_a_value_becomes_the_current_version_as_with_put",
            "operations/test_update_secret.py::test_the_same_token_and_value_repeat_the_answer_and_make_no_version",
            operations="UpdateSecret",
        ),
        kept(
            "answers ARN and Name",
            RECORDED,
            "operations/test_update_secret_version_stage.py::test_a_label_moves",
            operations="UpdateSecretVersionStage",
        ),
        kept(
            "answers PolicyValidationPassed and ValidationErrors, the latter empty when it passed",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_a_sound_policy_passes_with_or_without_a_secret",
            "operations/test_resource_policies.py::test_findings_are_answers_and_no_errors",
            operations="ValidateResourcePolicy",
        ),
    ),
)
