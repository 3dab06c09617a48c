"""Rules of users, roles, sessions and their policies: what IAM and STS do."""

from __future__ import annotations

from typing import Final

from fidelity.rows import DOCUMENTED, INFERRED, RECORDED, REPORTED, Section, differs, kept, not_built

_DECIDE = "operations/test_identities_decide.py::"
_ROLES = "companions/sts/test_sts_assume_role.py::"
_TOKENS = "companions/sts/test_sts_web_identity.py::"
_OWN = "companions/sts/test_sts_own_credentials.py::"

DECISIONS: Final = Section(
    "Who may do what",
    (
        kept(
            "identity policies, groups, boundaries, session and resource policies decide together as documented",
            DOCUMENTED,
            "unit/policy/test_decision_table.py::test_every_combination_is_decided_as_iam_s_rules_say",
            f"{_DECIDE}test_a_group_grants_to_its_members_for_as_long_as_they_are_members",
            f"{_DECIDE}test_a_boundary_bounds_and_grants_nothing",
            f"{_DECIDE}test_a_session_is_told_by_its_own_name_and_narrowed_by_its_own_policy",
        ),
        kept(
            "permission is decided before existence",
            RECORDED,
            f"{_DECIDE}test_permission_is_decided_before_existence",
        ),
        kept(
            "each action is about the resource, and may ask for the condition keys, of AWS's reference",
            DOCUMENTED,
            "operations/test_declared_permissions.py::test_an_operation_fills_the_keys_of_its_action",
            "operations/test_declared_permissions.py::test_an_operation_names_a_secret_where_its_action_is_about_one",
            "operations/test_declared_permissions.py::test_every_action_but_a_permission_alone_is_an_operation",
        ),
        kept(
            "tags at creation need TagResource on the ARN that already has its suffix",
            RECORDED,
            f"{_DECIDE}test_tagging_at_creation_needs_permission_about_the_arn_that_the_secret_will_have",
        ),
        kept(
            "replicas at creation need ReplicateSecretToRegions",
            DOCUMENTED,
            f"{_DECIDE}test_replicas_at_creation_need_permission_to_replicate",
        ),
        kept(
            "a batch asks for each secret; one that is denied becomes an error of its own",
            DOCUMENTED,
            f"{_DECIDE}test_a_batch_is_read_secret_by_secret",
        ),
        kept(
            "a customer's key needs kms:Decrypt to read and kms:GenerateDataKey to write, through the service",
            DOCUMENTED,
            f"{_DECIDE}test_a_customers_key_needs_permission_of_its_own",
            f"{_DECIDE}test_writing_under_a_customers_key_needs_a_data_key",
        ),
        kept(
            "the stage is a condition key only when it was sent",
            RECORDED,
            f"{_DECIDE}test_a_condition_on_the_stage_needs_the_stage_to_be_sent",
        ),
        differs(
            "KMS keys have policies of their own",
            DOCUMENTED,
            "They have the default key policy, which leaves the decision to identity policies.",
        ),
        not_built(
            "service control policies and policies of VPC endpoints",
            DOCUMENTED,
            "There are no organizations and no endpoints.",
        ),
    ),
)

SESSIONS: Final = Section(
    "Temporary credentials",
    (
        kept(
            "a role that names a principal is assumed by it; one that names an account by whom policies let",
            DOCUMENTED,
            f"{_ROLES}test_a_role_that_names_a_user_is_assumed_by_that_user",
            f"{_ROLES}test_a_role_that_names_an_account_is_assumed_by_whom_policies_let",
            f"{_ROLES}test_another_account_needs_the_trust_and_its_own_policies",
        ),
        kept("a root assumes no role", RECORDED, f"{_ROLES}test_the_root_assumes_no_role"),
        kept(
            "sessions last 900 seconds to the role's maximum, an hour at most in a chain",
            DOCUMENTED,
            f"{_ROLES}test_credentials_last_as_long_as_asked_but_not_longer_than_the_role_says",
            f"{_ROLES}test_a_chain_of_roles_lasts_an_hour_at_most",
        ),
        kept(
            "session tags override, transitive ones are handed down, a source identity stays",
            DOCUMENTED,
            f"{_ROLES}test_session_tags_override_those_of_the_role",
            f"{_ROLES}test_transitive_tags_are_handed_down_and_cannot_be_set_again",
            f"{_ROLES}test_a_source_identity_stays_through_a_chain_and_cannot_be_changed",
        ),
        kept(
            "a policy about the time of issue revokes older sessions",
            DOCUMENTED,
            f"{_ROLES}test_a_deny_of_older_sessions_revokes_them",
            f"{_DECIDE}test_older_sessions_are_revoked_by_a_policy_about_their_issue",
        ),
        kept(
            "GetCallerIdentity answers every proven caller, against a Deny and by a presigned address too",
            DOCUMENTED,
            f"{_OWN}test_whoever_can_prove_it_learns_who_it_is_even_against_a_deny",
            "conformance/test_sts.py::test_a_presigned_address_proves_who_signed_it",
        ),
        kept(
            "an unknown issuer, a wrong audience and an expired token have the recorded sentences",
            RECORDED,
            f"{_TOKENS}test_an_issuer_that_the_account_does_not_know_is_named",
            f"{_TOKENS}test_a_token_for_another_audience_is_refused",
            f"{_TOKENS}test_an_expired_token_has_its_own_code_and_status",
        ),
        kept(
            "a token that no role trusts is refused without naming anybody",
            RECORDED,
            f"{_TOKENS}test_another_subject_is_denied_without_a_reason",
        ),
        kept(
            "credential chains of SDKs work unchanged: profiles, token files, containers, programs",
            DOCUMENTED,
            "conformance/test_sts.py::test_a_profile_with_a_role_and_a_source_profile",
            "conformance/test_sts.py::test_a_role_and_a_token_in_a_file",
            "conformance/test_sts.py::test_an_address_and_a_token_in_a_file",
            "conformance/test_sts.py::test_javascript_with_a_token_in_a_file",
        ),
        kept(
            "IAM takes no session of a user or root without a second factor",
            DOCUMENTED,
            "unit/wire/test_query_core.py::test_iam_takes_no_session_of_a_user_or_root",
        ),
        differs(
            "a presigned request is good for 15 minutes, whatever it says about its own end",
            REPORTED,
            "It ends when it says, and after 15 minutes at the latest.",
        ),
        not_built(
            "second factors, SAML, GetFederationToken, DecodeAuthorizationMessage",
            DOCUMENTED,
            "Refused, or no operation of that name.",
            f"{_ROLES}test_a_second_factor_and_other_contexts_are_refused",
            "companions/sts/test_sts_model.py::test_every_operation_of_the_model_is_offered_or_has_its_reason",
        ),
    ),
)

IDENTITIES: Final = Section(
    "Users, roles and policies",
    (
        kept(
            "members, limits and errors are those of the service model",
            DOCUMENTED,
            "companions/test_iam_model.py::test_wire_types_are_those_of_the_service_model_but_for_the_table",
            "unit/wire/test_faults.py::test_companion_errors_have_the_codes_and_statuses_of_the_service_models",
        ),
        kept(
            "names differ in more than their case; whoever is made again is somebody else",
            DOCUMENTED,
            "companions/test_iam_users.py::test_names_differ_in_more_than_their_case",
            "companions/test_iam_users.py::test_a_user_made_again_is_another_one",
        ),
        kept(
            "what still has something is not deleted",
            RECORDED,
            "companions/test_iam_users.py::test_a_user_that_still_has_something_is_not_deleted",
            "companions/test_iam_policies.py::test_a_policy_in_use_or_with_more_versions_is_not_deleted",
        ),
        kept(
            "a user has two access keys at most, a policy five versions",
            DOCUMENTED,
            "companions/test_iam_access_keys.py::test_a_user_has_two_keys_at_most",
            "companions/test_iam_policies.py::test_a_policy_has_five_versions_at_most",
        ),
        kept(
            "permissions are handed out within a boundary only",
            DOCUMENTED,
            "companions/test_iam_users.py::test_somebody_may_hand_out_permissions_within_a_boundary_only",
        ),
        kept(
            "a document that is no policy is refused with IAM's sentences",
            RECORDED,
            "companions/test_iam_policies.py::test_a_document_that_is_no_policy_is_refused",
            "companions/test_iam_groups_and_roles.py::test_a_trust_policy_that_is_none_is_refused",
        ),
        kept(
            "a marker of another list is refused",
            INFERRED,
            "companions/test_iam_users.py::test_a_marker_of_another_list_is_refused",
        ),
        not_built(
            "passwords, second factors, signing certificates, SSH keys, instance profiles",
            DOCUMENTED,
            "Lists of them are empty, since there are none.",
            "companions/test_iam_users.py::test_what_does_not_exist_here_is_told_so",
        ),
    ),
)
