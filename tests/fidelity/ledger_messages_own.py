"""Messages in words of Strongroom's own, where nobody has recorded what AWS says."""

from __future__ import annotations

from typing import Final

from fidelity.message_rows import (
    IPE,
    IRE,
    LEE,
    RNF,
    said,
)
from fidelity.rows import (
    DOCUMENTED,
    INFERRED,
    Evidence,
    Message,
    Section,
)


def ours(code: str, text: str, what: str, *tests: str, known: Evidence = INFERRED, why: str = "") -> Message:
    """Return a text of Strongroom's own; `known` is how the error's class is known."""
    return said("", code, text, what, known, *tests, why=why)


OWN_WORDS: Final = Section(
    "Messages in our own words",
    (
        ours(
            IPE,
            "You must specify at least one of the parameters MoveToVersionId and RemoveFromVersionId.",
            "UpdateSecretVersionStage without a version",
            (
                "operations/test_update_secret_version_stage.py::test_a_move_against_the_rules_is_refused_and_changes_nothing"
            ),
        ),
        ours(
            LEE,
            "You can't attach more than {most} staging labels to the versions of a secret.",
            "a twenty-first label",
            known=DOCUMENTED,
            why="The refusal is tested, the text is not.",
        ),
        ours(LEE, "You can't have more than {most} secrets in this Region.", "quota of secrets", known=DOCUMENTED),
        ours(
            LEE,
            (
                "You can't have more than {most} versions of a secret. Versions without staging labels are removed "
                "when they are 24 hours old."
            ),
            "quota of versions",
            known=DOCUMENTED,
        ),
        ours(
            IPE,
            "You can't attach more than {most} tags to a secret.",
            "a fifty-first tag",
            "unit/domain/test_tags.py::test_more_than_fifty_tags_are_refused",
        ),
        ours(
            IPE,
            "You can't add or remove the tag key {key}. Tag keys that start with {prefix} are reserved for AWS use.",
            "a reserved tag key",
            "operations/test_order_of_checks.py::test_inconsistent_parameters_come_before_authorization_and_existence",
        ),
        ours(
            IPE,
            "You can't specify the tag key {key} more than once in the same request.",
            "a repeated tag key",
            "unit/domain/test_tags.py::test_a_key_named_twice_in_one_call_is_refused",
        ),
        ours(
            IPE,
            "You must specify a key for every tag.",
            "a tag without a key",
            "operations/test_tag_resource.py::test_a_tag_needs_a_key_and_may_lack_a_value",
        ),
        ours(
            "InvalidNextTokenException",
            "Invalid pagination token.",
            "a token that was made up or belongs to another call",
            "unit/crypto/test_page_tokens.py::test_what_was_made_up_is_refused",
            known=DOCUMENTED,
        ),
        ours(
            "SerializationException",
            "The request body is not valid JSON.",
            "no JSON",
            why=(
                "It stands twice in one module, so it does not count as kept; tests/unit/wire/test_awsjson.py shows it."
            ),
        ),
        ours(
            "InternalServiceError",
            "An error occurred on the server side.",
            "an unexpected failure",
            "unit/wire/test_core.py::test_an_unexpected_failure_tells_the_client_nothing_but_a_request_id",
            known=DOCUMENTED,
        ),
        ours(
            IPE,
            "The secret {ARN} is not a replica secret.",
            "StopReplicationToReplica at no replica",
            why="The refusal is tested, the text is not.",
        ),
        ours(
            IPE,
            "The secret has no replica in region {region}.",
            "RemoveRegionsFromReplication",
            why="The refusal is tested, the text is not.",
        ),
        ours(
            IPE,
            "CrossAccountPrimaryARN can't be used. {why}",
            "CreateSecret of a cross-account replica",
            (
                "operations/test_cross_account_replicas.py::test_the_primary_must_be_a_secret_of_another_account_in_the_same_region"
            ),
        ),
        ours(
            IPE,
            "You can't specify {member} together with CrossAccountPrimaryARN.",
            "CreateSecret of a cross-account replica",
            "operations/test_cross_account_replicas.py::test_a_replica_is_made_without_what_it_gets_from_its_primary",
            known=DOCUMENTED,
        ),
        ours(
            IPE,
            "A cross-account replica needs a customer managed KMS key in KmsKeyId.",
            "CreateSecret of a cross-account replica",
            "operations/test_cross_account_replicas.py::test_a_replica_needs_a_customer_managed_key",
            known=DOCUMENTED,
        ),
        ours(
            IPE,
            (
                "The secret {ARN} is not a cross-account replica of {primary}. Its owner must create it with "
                "CrossAccountPrimaryARN set to that ARN."
            ),
            "AssociateCrossAccountReplica",
            "operations/test_cross_account_replicas.py::test_only_a_secret_made_for_this_primary_can_be_associated",
        ),
        ours(
            LEE,
            "A primary secret can have at most one cross-account replica.",
            "AssociateCrossAccountReplica",
            "operations/test_cross_account_replicas.py::test_a_primary_has_at_most_one",
            known=DOCUMENTED,
        ),
        ours(
            IPE,
            "The secret {ARN} is not associated with this primary secret.",
            "DisassociateCrossAccountReplica",
            "operations/test_cross_account_replicas.py::test_what_is_not_associated_cannot_be_dissociated",
        ),
        ours(
            IPE,
            "This version of Strongroom does not support the parameter ReplicationRoleARN.",
            "AssociateCrossAccountReplica with a role",
            "operations/test_cross_account_replicas.py::test_a_role_is_refused_never_ignored",
        ),
        ours(
            "ReplicationStatus",
            "Replication failed: the replica secret was deleted, or is no replica any more.",
            "a cross-account replica that is gone",
        ),
        ours(
            "ReplicationStatus",
            "Replication failed: {reason}",
            "a replica that cannot follow",
            why="That the reason is in it is tested, the whole text is not.",
        ),
        ours(
            IPE,
            "You can't change the resource policy {name}. You can change only {default}.",
            "Put or DeleteResourcePolicy of another name",
            "operations/test_resource_policies.py::test_default_may_be_named_and_any_other_name_cannot_be_written",
            known=DOCUMENTED,
        ),
        ours(
            RNF,
            "Secrets Manager can't find the resource policy {name} of the secret.",
            "GetResourcePolicy of another name",
            "operations/test_resource_policies.py::test_default_may_be_named_and_any_other_name_cannot_be_written",
            known=DOCUMENTED,
        ),
        ours(
            "ValidationErrors",
            "This resource policy grants broad access to your secret. See {statement}.",
            "broad access, found by ValidateResourcePolicy",
            "unit/policy/test_public_access.py::test_findings_are_reported_together",
            known=DOCUMENTED,
        ),
        ours(
            IRE,
            "You can't cancel rotation for a secret that was never configured for rotation.",
            "CancelRotateSecret",
            "operations/test_rotate_secret.py::test_what_was_never_configured_cannot_be_cancelled",
            "unit/domain/test_rotation.py::test_only_what_was_configured_once_can_be_cancelled",
        ),
        ours(
            IPE,
            "You can't specify RotationLambdaARN for a managed external secret, because it rotates without one.",
            "RotateSecret of a secret with a Type",
            "operations/test_rotate_secret.py::test_an_external_secret_needs_a_role_and_takes_no_function",
            "unit/domain/test_rotation.py::test_members_that_mean_nothing_to_the_kind_of_secret_are_refused",
        ),
        ours(
            IPE,
            (
                "You can't specify ExternalSecretRotationRoleArn or ExternalSecretRotationMetadata for a secret "
                "without a Type, because only managed external secrets use them."
            ),
            "RotateSecret of a secret without a Type",
            "unit/domain/test_rotation.py::test_members_that_mean_nothing_to_the_kind_of_secret_are_refused",
        ),
        ours(
            IRE,
            "No rotation role ARN is associated with this managed external secret.",
            "RotateSecret of a secret with a Type",
            "operations/test_rotate_secret.py::test_an_external_secret_needs_a_role_and_takes_no_function",
            "unit/domain/test_rotation.py::test_an_external_secret_needs_a_role_once",
        ),
        ours(
            IRE,
            "Rotation of managed external secrets of type {type} is not supported here.",
            "nothing yet",
            "unit/domain/test_rotation.py::test_a_type_without_a_rotator_says_which",
            why="No operation says it: RotateSecret does not look at the kind of Type.",
        ),
    ),
)
