"""Rules of the wire, of the order of checks, and of names."""

from __future__ import annotations

from typing import Final

from fidelity.rows import DOCUMENTED, INFERRED, RECORDED, REPORTED, Section, differs, kept

WIRE: Final = Section(
    "The wire",
    (
        kept(
            "POST to `/`, target `secretsmanager.Operation`, lower-case prefix",
            RECORDED,
            "unit/wire/test_awsjson.py::test_a_target_names_an_operation",
            "unit/wire/test_awsjson.py::test_another_target_is_unknown_without_a_text",
        ),
        differs(
            "any media type is served, because the target decides",
            INFERRED,
            (
                "Only JSON's media types, or none, are served; others get 404, so that a form posted by a browser "
                "never runs."
            ),
            "unit/wire/test_core.py::test_another_content_type_is_not_found",
            "unit/wire/test_awsjson.py::test_media_types_of_other_protocols",
        ),
        differs(
            "a credential scope of another service is served, because host and target route",
            REPORTED,
            "A signature for another service is refused: it was made for something else.",
            "conformance/test_authentication.py::test_a_request_signed_for_another_service_is_refused",
            "unit/wire/test_core.py::test_a_request_for_another_service_is_refused",
        ),
        kept(
            "an absent body is an empty object",
            INFERRED,
            "unit/wire/test_awsjson.py::test_an_absent_or_empty_body_has_no_members",
        ),
        kept(
            "a null member is an absent one",
            INFERRED,
            "unit/wire/test_awsjson.py::test_a_null_member_is_an_absent_one",
            "operations/test_update_secret.py::test_a_null_member_is_an_absent_one",
        ),
        kept(
            "unknown members are ignored",
            RECORDED,
            "unit/wire/test_awsjson.py::test_unknown_members_are_ignored_whatever_they_hold",
            "operations/test_update_secret.py::test_name_and_tags_are_not_members",
        ),
        kept(
            "bytes are standard base64; text that is none is refused",
            RECORDED,
            "unit/wire/test_awsjson.py::test_bytes_are_base64",
            "unit/wire/test_awsjson.py::test_what_is_not_base64_is_refused",
        ),
        kept(
            "a wrong JSON type is a SerializationException",
            INFERRED,
            "unit/wire/test_awsjson.py::test_a_wrong_type_is_refused_and_named_by_its_place",
        ),
        kept(
            "success is 200 with x-amzn-RequestId (a UUID), Content-Type, Content-Length and Date",
            REPORTED,
            "conformance/test_response_headers.py::test_a_success_has_exactly_the_headers_of_the_real_service",
            "unit/wire/test_core.py::test_an_answer_names_its_type_and_a_request_id_of_its_own",
        ),
        kept(
            "every client error is 400, also not found and denied; an internal error is 500",
            RECORDED,
            "operations/test_traps.py::test_every_client_error_is_http_400",
            "unit/wire/test_faults.py::test_client_errors_are_400_and_the_others_are_listed",
        ),
        kept(
            "a modelled error has `__type` without a namespace, and `Message`",
            RECORDED,
            "operations/test_traps.py::test_a_modelled_error_has_a_message_with_a_capital_m",
            "unit/wire/test_faults.py::test_a_modelled_error_carries_a_capital_message",
        ),
        kept(
            "other errors have `message`",
            INFERRED,
            "unit/wire/test_faults.py::test_a_common_error_carries_a_small_message",
            "unit/wire/test_core.py::test_modelled_errors_say_message_with_a_capital_and_others_without",
        ),
        kept(
            "a member without a value is left out, never null and never empty",
            RECORDED,
            "operations/test_traps.py::test_members_without_a_value_are_left_out",
            "unit/wire/test_awsjson.py::test_members_without_a_value_are_left_out_but_empty_lists_stay",
        ),
        kept(
            "TagResource and UntagResource answer a body of length 0",
            REPORTED,
            "conformance/test_response_headers.py::test_tagging_answers_nothing_of_length_0",
        ),
        kept(
            "paths of violations are lower-camel, list positions count from one after `.member.`",
            REPORTED,
            "unit/wire/test_constraints.py::test_members_of_structures_in_lists_are_named_by_position_from_one",
        ),
        kept(
            "sensitive members are refused without their value",
            REPORTED,
            "unit/wire/test_constraints.py::test_a_sensitive_member_is_refused_without_its_value",
        ),
        kept(
            "limits, patterns and enumerations are those of the service model",
            DOCUMENTED,
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
    ),
)

ORDER: Final = Section(
    "The order of checks",
    (
        kept(
            "1 the signature",
            INFERRED,
            "unit/wire/test_core.py::test_the_first_violated_check_decides",
            "unit/wire/test_core.py::test_an_unsigned_request_learns_nothing_about_its_body",
        ),
        differs(
            "2 the target, JSON, types",
            INFERRED,
            "An unknown target is refused before the signature is looked at; JSON and types come after it.",
            "unit/wire/test_core.py::test_the_first_violated_check_decides",
            "unit/wire/test_core.py::test_a_wrong_type_comes_before_a_missing_member",
        ),
        kept(
            "3 the model's constraints",
            INFERRED,
            "operations/test_order_of_checks.py::test_a_broken_constraint_comes_before_an_invalid_name",
            "unit/wire/test_core.py::test_limits_come_before_what_the_operation_checks",
        ),
        kept(
            "4 the characters of SecretId and Name",
            RECORDED,
            "operations/test_order_of_checks.py::test_an_invalid_name_comes_before_existence",
            "operations/test_order_of_checks.py::test_an_invalid_name_comes_before_a_missing_token",
        ),
        kept(
            "5 the token, before existence",
            RECORDED,
            "operations/test_order_of_checks.py::test_a_missing_token_comes_before_existence",
        ),
        kept(
            "6 the consistency of parameters, after the token",
            INFERRED,
            "operations/test_order_of_checks.py::test_inconsistent_parameters_come_before_authorization_and_existence",
            "operations/test_order_of_checks.py::test_a_missing_token_comes_before_two_values",
        ),
        kept(
            "6 CreateSecret: the Regions of replicas, before the name is looked up",
            INFERRED,
            "operations/test_replication.py::test_regions_are_checked_before_the_name_is_looked_up",
        ),
        kept(
            "7 authorization, whether or not the secret exists",
            REPORTED,
            (
                "operations/test_cross_account.py::test_without_a_grant_every_call_is_denied_whether_the_secret_exists_or_not"
            ),
            "operations/test_order_of_checks.py::test_authorization_comes_before_existence",
        ),
        kept(
            "8 existence",
            RECORDED,
            "operations/test_order_of_checks.py::test_a_secret_that_does_not_exist_is_not_found",
        ),
        kept(
            "9 the replica guard, before the deleted state",
            REPORTED,
            "operations/test_replication.py::test_a_replica_says_so_before_it_says_that_it_was_deleted",
        ),
        kept(
            "10 the deleted state, before conditions on versions",
            RECORDED,
            "operations/test_order_of_checks.py::test_deletion_comes_before_conditions_on_versions",
        ),
        kept(
            "11 the guard of secrets that a service manages",
            DOCUMENTED,
            "operations/test_managed_secrets.py::test_changes_are_refused_and_tell_the_owner",
        ),
        kept(
            "12 versions, labels and repetition, 13 then the KMS key",
            INFERRED,
            "operations/test_order_of_checks.py::test_conditions_on_versions_and_names_come_before_kms",
        ),
        kept(
            "DeleteSecret: the window's range, before its clash with force, both before existence",
            INFERRED,
            "operations/test_delete_secret.py::test_recovery_window_rejects_days_out_of_range_and_force",
        ),
    ),
)

NAMES: Final = Section(
    "Names, ARNs and SecretId",
    (
        kept(
            "a name has 1 to 512 characters",
            DOCUMENTED,
            "operations/test_create_secret.py::test_a_name_may_have_512_characters_and_the_exclamation_mark",
            "unit/wire/test_constraints.py::test_length_and_value_out_of_range_are_named_with_the_value",
        ),
        kept(
            "letters, digits and `-/_+=.@!`; everything else is an invalid name",
            RECORDED,
            "operations/test_create_secret.py::test_a_name_with_other_characters_is_refused",
            "unit/domain/test_identifiers.py::test_names_reject_other_characters",
            "conformance/test_boto3.py::test_every_character_of_names_is_allowed",
        ),
        kept(
            "`ARN#key` is an invalid name",
            REPORTED,
            "operations/test_secret_ids.py::test_text_that_neither_a_name_nor_an_arn_may_hold_is_an_invalid_name",
        ),
        differs(
            "an empty SecretId is an invalid name",
            REPORTED,
            "The model's least length is checked first, so it is a constraint violation.",
            "unit/wire/test_constraints.py::test_length_and_value_out_of_range_are_named_with_the_value",
        ),
        kept(
            "case counts; slashes are kept as they are",
            RECORDED,
            "operations/test_secret_ids.py::test_case_and_slashes_of_names_count",
        ),
        kept(
            "a name is unique in its account and Region",
            DOCUMENTED,
            "operations/test_secret_ids.py::test_regions_and_accounts_have_names_of_their_own",
        ),
        kept(
            "an ARN is the name, a hyphen and six alphanumerics",
            RECORDED,
            "operations/test_secret_ids.py::test_an_arn_is_the_name_a_hyphen_and_six_alphanumerics",
            "operations/test_traps.py::test_an_arn_ends_in_six_characters_and_never_comes_back",
        ),
        kept(
            "a secret made again under its name has another suffix",
            RECORDED,
            (
                "operations/test_create_secret.py::test_a_recreated_secret_has_another_suffix_and_the_old_arn_names_nothing"
            ),
        ),
        kept(
            "the partition follows the Region",
            INFERRED,
            "operations/test_secret_ids.py::test_the_partition_follows_the_region",
            "unit/domain/test_identifiers.py::test_the_partition_follows_the_region",
        ),
        kept(
            "a SecretId that is a name matches the whole name, in the caller's account and Region",
            DOCUMENTED,
            "operations/test_secret_ids.py::test_a_bare_name_is_compared_with_names_only",
            "unit/domain/test_identifiers.py::test_a_bare_name_stays_in_the_callers_account_and_region",
        ),
        kept(
            "a whole ARN matches exactly",
            RECORDED,
            "unit/domain/test_identifiers.py::test_an_arn_with_suffix_names_exactly",
            (
                "operations/test_secret_ids.py::test_an_arn_without_its_suffix_names_the_secret_unless_the_name_itself_ends_like_one"
            ),
        ),
        kept(
            "an ARN without its suffix finds the secret of that name",
            RECORDED,
            (
                "operations/test_secret_ids.py::test_an_arn_without_its_suffix_names_the_secret_unless_the_name_itself_ends_like_one"
            ),
            "unit/domain/test_identifiers.py::test_an_arn_without_suffix_names_by_name",
        ),
        kept(
            "but not if the name itself ends in a hyphen and six alphanumerics",
            RECORDED,
            (
                "operations/test_secret_ids.py::test_an_arn_without_its_suffix_names_the_secret_unless_the_name_itself_ends_like_one"
            ),
            (
                "unit/domain/test_identifiers.py::test_a_partial_arn_of_a_name_with_a_six_character_tail_is_taken_as_complete"
            ),
        ),
        kept(
            "a wrong suffix, and a truncated name, find nothing",
            INFERRED,
            "operations/test_secret_ids.py::test_an_arn_that_is_wrong_in_any_part_names_nothing",
        ),
        kept(
            "an ARN of another Region, service or kind finds nothing",
            INFERRED,
            "operations/test_secret_ids.py::test_an_arn_of_another_region_names_nothing_here",
            "unit/domain/test_identifiers.py::test_arns_of_anything_else_name_nothing",
        ),
        kept(
            "an ARN of another account is denied unless a policy allows it; a name never leaves its account",
            RECORDED,
            (
                "operations/test_secret_ids.py::test_an_arn_of_another_account_is_denied_and_its_name_means_the_callers_own"
            ),
        ),
        kept(
            "answers name the secret by its ARN and Name, whatever the request called it",
            RECORDED,
            "operations/test_secret_ids.py::test_the_answer_names_the_secret_whatever_the_request_called_it",
        ),
    ),
)
