"""KMS keys for tests: no operation makes them yet."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey
from strongroom.storage.base import Transaction
from support.deployment import Deployment


def create_key(deployment: Deployment, *aliases: str, manager: KeyManager = KeyManager.CUSTOMER) -> KmsKey:
    """Create a key in the deployment's account and region, with aliases if any are given."""

    def work(tx: Transaction) -> KmsKey:
        key = deployment.node.service.around.vault.create_key(
            tx,
            account_id=deployment.account_id,
            region=deployment.region,
            now=deployment.clock.now(),
            manager=manager,
            description="of a test",
        )
        for alias in aliases:
            tx.insert_kms_alias(deployment.account_id, deployment.region, alias, key.key_id)
        return key

    return deployment.node.storage.write(work)


def change_state(deployment: Deployment, key: KmsKey, state: KeyState) -> None:
    deployment.node.storage.write(lambda tx: tx.put_kms_key(replace(key, state=state)))


def key_of_version(deployment: Deployment, arn: str, version_id: str) -> str:
    """Return the ARN of the key that seals a version, as the database holds it."""

    def work(tx: Transaction) -> str:
        secret = tx.find_secret_by_arn(deployment.account_id, deployment.region, arn)
        assert secret is not None
        version = tx.find_version(secret, version_id)
        assert version is not None
        assert version.sealed is not None
        return version.sealed.key_arn

    return deployment.node.storage.read(work)
