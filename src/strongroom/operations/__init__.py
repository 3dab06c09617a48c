"""The operations of Secrets Manager: one file each, and the one table that names them.

An operation that is not in the table does not exist: the answer is UnknownOperationException.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.operations import (
    associate_cross_account_replica,
    batch_get_secret_value,
    cancel_rotate_secret,
    create_secret,
    delete_resource_policy,
    delete_secret,
    describe_secret,
    disassociate_cross_account_replica,
    get_random_password,
    get_resource_policy,
    get_secret_value,
    list_resource_policies,
    list_secret_version_ids,
    list_secrets,
    put_resource_policy,
    put_secret_value,
    remove_regions_from_replication,
    replicate_secret_to_regions,
    restore_secret,
    rotate_secret,
    stop_replication_to_replica,
    tag_resource,
    untag_resource,
    update_secret,
    update_secret_version_stage,
    validate_resource_policy,
)
from strongroom.operations.base import Operation

OPERATIONS: Final[dict[str, Operation[Any]]] = {
    operation.name: operation
    for operation in (
        associate_cross_account_replica.OPERATION,
        batch_get_secret_value.OPERATION,
        cancel_rotate_secret.OPERATION,
        create_secret.OPERATION,
        delete_resource_policy.OPERATION,
        delete_secret.OPERATION,
        describe_secret.OPERATION,
        disassociate_cross_account_replica.OPERATION,
        get_random_password.OPERATION,
        get_resource_policy.OPERATION,
        get_secret_value.OPERATION,
        list_resource_policies.OPERATION,
        list_secret_version_ids.OPERATION,
        list_secrets.OPERATION,
        put_resource_policy.OPERATION,
        put_secret_value.OPERATION,
        replicate_secret_to_regions.OPERATION,
        remove_regions_from_replication.OPERATION,
        stop_replication_to_replica.OPERATION,
        restore_secret.OPERATION,
        rotate_secret.OPERATION,
        tag_resource.OPERATION,
        untag_resource.OPERATION,
        update_secret.OPERATION,
        update_secret_version_stage.OPERATION,
        validate_resource_policy.OPERATION,
    )
}
