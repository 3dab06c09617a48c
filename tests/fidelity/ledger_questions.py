"""What nobody has evidence for, the default taken, and the place in the sources that holds it."""

from __future__ import annotations

from typing import Final

from fidelity.rows import INFERRED, Question, Section, State


def question(number: int, what: str, choice: str, places: str, *tests: str, why: str = "") -> Question:
    """Return the row of a question; `places` are separated by blanks; without tests the choice is untested."""
    return Question(
        number=number,
        what=what,
        choice=choice,
        places=tuple(places.split()),
        evidence=INFERRED,
        state=State.KEPT if tests else State.UNTESTED,
        tests=tests,
        why=why,
    )


QUESTIONS: Final = Section(
    "Open questions",
    (
        question(
            1,
            "DeletedDate: the moment of the call, or the end of the window?",
            "the end of the window; both are stored",
            "domain.deletion:schedule operations.describe_secret:describe_secret operations.list_secrets:_entry",
            "operations/test_delete_secret.py::test_the_deletion_date_is_the_end_of_the_window",
            "operations/test_list_secrets.py::test_scheduled_secrets_are_hidden_unless_asked_for",
        ),
        question(
            2,
            "DeleteSecret without force on a scheduled secret",
            "an invalid request, as for every other use",
            "operations.delete_secret:delete_secret domain.deletion:require_usable",
            "operations/test_delete_secret.py::test_a_scheduled_secret_is_not_scheduled_again",
        ),
        question(
            3,
            "RestoreSecret of a secret that is not scheduled",
            "success without a change",
            "domain.deletion:restore operations.restore_secret:restore_secret",
            "operations/test_restore_secret.py::test_a_secret_that_is_not_scheduled_is_restored_without_change",
        ),
        question(
            4,
            "UpdateSecretVersionStage with a wrong source, no version, an absent label",
            "an invalid parameter, the texts of emulators or ours",
            "domain.staging:move domain.staging:require_version_named",
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        question(
            5,
            "more than 20 labels, 50 tags, reserved or repeated tag keys",
            "LimitExceededException for labels, an invalid parameter for tags, our texts",
            "domain.staging:attach domain.tags:merge domain.tags:require_well_formed",
            "operations/test_put_secret_value.py::test_more_than_twenty_labels_on_a_secret_are_refused",
            "unit/domain/test_tags.py::test_more_than_fifty_tags_are_refused",
            "operations/test_tag_resource.py::test_reserved_and_repeated_keys_are_refused_on_create_and_tag",
        ),
        question(
            6,
            "the text of InvalidNextTokenException",
            "ours",
            "crypto.page_tokens:PageTokens.open",
            "unit/crypto/test_page_tokens.py::test_what_was_made_up_is_refused",
        ),
        question(
            7,
            "an ARN of another Region or kind; text that is no ARN",
            "not found; an invalid name if a character is illegal",
            "domain.identifiers:parse_secret_id",
            "operations/test_secret_ids.py::test_an_arn_that_is_wrong_in_any_part_names_nothing",
            "operations/test_secret_ids.py::test_text_that_neither_a_name_nor_an_arn_may_hold_is_an_invalid_name",
        ),
        question(
            8,
            "is a token needed where Create and Update carry no value?",
            "no",
            "domain.idempotency:require_sound_write",
            (
                "operations/test_create_secret.py::test_a_secret_without_a_value_needs_no_token_and_a_token_makes_no_version"
            ),
            "operations/test_update_secret.py::test_without_a_value_there_is_no_version_and_no_label_moves",
        ),
        question(
            9,
            "65,536 of what?",
            "bytes of UTF-8; the model's limit, in characters, holds as well",
            "domain.secret_value:require_size",
            (
                "operations/test_create_secret.py::test_a_text_longer_than_65536_bytes_is_refused_though_its_characters_are_fewer"
            ),
            "unit/domain/test_values_and_versions.py::test_text_is_measured_in_bytes_of_utf8",
        ),
        question(
            10,
            "promoting no replica; removing a Region without one; adding one that is there",
            "an invalid parameter; the same; the replica is copied anew",
            (
                "domain.replication:require_replica domain.replication:require_present "
                "operations.replicate_secret_to_regions:add_replicas"
            ),
            "operations/test_replication.py::test_what_is_no_replica_cannot_be_promoted",
            "operations/test_replication.py::test_a_region_without_a_replica_cannot_be_removed",
            "operations/test_replication.py::test_a_taken_name_fails_the_replica_until_overwriting_is_allowed",
        ),
        question(
            11,
            "CancelRotateSecret on a secret that was never configured",
            "an invalid request; repeating it is harmless",
            "domain.rotation:require_configured",
            "unit/domain/test_rotation.py::test_only_what_was_configured_once_can_be_cancelled",
        ),
        question(
            12,
            "do custom labels stay on the version that AWSCURRENT leaves?",
            "they stay",
            "domain.staging:attach",
            "operations/test_traps.py::test_custom_labels_stay_on_a_demoted_version",
            "unit/domain/test_staging.py::test_custom_labels_stay_on_the_demoted_version",
            "operations/test_update_secret.py::test_a_value_becomes_the_current_version_as_with_put",
        ),
        question(
            13,
            "the names of ValidateResourcePolicy's checks",
            "constants of our own",
            "policy.public_access:BROAD_ACCESS_CHECK policy.public_access:LOCK_OUT_CHECK",
            "unit/policy/test_public_access.py::test_findings_are_reported_together",
            "operations/test_resource_policies.py::test_findings_are_answers_and_no_errors",
        ),
        question(
            14,
            "the order of versions, labels, values and tags",
            "versions by age, labels and tags as they came, values as asked for; nothing promised",
            (
                "operations.list_secret_version_ids:_place domain.staging:labels_of domain.tags:merge "
                "operations.batch_get_secret_value:batch_get_secret_value"
            ),
            "operations/test_list_secret_version_ids.py::test_pages_hold_every_version_once",
            "unit/domain/test_tags.py::test_the_first_tags_keep_their_order",
            (
                "operations/test_batch_get_secret_value.py::test_secrets_are_named_in_every_form_and_answered_in_the_order_asked"
            ),
        ),
        question(
            15,
            "CreateSecret repeated after newer versions",
            "success while the version of the token exists with that value",
            "operations.create_secret:_repeat",
            "operations/test_create_secret.py::test_the_first_answer_is_repeated_while_its_version_exists",
        ),
        question(
            16,
            "PutSecretValue repeated with other labels",
            "no change",
            "operations.put_secret_value:put_secret_value",
            "operations/test_put_secret_value.py::test_a_repetition_changes_nothing_whatever_labels_it_names",
        ),
        question(
            17,
            "repeated ids in SecretIdList",
            "an entry for each",
            "operations.batch_get_secret_value:batch_get_secret_value",
            "operations/test_batch_get_secret_value.py::test_an_id_named_twice_is_answered_twice",
        ),
        question(
            18,
            "the page size of ListSecrets and ListSecretVersionIds",
            "100",
            "operations.list_secrets:DEFAULT_PAGE operations.list_secret_version_ids:DEFAULT_PAGE",
            "operations/test_list_secrets.py::test_a_page_has_a_hundred_secrets_unless_fewer_are_asked_for",
            why="Tested for ListSecrets.",
        ),
        question(
            19,
            "is a refused read an access?",
            "no",
            "operations.get_secret_value:get_secret_value",
            "operations/test_dates_of_secrets.py::test_only_a_successful_read_of_a_value_is_an_access",
        ),
        question(
            20,
            "how long does a removed version answer that it was deleted?",
            "for the life of the secret",
            "domain.versions:require_present workers.purge:_clean_up",
            "operations/test_traps.py::test_unlabelled_versions_are_hidden_and_readable_and_later_leave_a_tombstone",
            "operations/test_background_deletion.py::test_unlabelled_versions_beyond_a_hundred_are_removed_after_a_day",
        ),
        question(
            21,
            "`!` beside plain values; on tags; where there is no attribute",
            "one more alternative; no tag matches; the secret is found",
            "domain.filtering:_compile_filter",
            "unit/domain/test_filtering.py::test_a_negated_value_is_one_more_alternative",
            "unit/domain/test_filtering.py::test_tags_match_a_prefix_of_any_and_negation_means_none",
            "unit/domain/test_filtering.py::test_negated_description_includes_secrets_without_one",
        ),
        question(
            22,
            "the body of UnknownOperationException and SerializationException",
            "the type alone for the first; a text of ours, in `message`, for the second",
            "wire.awsjson:operation_of wire.awsjson:decode wire.faults:body_of",
            "unit/wire/test_core.py::test_a_signed_request_without_a_target_is_an_unknown_operation",
            "unit/wire/test_awsjson.py::test_what_is_not_json_is_refused_without_repeating_it",
            "unit/wire/test_faults.py::test_an_error_without_a_text_is_its_type_alone",
        ),
        question(
            23,
            "an illegal name and no token",
            "the name is told",
            "attempt:Attempt._checked_reference",
            "operations/test_order_of_checks.py::test_an_invalid_name_comes_before_a_missing_token",
        ),
    ),
)
