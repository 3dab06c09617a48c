"""Rules of what other accounts may do, and of the policies that decide it."""

from __future__ import annotations

from typing import Final

from fidelity.rows import (
    DOCUMENTED,
    RECORDED,
    REPORTED,
    Section,
    differs,
    kept,
    not_built,
)

ACROSS: Final = Section(
    "Other accounts",
    (
        kept(
            "with a policy, another account describes, lists versions, tags, deletes, restores by ARN",
            RECORDED,
            "operations/test_cross_account.py::test_a_granted_account_does_everything_that_touches_no_value",
        ),
        kept(
            "values under the default key stay closed to it",
            RECORDED,
            "operations/test_cross_account.py::test_a_value_under_the_default_key_is_refused_across_accounts",
            (
                "operations/test_cross_account.py::test_what_was_shared_may_be_returned_to_the_default_key_and_is_refused_again"
            ),
        ),
        kept(
            "values under a customer key are open to it",
            RECORDED,
            "operations/test_cross_account.py::test_a_value_under_a_customer_key_is_read_and_written_across_accounts",
            "operations/test_batch_get_secret_value.py::test_another_accounts_secret_is_read_where_its_policy_allows",
            why="The owner's keys only: a key needs no grant.",
        ),
        kept(
            "ListSecrets never shows another account's secrets",
            RECORDED,
            "operations/test_cross_account.py::test_a_listing_never_shows_what_another_account_shares",
            "operations/test_list_secrets.py::test_accounts_and_regions_do_not_see_each_other",
        ),
        kept(
            "a cross-account replica is created empty, with a customer key, and waits as Pending",
            DOCUMENTED,
            "operations/test_cross_account_replicas.py::test_a_new_replica_is_pending_empty_and_knows_its_primary",
            "operations/test_cross_account_replicas.py::test_a_replica_is_made_without_what_it_gets_from_its_primary",
            "operations/test_cross_account_replicas.py::test_a_replica_needs_a_customer_managed_key",
        ),
        kept(
            "associated, it follows values and labels; everything else stays its own",
            DOCUMENTED,
            "operations/test_cross_account_replicas.py::test_values_and_labels_follow_every_change_of_the_primary",
            "operations/test_cross_account_replicas.py::test_tags_policy_and_description_stay_each_sides_own",
            "operations/test_cross_account_replicas.py::test_what_follows_the_primary_cannot_be_changed_at_the_replica",
        ),
        kept(
            "a primary has at most one; dissociated, it is Detached",
            DOCUMENTED,
            "operations/test_cross_account_replicas.py::test_a_primary_has_at_most_one",
            "operations/test_cross_account_replicas.py::test_a_dissociated_replica_is_detached_and_keeps_what_it_has",
        ),
        kept(
            "associating asks for GetSecretValue on the primary and AcceptCrossAccountReplication on the replica",
            DOCUMENTED,
            "operations/test_cross_account_replicas.py::test_the_replicas_owner_may_refuse_by_policy",
            "operations/test_cross_account_replicas.py::test_who_may_not_read_the_primary_may_not_have_it_copied",
            (
                "operations/test_cross_account_replicas.py::test_the_managed_policy_lets_the_primarys_account_accept_and_nothing_else"
            ),
        ),
        not_built(
            "associating tries both keys out, and changes nothing if one fails",
            DOCUMENTED,
            "The copy fails, and says so in its status.",
        ),
        not_built("ReplicationRoleARN", DOCUMENTED, "Refused: copies are made by the server itself."),
    ),
)

POLICIES: Final = Section(
    "Resource policies",
    (
        kept(
            "stored and returned byte for byte; Put replaces",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_a_policy_comes_back_byte_for_byte",
            "operations/test_resource_policies.py::test_a_put_replaces_the_whole_policy",
        ),
        kept(
            "no policy is no error for GetResourcePolicy and DeleteResourcePolicy",
            REPORTED,
            "operations/test_resource_policies.py::test_a_secret_without_a_policy_answers_without_one",
            "operations/test_resource_policies.py::test_deleting_no_policy_succeeds_and_is_no_change",
        ),
        kept(
            "`Principal: *` is accepted unless BlockPublicPolicy is set",
            RECORDED,
            "operations/test_resource_policies.py::test_a_broad_policy_is_accepted_unless_it_is_to_be_blocked",
        ),
        kept(
            "BlockPublicPolicy refuses broad access",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_a_broad_policy_is_accepted_unless_it_is_to_be_blocked",
            "unit/policy/test_public_access.py::test_public_policies_are_refused_with_the_documented_sentence",
            "unit/policy/test_public_access.py::test_an_allow_for_everyone_is_broad",
            "unit/policy/test_public_access.py::test_something_fixed_makes_it_narrow",
            "unit/policy/test_public_access.py::test_what_fixes_nothing_leaves_it_broad",
        ),
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
        kept(
            "a principal that does not exist is refused",
            DOCUMENTED,
            "operations/test_identities_decide.py::test_a_policy_naming_whom_nobody_knows_is_refused",
            "unit/policy/test_document.py::test_a_principal_that_does_not_exist_is_refused",
        ),
        kept(
            "a principal means the one that had its ARN then; once deleted it turns into its id on reads",
            REPORTED,
            "operations/test_identities_decide.py::test_a_user_made_again_under_the_same_name_is_somebody_else",
            "operations/test_identities_decide.py::test_a_grant_follows_a_user_whose_name_changes",
        ),
        differs(
            "PutResourcePolicy refuses a policy that locks its account out",
            DOCUMENTED,
            "It is stored; ValidateResourcePolicy tells of it.",
        ),
        kept(
            "ValidateResourcePolicy reports broad access and lock-out together",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_findings_are_answers_and_no_errors",
            "unit/policy/test_public_access.py::test_findings_are_reported_together",
            "unit/policy/test_public_access.py::test_a_deny_of_the_whole_account_locks_it_out",
        ),
        kept(
            "ValidateResourcePolicy raises for a policy that cannot be read",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_what_is_no_policy_is_refused_and_the_old_one_stays",
            "unit/policy/test_public_access.py::test_what_cannot_be_read_raises",
        ),
        kept(
            "ValidateResourcePolicy of a secret needs PutResourcePolicy as well",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_who_may_not_put_a_policy_may_not_have_one_validated",
        ),
        kept(
            "an illegal SecretId is an invalid name for ValidateResourcePolicy too",
            RECORDED,
            "operations/test_resource_policies.py::test_the_secret_that_is_named_must_exist_and_be_well_named",
        ),
        kept(
            "Put and Delete take the policy `default` only; Get of an unknown name is not found",
            DOCUMENTED,
            "operations/test_resource_policies.py::test_default_may_be_named_and_any_other_name_cannot_be_written",
        ),
        kept(
            "globs, variables, ARNs, actions and principals match as IAM's documents say",
            DOCUMENTED,
            "unit/policy/test_matching.py::test_globs",
            "unit/policy/test_matching.py::test_arn_patterns",
            "unit/policy/test_matching.py::test_actions",
            "unit/policy/test_matching.py::test_how_a_principal_is_named",
        ),
        kept(
            "operators of conditions, sets, absent keys and variables are judged as IAM's documents say",
            DOCUMENTED,
            "unit/policy/test_conditions.py::test_a_single_value",
            "unit/policy/test_conditions.py::test_an_absent_key",
            "unit/policy/test_conditions.py::test_set_operators_test_each_value",
            "unit/policy/test_conditions.py::test_variables_are_filled_in",
        ),
        kept(
            "a Deny anywhere denies; one account needs one Allow, two accounts need two",
            DOCUMENTED,
            "operations/test_cross_account.py::test_an_explicit_deny_denies_the_root_of_the_own_account_too",
            "operations/test_cross_account.py::test_a_deny_wins_over_a_grant",
            (
                "operations/test_cross_account.py::test_without_a_grant_every_call_is_denied_whether_the_secret_exists_or_not"
            ),
            "unit/policy/test_decision.py::test_an_explicit_deny_wins_over_every_allow_the_root_included",
            "unit/policy/test_decision.py::test_a_deny_in_any_policy_of_the_secret_counts_and_allows_add_up",
            "unit/policy/test_decision.py::test_another_account_needs_both_policies",
        ),
        kept(
            "requests and secrets give the documented condition keys",
            DOCUMENTED,
            "operations/test_cross_account.py::test_a_condition_on_the_request_decides",
            "operations/test_cross_account.py::test_a_condition_on_facts_of_the_secret_decides",
            "operations/test_cross_account.py::test_a_condition_on_version_stage_needs_the_stage_to_be_sent",
        ),
    ),
)
