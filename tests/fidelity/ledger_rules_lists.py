"""Rules of listings, batches, random passwords and quotas."""

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
)

FILTERS: Final = Section(
    "Filters",
    (
        kept(
            "ten filters, ten values each of 512 characters, of one pattern",
            DOCUMENTED,
            "unit/wire/test_constraints.py::test_a_bad_filter_value_names_length_before_pattern",
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
        kept(
            "another key is a constraint violation that names the seven",
            EMULATORS,
            "unit/wire/test_constraints.py::test_members_of_structures_in_lists_are_named_by_position_from_one",
        ),
        kept(
            "no key and no values are refused",
            EMULATORS,
            "operations/test_list_secrets.py::test_a_filter_needs_a_key_and_values",
            why="An empty list of values is a constraint violation.",
        ),
        kept(
            "values of a filter: one is enough",
            VERIFIED,
            "unit/domain/test_filtering.py::test_one_value_of_a_filter_is_enough",
            "property/test_filtering_properties.py::test_values_combine_by_or",
        ),
        kept(
            "filters: all must hold",
            RECORDED,
            "unit/domain/test_filtering.py::test_filters_with_different_keys_must_all_hold",
            "property/test_filtering_properties.py::test_filters_combine_by_and",
        ),
        kept(
            "two filters of one key: both must hold",
            VERIFIED,
            "unit/domain/test_filtering.py::test_filters_with_the_same_key_must_all_hold",
        ),
        kept(
            "a leading `!` negates its value",
            RECORDED,
            "unit/domain/test_filtering.py::test_only_the_first_exclamation_mark_negates",
            "property/test_filtering_properties.py::test_a_filter_and_its_negation_partition_the_secrets",
        ),
        kept(
            "name: the beginning, case counts, no words",
            RECORDED,
            "unit/domain/test_filtering.py::test_name_matches_a_prefix_of_the_whole_name",
            "property/test_filtering_properties.py::test_a_name_filter_is_startswith",
        ),
        kept(
            "tag-key, tag-value: the beginning, case counts",
            DOCUMENTED,
            "unit/domain/test_filtering.py::test_tags_match_a_prefix_of_any_and_negation_means_none",
            "operations/test_list_secrets.py::test_filters_find",
        ),
        kept(
            "primary-region: the beginning, case counts",
            DOCUMENTED,
            (
                "unit/domain/test_filtering.py::test_region_and_service_match_a_prefix_and_negation_includes_secrets_without_them"
            ),
            "operations/test_replication.py::test_replicas_are_listed_and_filtered_by_their_primary_region",
        ),
        kept(
            "owning-service: the beginning, case counts (the user guide says that it does not)",
            DOCUMENTED,
            (
                "unit/domain/test_filtering.py::test_region_and_service_match_a_prefix_and_negation_includes_secrets_without_them"
            ),
        ),
        kept(
            "description: every word begins a word, in any position, case does not count",
            RECORDED,
            "unit/domain/test_filtering.py::test_description_matches_words",
            "unit/domain/test_filtering.py::test_description_words_may_have_others_between_them",
        ),
        kept(
            "all: as description, within one attribute",
            VERIFIED,
            "unit/domain/test_filtering.py::test_all_matches_words_of_any_attribute",
            "unit/domain/test_filtering.py::test_all_words_must_be_in_one_attribute",
        ),
        kept(
            "words end at separators, changes of case, and between letters and digits",
            VERIFIED,
            "unit/domain/test_filtering.py::test_all_splits_names_at_separators_and_changes_of_case",
            "unit/domain/test_filtering.py::test_words",
        ),
        kept(
            "a value without words finds nothing",
            VERIFIED,
            "unit/domain/test_filtering.py::test_a_value_without_words_matches_nothing_and_its_negation_everything",
        ),
        differs(
            "`all` does not find names that mix two separators",
            REPORTED,
            "Somebody saw it and could not say when; such names are found.",
            "unit/domain/test_filtering.py::test_all_splits_a_name_that_mixes_separators",
        ),
    ),
)

PAGES: Final = Section(
    "Order and pages",
    (
        kept(
            "oldest first unless asked",
            VERIFIED,
            "operations/test_list_secrets.py::test_the_default_order_is_by_creation_oldest_first",
        ),
        kept(
            "four orders, both ways; names in code-point order",
            DOCUMENTED,
            "operations/test_list_secrets.py::test_every_order_holds_every_secret_once_and_descending_is_its_reverse",
            "storage/test_listing_pages.py::test_names_are_in_code_point_order",
        ),
        kept(
            "a page may be short or empty and have a successor",
            DOCUMENTED,
            (
                "operations/test_list_secrets.py::test_a_call_examines_a_bounded_number_of_secrets_and_its_page_may_be_empty"
            ),
            "operations/test_list_secrets.py::test_a_page_of_scheduled_secrets_does_not_end_the_listing",
        ),
        kept(
            "a token is opaque and belongs to one listing with its parameters",
            DOCUMENTED,
            "operations/test_list_secrets.py::test_a_token_is_opaque_and_good_for_its_own_listing_only",
            "operations/test_list_secret_version_ids.py::test_a_token_is_good_for_its_own_listing_only",
            "unit/crypto/test_page_tokens.py::test_a_token_of_another_call_is_refused",
        ),
        kept(
            "a token that was made up is an InvalidNextTokenException",
            DOCUMENTED,
            "operations/test_traps.py::test_a_page_token_is_opaque_and_junk_is_refused",
            "unit/crypto/test_page_tokens.py::test_what_was_made_up_is_refused",
        ),
        kept(
            "MaxResults of 1 to 100",
            DOCUMENTED,
            "unit/wire/test_constraints.py::test_length_and_value_out_of_range_are_named_with_the_value",
        ),
        differs(
            "changes may take minutes to show",
            DOCUMENTED,
            "A listing shows what has been answered before.",
            "operations/test_list_secrets.py::test_a_listing_goes_on_when_secrets_come_and_go_between_its_pages",
        ),
        kept(
            "IncludePlannedDeletion adds scheduled secrets",
            DOCUMENTED,
            "operations/test_list_secrets.py::test_scheduled_secrets_are_hidden_unless_asked_for",
        ),
        kept(
            "version ids: labelled ones, all with IncludeDeprecated",
            RECORDED,
            "operations/test_list_secret_version_ids.py::test_deprecated_versions_appear_on_request_without_labels",
            "operations/test_list_secret_version_ids.py::test_labelled_versions_are_listed_with_dates_and_keys",
        ),
        kept(
            "version ids: the real ARN and Name, KmsKeyIds, dates",
            RECORDED,
            "operations/test_traps.py::test_version_ids_are_listed_with_the_real_arn_dates_and_keys_in_pages",
        ),
        kept(
            "version ids: a rotation's empty version is listed",
            INFERRED,
            "operations/test_rotation_placeholders.py::test_it_is_described_and_listed",
        ),
    ),
)

BATCH: Final = Section(
    "BatchGetSecretValue",
    (
        kept(
            "ids or filters, one of them",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_ids_or_filters_and_never_both",
        ),
        kept(
            "MaxResults and NextToken go with filters only",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_paging_needs_filters",
        ),
        kept(
            "20 ids, 20 results at most",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_twenty_secrets_are_read_and_twenty_one_ids_refused",
            "operations/test_batch_get_secret_value.py::test_a_page_has_one_to_twenty_secrets",
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
        kept(
            "only the current value",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_only_the_current_version_is_answered",
        ),
        kept(
            "what cannot be read is an entry in Errors, with GetSecretValue's code and text",
            DOCUMENTED,
            (
                "operations/test_batch_get_secret_value.py::test_what_cannot_be_read_is_an_entry_with_get_secret_values_own_error"
            ),
            "operations/test_batch_get_secret_value.py::test_a_value_that_cannot_be_decrypted_fails_alone",
        ),
        kept(
            "Errors is there when it is empty",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_an_entry_has_what_get_secret_value_answers",
        ),
        kept(
            "each secret is authorized, and recorded, as GetSecretValue; filters as ListSecrets",
            DOCUMENTED,
            (
                "operations/test_batch_get_secret_value.py::test_every_secret_has_a_record_of_its_own_and_the_batch_one_more"
            ),
            "operations/test_batch_get_secret_value.py::test_a_batch_by_filters_records_its_listing_too",
        ),
        kept(
            "ARNs of other accounts",
            DOCUMENTED,
            "operations/test_batch_get_secret_value.py::test_another_accounts_secret_is_read_where_its_policy_allows",
        ),
        kept(
            "filters leave out scheduled secrets",
            INFERRED,
            (
                "operations/test_batch_get_secret_value.py::test_filters_pass_over_scheduled_secrets_and_report_those_without_a_value"
            ),
        ),
    ),
)

PASSWORDS: Final = Section(
    "Random passwords",
    (
        kept(
            "A-Z, a-z, 0-9, 32 punctuation marks; the space on request",
            DOCUMENTED,
            "unit/domain/test_passwords.py::test_alphabets_are_those_documented",
        ),
        kept(
            "32 characters unless said; a length is met exactly",
            RECORDED,
            "operations/test_get_random_password.py::test_a_length_is_met_exactly",
            "unit/domain/test_passwords.py::test_length_is_met_exactly",
        ),
        kept(
            "each type not switched off is there; the space never need be",
            DOCUMENTED,
            "operations/test_get_random_password.py::test_a_password_has_32_characters_with_one_of_each_type",
            "operations/test_get_random_password.py::test_the_space_may_appear_and_is_never_required",
        ),
        kept(
            "excluded characters are not there",
            RECORDED,
            "operations/test_get_random_password.py::test_excluded_characters_do_not_appear",
            "property/test_passwords_properties.py::test_excluded_characters_never_appear",
        ),
        kept(
            "fewer characters than required types are refused",
            REPORTED,
            "unit/domain/test_passwords.py::test_a_length_below_the_number_of_required_types_is_refused",
        ),
        kept(
            "a required type without characters is refused",
            REPORTED,
            "unit/domain/test_passwords.py::test_an_emptied_required_type_is_refused_before_the_length",
        ),
        kept("nothing left is refused", REPORTED, "unit/domain/test_passwords.py::test_nothing_left_is_refused_first"),
        kept("only spaces is a password", INFERRED, "unit/domain/test_passwords.py::test_blanks_alone_make_a_password"),
        kept(
            "a length beyond 1 to 4096 is a constraint violation",
            DOCUMENTED,
            "operations/test_get_random_password.py::test_a_length_out_of_range_is_a_constraint_violation",
        ),
        kept(
            "a length of 1 is enough where types are not required",
            INFERRED,
            "unit/domain/test_passwords.py::test_one_character_is_enough_when_types_are_not_required",
        ),
        kept(
            "required characters stand anywhere",
            INFERRED,
            "unit/domain/test_passwords.py::test_required_types_stand_in_every_order_about_as_often",
            "operations/test_get_random_password.py::test_required_characters_stand_anywhere",
        ),
    ),
)

QUOTAS: Final = Section(
    "Quotas",
    (
        kept(
            "500,000 secrets in an account and Region",
            DOCUMENTED,
            "operations/test_quotas.py::test_an_account_has_so_many_secrets_in_a_region_and_not_one_more",
            why="Counted anew after a tenth of the room was used, so that two processes may overlook as much.",
        ),
        kept(
            "about 100 versions of a secret",
            DOCUMENTED,
            "operations/test_quotas.py::test_a_secret_has_so_many_versions_and_not_one_more",
            why="120: a hundred deprecated ones and twenty that can have labels.",
        ),
        kept(
            "20 labels over all versions of a secret",
            DOCUMENTED,
            "operations/test_put_secret_value.py::test_more_than_twenty_labels_on_a_secret_are_refused",
            "operations/test_update_secret_version_stage.py::test_a_twenty_first_label_is_refused",
            "property/test_staging_machine.py::TestLabelQuota",
        ),
        kept("50 tags", DOCUMENTED, "operations/test_tag_resource.py::test_a_secret_has_fifty_tags_at_most"),
        kept(
            "a value of 65,536 bytes",
            DOCUMENTED,
            (
                "operations/test_create_secret.py::test_a_text_longer_than_65536_bytes_is_refused_though_its_characters_are_fewer"
            ),
            "conformance/test_boto3.py::test_a_longer_value_does_not",
        ),
        kept(
            "a policy of 20,480 characters",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_a_policy_has_at_most_20480_characters",
            "test_service_model.py::test_wire_types_are_those_of_the_service_model",
        ),
        differs(
            "requests per second, by operation or group, charged to the caller's account",
            DOCUMENTED,
            "AWS's rates are off unless the setting asks for them, and count in each process by itself.",
            "operations/test_quotas.py::test_rates_are_off_unless_asked_for",
            "operations/test_quotas.py::test_a_seconds_worth_comes_at_once_and_the_next_call_is_throttled",
        ),
    ),
)
