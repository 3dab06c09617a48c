"""Rules of what a secret is given: keys, tags, values and the rest."""

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
