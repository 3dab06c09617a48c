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
    untested,
)

ACROSS: Final = Section(
    "Other accounts",
    (
        untested("with a policy, another account describes, lists versions, tags, deletes, restores by ARN", RECORDED),
        untested("values under the default key stay closed to it", RECORDED),
        untested(
            "values under a customer key are open to it",
            RECORDED,
            "Only of the owner's keys: the key itself needs no grant.",
        ),
        kept(
            "ListSecrets never shows another account's secrets",
            RECORDED,
            "operations/test_list_secrets.py::test_accounts_and_regions_do_not_see_each_other",
        ),
        untested("a cross-account replica is created empty, with a customer key, and waits as Pending", DOCUMENTED),
        untested("associated, it follows values and labels; everything else stays its own", DOCUMENTED),
        untested("a primary has at most one; dissociated, it is Detached", DOCUMENTED),
        differs(
            "associating asks for AcceptCrossAccountReplication, GetSecretValue and both keys",
            DOCUMENTED,
            (
                "Only AssociateCrossAccountReplica on the primary is asked for. The replica's managed policy is "
                "shown and not consulted."
            ),
        ),
        not_built("ReplicationRoleARN", DOCUMENTED, "Refused: there are no roles yet."),
    ),
)

POLICIES: Final = Section(
    "Resource policies",
    (
        untested("stored and returned byte for byte; Put replaces", DOCUMENTED),
        untested("no policy is no error for GetResourcePolicy and DeleteResourcePolicy", REPORTED),
        untested(
            "`Principal: *` is accepted unless BlockPublicPolicy is set", RECORDED, "That it can be read is tested."
        ),
        kept(
            "BlockPublicPolicy refuses broad access",
            DOCUMENTED,
            "unit/policy/test_public_access.py::test_public_policies_are_refused_with_the_documented_sentence",
            "unit/policy/test_public_access.py::test_an_allow_for_everyone_is_broad",
            "unit/policy/test_public_access.py::test_something_fixed_makes_it_narrow",
            "unit/policy/test_public_access.py::test_what_fixes_nothing_leaves_it_broad",
            why="The rule is tested, the operation is not.",
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
        differs(
            "a principal that does not exist is refused",
            DOCUMENTED,
            "No operation asks: accounts exist here, users and roles do not yet. The rule itself is written.",
            "unit/policy/test_document.py::test_a_principal_that_does_not_exist_is_refused",
        ),
        not_built(
            "a principal that was deleted turns into its id on reads",
            REPORTED,
            "Policies are returned as they were stored.",
        ),
        differs(
            "PutResourcePolicy refuses a policy that locks its account out",
            DOCUMENTED,
            "It is stored; ValidateResourcePolicy tells of it.",
        ),
        kept(
            "ValidateResourcePolicy reports broad access and lock-out together",
            DOCUMENTED,
            "unit/policy/test_public_access.py::test_findings_are_reported_together",
            "unit/policy/test_public_access.py::test_a_deny_of_the_whole_account_locks_it_out",
            why="The rule is tested, the operation is not.",
        ),
        kept(
            "ValidateResourcePolicy raises for a policy that cannot be read",
            DOCUMENTED,
            "unit/policy/test_public_access.py::test_what_cannot_be_read_raises",
            why="The rule is tested, the operation is not.",
        ),
        differs(
            "ValidateResourcePolicy needs PutResourcePolicy as well",
            DOCUMENTED,
            "Only its own permission is asked for.",
        ),
        untested("an illegal SecretId is an invalid name for ValidateResourcePolicy too", RECORDED),
        untested("Put and Delete take the policy `default` only; Get of an unknown name is not found", DOCUMENTED),
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
            "unit/policy/test_decision.py::test_an_explicit_deny_wins_over_every_allow_the_root_included",
            "unit/policy/test_decision.py::test_a_deny_in_any_policy_of_the_secret_counts_and_allows_add_up",
            "unit/policy/test_decision.py::test_another_account_needs_both_policies",
        ),
        untested(
            "requests and secrets give the documented condition keys",
            DOCUMENTED,
            "How conditions are judged is tested, not that the keys are filled in.",
        ),
        not_built(
            "identity policies of users and roles",
            DOCUMENTED,
            "Accounts have their root only, which may do everything in its account.",
        ),
    ),
)
